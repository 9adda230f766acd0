"""The number columns of a table: which there are, their values, and what a model is handed for a value."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.handed import Inputs, described, number
from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, DatasetInfo


def number_columns(info: "DatasetInfo") -> dict[str, int]:
    """The number columns of a table, by name: the place of each among the inputs. Empty where samples are no table."""
    return {str(column["name"]): place for place, column in described(info)}


def numbers_of(dataset: "Dataset", name: str) -> np.ndarray:
    """A number column of all samples (n,) float64, as it stood in the data."""
    place = number_columns(dataset.info)[name]
    column = dict(described(dataset.info))[place]
    return number(dataset, column, dataset.inputs[:, place])


def as_handed(info: "DatasetInfo", name: str, values: np.ndarray, inputs: Inputs) -> tuple[int, np.ndarray]:
    """The place of a column among a model's inputs, and what the model is handed for ``values`` (b,) of it, which are
    in the data's own unit. ``UserError`` for a model that takes token ids, between which there is nothing."""
    if inputs.kind == "tokens":
        raise UserError(
            "The model takes the table's values as token ids.",
            "Between two token ids there is nothing to ask about.",
            "Draw a map instead (datablame map).",
        )
    if inputs.transformed:
        raise UserError(
            "The model is handed what a transform makes of a row.",
            "The columns do not stand in it one by one.",
            "Draw a map instead (datablame map).",
        )
    place = number_columns(info)[name]
    column = dict(described(info))[place]
    if inputs.kind == "standardised":
        return place, (values - float(column["mean"])) / float(column["std"])
    mean, std = np.zeros(info.shape), np.ones(info.shape)
    mean[:] = inputs.mean or 0.0
    std[:] = inputs.std or 1.0
    return place, (values - mean[place]) / std[place]
