"""The interface of a modality, and its plug-ins by name."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.handed import Inputs
from attribution.datasets.names import UNLABELLED
from attribution.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

modalities = Registry("modality", "attribution.modalities")
register = modalities.register


class Modality(ABC):
    """Shows samples of one kind of data. ``row`` is the sample's row in the dataset; labels shown are the imported
    ones."""

    name: str

    def thumbnail(self, dataset: Dataset, row: int, size: int = 96) -> bytes | None:
        """A PNG of at most ``size`` pixels a side, or None for what has no picture."""
        return None

    def movable(self, info: DatasetInfo) -> "np.ndarray | None":
        """Which inputs an attack may move (d,) bool; None for all. ``UserError`` where none can be."""
        return None

    def limits(self, info: DatasetInfo, inputs: Inputs) -> "tuple[np.ndarray, np.ndarray] | None":
        """Lowest and highest value per channel that a sample can have, as the model sees it; None without such."""
        return None

    @abstractmethod
    def describe(self, dataset: Dataset, row: int) -> str:
        """The sample in one short plain text, as a card shows it."""

    @abstractmethod
    def alt(self, dataset: Dataset, row: int) -> str:
        """The sample in one sentence that can stand in for seeing it."""

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """What the samples are, a line each in row order, as a table that an import reads again; nothing where they
        are no table."""
        import pandas as pd

        return pd.DataFrame(index=pd.RangeIndex(len(dataset)))


def modality_of(dataset: Dataset) -> Modality:
    """The plug-in for the dataset's modality; ``UserError`` for an unknown one."""
    return modalities.get(dataset.info.modality)()


def thumbnail(dataset: Dataset, row: int, size: int = 96) -> bytes | None:
    """PNG bytes of an image sample, None for other modalities."""
    return modality_of(dataset).thumbnail(dataset, int(row), size)


def describe(dataset: Dataset, row: int) -> str:
    """Short plain text of a sample."""
    return modality_of(dataset).describe(dataset, int(row))


def alt(dataset: Dataset, row: int) -> str:
    """One sentence of alternative text for a sample."""
    return modality_of(dataset).alt(dataset, int(row))


def imported(dataset: Dataset, row: int) -> str:
    """The target that the sample came with: "imported with the label cat"."""
    targets = dataset.task.targets
    word = targets.word(dataset.labels[row])
    return f"imported with the {targets.noun} {word}" if word else f"imported with {UNLABELLED}"


def shorten(text: str, limit: int) -> str:
    """Text cut at a word to at most ``limit`` characters, with an ellipsis where something was cut."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut[: cut.rindex(" ")] if " " in cut[limit // 2 :] else cut).rstrip(" ,.;:") + "…"
