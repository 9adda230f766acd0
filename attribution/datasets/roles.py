"""Columns with a use of their own: by which samples are split, their weights, what several annotators said.

They are no features; they are kept beside the data, and read from there.
"""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.columns import feature
from attribution.datasets.extra import PREFIX
from attribution.datasets.source import Source, listed, note
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

AGREEMENT = "annotators_agree"  # share of a sample's annotators that say its consensus
LONG = ": "  # between the column that names annotators and the name of one


def roles(config: DataConfig, names: Iterable[str]) -> list[str]:
    """Those of a table's columns that have such a use."""
    used = {config.split_by, config.time, config.weight, AGREEMENT if config.annotators else "", *config.annotators}
    return [name for name in names if name in used or is_annotator(config, name)]


def is_annotator(config: DataConfig, name: str) -> bool:
    """Whether a column holds what one annotator said."""
    if len(config.annotators) == 1:
        return name.startswith(config.annotators[0] + LONG)
    return name in config.annotators


def kept_column(source: Source, name: str, setting: str) -> "pd.Series":
    """A column that was named, of all samples; ``UserError`` where there is none, or a value is missing."""
    samples = source.samples
    places = [PREFIX + name, f"col:{name}"] + (["group"] if "group" in samples else [])
    found = next((place for place in places if place in samples), None)
    if found is None or (found == "group" and setting != "split_by"):
        known = [one.removeprefix(PREFIX) for one in samples.columns if one.startswith(PREFIX)]
        raise UserError(
            f"{source.path.name} has no column {name!r}.",
            f"It was named as {setting}.",
            f"Choose one of its columns: {listed(known) or 'it has none beside the label'}.",
        )
    gone = samples[found].isna().to_numpy()
    if gone.any():
        raise UserError(
            f"{source.where(int(np.flatnonzero(gone)[0]))} has no value in column {name}.",
            f"It is the {setting} of the samples.",
            "Fill it in, or remove the row.",
        )
    return samples[found]


def weights(source: Source, config: DataConfig) -> np.ndarray | None:
    """The weight of each sample (n,) float64, None where no column is named; ``UserError`` for one that is no number
    from 0."""
    if not config.weight:
        return None
    values = numbers_of(source, kept_column(source, config.weight, "weight"), config.weight)
    bad = np.flatnonzero(~(values >= 0))
    if len(bad) or not values.any():
        where = f"{source.where(int(bad[0]))} has {values[bad[0]]:g}" if len(bad) else "Every row has 0"
        raise UserError(
            f"{where} in column {config.weight}.", "A weight multiplies the loss of its sample.", "Use numbers from 0."
        )
    return values


def numbers_of(source: Source, column: "pd.Series", name: str) -> np.ndarray:
    """A column of numbers, or of dates as days, (n,) float64."""
    import pandas as pd

    frame = pd.DataFrame({name: column.to_numpy()})
    found, _ = feature(frame, name, source.path)
    if found.dtype.kind not in "iuf":
        raise UserError(
            f"Column {name} of {source.path.name} holds words such as {column.iloc[0]!r}.",
            "Numbers or dates are put in order.",
            "Write dates as YYYY-MM-DD.",
        )
    return found.to_numpy(dtype=np.float64)


def described(source: Source, config: DataConfig) -> dict[str, Any]:
    """What a data set says of them; {} where none is named. Weights are part of what is learned from, so their hash is
    here."""
    found: dict[str, Any] = {}
    values = weights(source, config)
    if values is not None:
        mark = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
        found["weight"] = {"column": config.weight, "hash": mark}
    if config.split_by:
        found["split_by"] = config.split_by
    if config.annotators:
        names = [one.removeprefix(PREFIX) for one in source.samples.columns if one.startswith(PREFIX)]
        found["annotators"] = [name for name in names if is_annotator(config, name)]
    return found


def said_of_weights(
    source: Source, places: "pd.Index", training: np.ndarray, config: DataConfig
) -> list[dict[str, Any]]:
    """The line about the weights of the samples at these ``places`` of the source, of which some are ``training`` (n,);
    none without such. ``UserError`` where those of all training samples are 0."""
    values = weights(source, config)
    if values is None:
        return []
    known = values[places.to_numpy()][training]
    if not known.any():
        raise UserError(
            f"All training samples have the weight 0 in column {config.weight}.",
            "There is nothing to learn from.",
            "Give some of them a weight.",
        )
    what = (
        f"weights from {known.min():g} to {known.max():g} multiply the loss of training samples, divided by their "
        "mean; scores are of a sample's own loss, at a weight of 1"
    )
    return [note(f"column {config.weight}", what)]
