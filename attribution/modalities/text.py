"""Texts: shown as they were written."""

from typing import TYPE_CHECKING

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.errors import UserError
from attribution.modalities.base import Modality, imported, register, shorten

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
        return f"Text {dataset.ids[row]}, {imported(dataset, row)}: {text}"

    def movable(self, info: DatasetInfo) -> None:
        """No words."""
        raise UserError(
            "The samples are texts.",
            "Words cannot be moved by a small amount.",
            "Ask for loss or margin, or use pictures or a table.",
        )

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """``text``."""
        return super().columns(dataset).assign(text=dataset.column("text").to_numpy())
