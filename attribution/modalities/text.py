"""Texts: shown as they were written."""

from typing import TYPE_CHECKING

from attribution.datasets.dataset import Dataset
from attribution.modalities.base import Modality, imported_label, register, shorten

if TYPE_CHECKING:
    import pandas as pd


@register("text")
class TextModality(Modality):
    """The ``text`` column of the samples."""

    def describe(self, dataset: Dataset, row: int) -> str:
        """The text, cut at 280 characters."""
        return shorten(str(dataset.line(row)["text"]), 280)

    def alt(self, dataset: Dataset, row: int) -> str:
        """The imported label and the start of the text."""
        text = shorten(str(dataset.line(row)["text"]), 120)
        return f"Text {dataset.ids[row]}, imported with the label {imported_label(dataset, row)}: {text}"

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """``text``."""
        return super().columns(dataset).assign(text=dataset.column("text").to_numpy())
