"""Rows of a table: column and value, in the order of the file."""

from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.errors import UserError
from attribution.modalities.base import Modality, imported, register, shorten

if TYPE_CHECKING:
    import pandas as pd


@register("tabular")
class TabularModality(Modality):
    """The raw ``col:NAME`` values of the samples."""

    def describe(self, dataset: Dataset, row: int) -> str:
        """All values, cut at 280 characters: "age 39, education Bachelors, ..."."""
        return shorten(", ".join(f"{name} {value}" for name, value in values_of(dataset, row).items()), 280)

    def alt(self, dataset: Dataset, row: int) -> str:
        """The imported label and the values."""
        return f"Row {dataset.ids[row]}, {imported(dataset, row)}: {self.describe(dataset, row)}"

    def movable(self, info: DatasetInfo) -> np.ndarray | None:
        """The number columns: a person is not 0.1 standard deviations more married."""
        columns = info.preprocessing.get("columns") or []
        if not columns:
            return None
        numbers = np.array([column["kind"] == "number" for column in columns])
        if not numbers.any():
            raise UserError(
                "The table has no number column.",
                "Categories cannot be moved by a small amount.",
                "Ask for loss or margin.",
            )
        return numbers

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """The columns as they stood in the data."""
        names = [name for name in dataset.samples if name.startswith("col:")]
        return dataset.samples[names].rename(columns=lambda name: name[4:]).reset_index(drop=True)


def values_of(dataset: Dataset, row: int) -> dict[str, str]:
    """``{column: value as text}`` of a row, numbers without a needless fraction."""
    line = dataset.line(row)
    return {name[4:]: _plain(line[name]) for name in line.index if name.startswith("col:")}


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
