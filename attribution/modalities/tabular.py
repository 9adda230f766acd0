"""Rows of a table: column and value, in the order of the file."""

from typing import Any

from attribution.datasets.dataset import Dataset
from attribution.modalities.base import Modality, imported_label, register, shorten


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


def values_of(dataset: Dataset, row: int) -> dict[str, str]:
    """``{column: value as text}`` of a row, numbers without a needless fraction."""
    line = dataset.line(row)
    return {name[4:]: _plain(line[name]) for name in line.index if name.startswith("col:")}


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
