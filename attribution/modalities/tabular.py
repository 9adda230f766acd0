"""Rows of a table: column and value, in the order of the file."""

from typing import TYPE_CHECKING, Any

from attribution.datasets.dataset import Dataset
from attribution.modalities.base import Modality, imported_label, register, shorten

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
        return (
            f"Row {dataset.ids[row]}, imported with the label {imported_label(dataset, row)}: "
            f"{self.describe(dataset, row)}"
        )

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
