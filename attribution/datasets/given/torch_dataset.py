"""PyTorch: a map-style Dataset (or a list of samples), whose items are pairs, named tuples, data classes or dicts."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attribution.datasets.given import register
from attribution.datasets.given.base import Kind, Part, Row, Wanted, names_of
from attribution.datasets.names import NO_PROJECT
from attribution.errors import UserError

LOADERS = {"torch:DataLoader", "lightning:LightningDataModule", "pytorch_lightning:LightningDataModule"}


@register("torch")
class Torch(Kind):
    """Every item once, in order; what an item is made of is looked at, not guessed from the dataset."""

    title = "a torch.utils.data.Dataset"
    types = ("torch:Dataset", "torch:DataLoader", "lightning:LightningDataModule", "builtins.list")

    def knows(self, data: Any) -> bool:
        items = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        own = items and type(data).__module__.split(".")[0] not in ("builtins", "numpy", "pandas", "collections")
        return super().knows(data) or (own and not isinstance(data, Mapping | str))

    def part(self, data: Any, wanted: Wanted) -> Part:
        names = names_of(data)
        if not names.isdisjoint(LOADERS):
            raise UserError(
                f"The data is a {type(data).__qualname__}.",
                "It gives batches in an order of its own, and samples need a place that stays.",
                "Pass its dataset: data=loader.dataset, or dict(train=train_loader.dataset, test=...).",
            )
        if not hasattr(data, "__len__") or not hasattr(data, "__getitem__") or "torch:IterableDataset" in names:
            raise UserError(
                f"The data is a {type(data).__qualname__}, which can only be walked through.",
                "Samples are looked up by their place.",
                "Pass a list of its samples: data=list(dataset).",
            )
        if not len(data):
            raise UserError("The dataset has no samples.", "There is nothing to learn from.", "Check what it is.")
        return Part(
            len(data),
            rows=lambda: _rows(data, wanted),
            places=_places(data),
            names=_classes(data, wanted.config.label),
            text=_text(data[0], wanted),
        )


def _rows(data: Any, wanted: Wanted) -> Iterator[Row]:
    first: int | None = None
    for place in range(len(data)):
        row = named(data[place], wanted)
        first = len(row) if first is None else first
        if len(row) != first:
            raise UserError(
                f"Item {place} of the dataset has {len(row)} values, the first one has {first}.",
                "Samples have the same fields.",
                "Give every item the same.",
            )
        yield row


def named(item: Any, wanted: Wanted) -> Row:
    """An item by the names of its fields: its own, those of ``fields``, else input and the label's name."""
    if isinstance(item, Mapping):
        return _renamed({str(name): value for name, value in item.items()}, wanted)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return _renamed({one.name: getattr(item, one.name) for one in dataclasses.fields(item)}, wanted)
    own = getattr(item, "_fields", None)
    if own:
        return _renamed(dict(zip(own, item, strict=True)), wanted)
    if not isinstance(item, tuple | list):
        raise UserError(
            f"Items of the dataset are of the type {type(item).__qualname__}.",
            "A sample is an input with its label.",
            "Return (input, label), or a dict with a name for each.",
        )
    names = wanted.fields or ("input", wanted.config.label, *(f"more_{n}" for n in range(1, len(item) - 1)))
    if len(names) != len(item):
        raise UserError(
            f"Items of the dataset have {len(item)} values, for {len(names)} names ({', '.join(names)}).",
            "Each value needs a name.",
            f'Name them in order: fields=("input", "label"{", ..." if len(item) > 2 else ""}). {NO_PROJECT}',
        )
    return dict(zip(names, item, strict=True))


def _renamed(row: dict[str, Any], wanted: Wanted) -> Row:
    """The fields that are named alone, where some are; all else."""
    if not wanted.fields:
        return row
    unknown = [name for name in wanted.fields if name not in row]
    if unknown:
        raise UserError(
            f"Items of the dataset have no field {unknown[0]!r}.", "It was named.", f"Choose of: {', '.join(row)}."
        )
    return {name: row[name] for name in wanted.fields}


def _text(item: Any, wanted: Wanted) -> str:
    """The input's name where a pair is a text and its label."""
    row = named(item, wanted)
    words = [name for name, value in row.items() if isinstance(value, str) and name != wanted.config.label]
    return words[0] if len(words) == 1 and len(row) == 2 else ""


def _places(data: Any) -> Sequence[int] | None:
    """Places in the dataset that a Subset was chosen from, through all of them."""
    if "torch:Subset" not in names_of(data):
        return None
    own = [int(place) for place in data.indices]
    below = _places(data.dataset)
    found = own if below is None else [below[place] for place in own]
    return found if len(set(found)) == len(found) else None


def _classes(data: Any, label: str) -> Mapping[str, Sequence[str]]:
    """The names of class numbers that torchvision's datasets carry."""
    while "torch:Subset" in names_of(data):
        data = data.dataset
    names = getattr(data, "classes", None)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return {}
    return {label: list(names)} if len(set(names)) == len(names) > 1 else {}
