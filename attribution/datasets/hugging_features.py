"""What the columns of a Hugging Face dataset are, as its files describe them: pictures, and classes with their
names."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attribution.datasets.words import tidy
from attribution.tasks.targets import parts_of

if TYPE_CHECKING:
    import pandas as pd


def of_schema(schema: Any) -> dict[str, Any]:
    """The description that an Arrow schema carries; {} where there is none, or none that can be read."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):  # only a hint: the columns are there without it
        return {}
    return features if isinstance(features, dict) else {}


def pictures(features: dict[str, Any]) -> list[str]:
    """The columns of pictures."""
    return [name for name, feature in features.items() if isinstance(feature, dict) and feature.get("_type") == "Image"]


def class_names(feature: Any) -> list[str]:
    """The class names of a column, or of the lists in it; [] where it holds something else."""
    if isinstance(feature, list) and len(feature) == 1:
        return class_names(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or []]
    return class_names(feature.get("feature"))


def named(values: Iterable[Any], names: list[str]) -> list[Any]:
    """Class numbers (or lists of them) by name; None for -1 and for no value, a word as it is."""
    return [_named(value, names) for value in values]


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, str):
        return value
    if hasattr(value, "__len__"):
        return [_named(one, names) for one in value]
    if value is None or value != value or int(value) == -1:
        return None
    number = int(value)
    return names[number] if 0 <= number < len(names) else str(number)


def in_order(names: list[str], words: Iterable[str]) -> tuple[str, ...]:
    """The classes that occur among ``words`` (labels, or several joined), in the order of their numbers, which is that
    of a model's outputs; () where others do."""
    labels = set(words) - {""}
    found = labels if labels <= set(names) else {part for word in labels for part in parts_of(word)}
    return tuple(name for name in names if name in found) if found <= set(names) else ()


def name_classes(frame: "pd.DataFrame", columns: Iterable[str], features: dict[str, Any]) -> None:
    """Put names in the place of class numbers, and say their order in ``frame.attrs["classes"]``."""
    found = {name: known for name in columns if (known := class_names(features.get(name)))}
    for name, known in found.items():
        frame[name] = named(frame[name], known)
    frame.attrs["classes"] = {tidy(name): known for name, known in found.items()}
