"""Texts: shown as they were written."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.encode import Encoded, encode_texts
from attribution.datasets.handed import Inputs
from attribution.datasets.previews import preview_texts
from attribution.datasets.source import Source
from attribution.errors import UserError
from attribution.modalities.base import Modality, imported, register, shorten
from attribution.modalities.space import Space, words_space
from attribution.progress import Progress
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import torch


@register("text")
class TextModality(Modality):
    """The ``text`` column of the samples."""

    title = "texts"
    one = "text"
    size_unit = "tokens"
    network = "text"
    networks = ("text",)
    # Rare words need AdamW's own step per weight.
    recipe: ClassVar[Mapping[str, Any]] = {"optimizer": "adamw", "lr": 0.002, "weight_decay": 0.1, "epochs": 8}
    ways = ()
    tokens = True

    def encode(
        self, source: "Source", samples: "pd.DataFrame", config: "DataConfig", folder: "Path", progress: "Progress"
    ) -> "Encoded":
        return encode_texts(source, samples, config, folder, progress)

    def preview(self, source: "Source", samples: "pd.DataFrame", config: "DataConfig") -> dict[str, Any]:
        return preview_texts(source, samples, config)

    def found(self, shape: Sequence[int], n: int, sizes: str) -> str:
        return f"{self.count(n)} of up to {shape[0]:,} {'word' if shape[0] == 1 else 'words'}"

    def original(self, dataset: Dataset, row: int) -> str:
        """The whole text."""
        return str(dataset.line(row)["text"])

    def tensor(
        self, dataset: Dataset, rows: "np.ndarray", device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """Token ids int64 (b, L)."""
        import numpy as np
        import torch

        return torch.from_numpy(np.array(dataset.inputs[rows]).astype(np.int64)).to(device)

    def space(self, dataset: Dataset) -> Space:
        return words_space(dataset)

    def describe(self, dataset: Dataset, row: int) -> str:
        """The text, cut at 280 characters."""
        return shorten(str(dataset.line(row)["text"]), 280)

    def full(self, dataset: Dataset, row: int) -> str:
        """The text as it stands in the data."""
        return str(dataset.line(row)["text"])

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
