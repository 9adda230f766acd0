"""The interface of similarity: which samples could be the same, and how far apart two samples are."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.progress import Progress
from attribution.registry import Registry

similarities: "Registry" = Registry("similarity", "attribution.modalities.similarity")
register = similarities.register


@dataclass(frozen=True)
class Criterion:
    """One more number that it knows of a pair: its name in words, and the value from which (``at_least``) or up
    to which it speaks for a copy. ``note`` says what the number means."""

    title: str
    threshold: float
    at_least: bool
    note: str


@dataclass(frozen=True)
class Pairs:
    """m pairs of rows, left and right (m,) int64; the distance that decides, (m,) float32 >= 0, 0 for the same content;
    and what was done to the right one to match it, (m,) str, empty for nothing."""

    left: np.ndarray
    right: np.ndarray
    distance: np.ndarray
    change: np.ndarray


class Similarity(ABC):
    """One modality's own space. A subclass is one file, registered under the modality's name.

    Distances are symmetric up to rounding and comparable between pairs of one dataset; what counts as close is judged
    against the dataset's own median distance between neighbours, not by a fixed number.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # the distance in words
    summary: ClassVar[str]  # what a small value means, and what it is blind to
    formula: ClassVar[str]
    cost: ClassVar[str]
    source: ClassVar[str]
    threshold: ClassVar[float] = 0.3  # pairs up to this multiple of the usual distance of neighbours are candidates
    measures: ClassVar[dict[str, Criterion]] = {}

    def __init__(self, dataset: "Dataset") -> None:
        self.dataset = dataset
        self.certain = math.inf  # distance up to which ``closest`` has compared every pair so far
        self.recall = 1.0  # share of the true closest rows that it found at least, as measured on some rows

    @abstractmethod
    def closest(self, rows: np.ndarray, among: np.ndarray, k: int, progress: Progress | None = None) -> Pairs:
        """For each of ``rows`` the up to ``k`` likeliest copies ``among`` other rows (a row is never its own), as pairs
        (among, row).

        The search may miss a pair that is not close; a pair at distance 0 in reach is always found as
        long as a row has no more than ``k`` of them.
        """

    def in_cells(self, n_rows: int, n_among: int) -> bool:
        """Whether ``closest`` searches so many rows cell by cell, which sets ``certain`` and ``recall``."""
        return False

    @abstractmethod
    def compare(self, left: np.ndarray, right: np.ndarray) -> Pairs:
        """The distance of given pairs of rows (m,) each."""

    def toward(self, row: int) -> np.ndarray:
        """How like every row is to this one, (n,) float32, 1 for the same content: one pass, without torch."""
        rows = np.arange(len(self.dataset))
        return (1 / (1 + self.compare(rows, np.full(len(rows), row)).distance)).astype(np.float32)

    @abstractmethod
    def measured(self, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
        """``{name in measures: (m,) float64}`` for given pairs."""


def similarity_of(dataset: "Dataset") -> Similarity:
    """The similarity of the dataset's modality; ``UserError`` when there is none."""
    return similarities.get(dataset.info.modality)(dataset)
