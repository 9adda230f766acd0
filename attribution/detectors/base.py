"""What every detector offers, and the evidence that it may use."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.neighbors.cells import EXACT_ROWS, nearest_in_cells
from attribution.neighbors.exact import nearest

if TYPE_CHECKING:
    from attribution.detectors.by_class import ByClass
    from attribution.training.trained import TrainedModel


class Evidence:
    """What is known about the active training rows; shared by all detectors, computed when first asked for.

    Everything is in the order of ``rows``. ``out_of_fold`` gives class probabilities (n, c) from models that did not
    train on the row.
    """

    def __init__(self, trained: "TrainedModel", out_of_fold: Callable[[], np.ndarray], neighbors: int = 10) -> None:
        self.trained, self._out_of_fold, self._k = trained, out_of_fold, neighbors
        self.recall = 1.0  # of the neighbours that the search for them found; below 1 beyond ``EXACT_ROWS`` rows

    def of(self, trained: "TrainedModel") -> "Evidence":
        """The same rows as another subject sees them; out-of-fold predictions, which belong to this one's labels, are
        not carried over."""

        def absent() -> np.ndarray:
            raise UserError(
                "There are no out-of-fold predictions for these labels.",
                "They would take a training per fold.",
                "Leave it out.",
            )

        return Evidence(trained, absent, self._k)

    @property
    def rows(self) -> np.ndarray:
        """Active training rows (n,) int64, ascending."""
        return self.trained.rows

    @cached_property
    def labels(self) -> np.ndarray:
        """Current labels (n,) int64."""
        return np.asarray(self.trained.labels.values[self.rows])

    @property
    def n_classes(self) -> int:
        return len(self.trained.dataset.info.classes)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Class probabilities (n, c) float64 of the final model, which trained on these rows."""
        return np.asarray(self.trained.run.probabilities()[self.rows], dtype=np.float64)

    @cached_property
    def representation(self) -> np.ndarray:
        """What the final model sees in the rows, (n, d) float64: the input of its last linear layer."""
        return self.trained.recorded_representation(self.rows)

    @cached_property
    def validation(self) -> np.ndarray:
        """Active validation rows (v,) int64; ``UserError`` when there are none."""
        why = "This detector measures what a training sample does to validation samples."
        return active_rows(self.trained.dataset, self.trained.labels, "val", why, otherwise="or leave the detector out")

    def over_epochs(self, column: str) -> np.ndarray:
        """Mean over the epochs of a column of the run's per-epoch record (n,) float64; the median for rows that joined
        after training.

        ``UserError`` when the run has no such record.
        """
        dynamics = self.trained.run.dynamics()
        if dynamics is None or not len(dynamics):
            raise UserError(
                f"Run {self.trained.run.id} has no per-epoch record.",
                "This detector reads it; weights loaded from one file have none.",
                "Train the model here, load several checkpoints, or leave the detector out.",
            )
        means = dynamics.groupby("row")[column].mean().reindex(self.rows).to_numpy(dtype=np.float64)
        known = np.isfinite(means)
        # A row that joined later is unremarkable.
        return np.where(known, means, np.median(means[known]) if known.any() else 0.0)

    @cached_property
    def by_class(self) -> "ByClass":
        """What the rows do to the validation samples of each class; ``UserError`` without validation samples."""
        from attribution.detectors.by_class import by_class

        return by_class(self.trained, self.rows, self.validation, self.n_classes)

    @cached_property
    def out_of_fold(self) -> np.ndarray:
        """Class probabilities (n, c) float64 from models that did not train on the row."""
        return np.asarray(self._out_of_fold(), dtype=np.float64)

    @cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, k) and cosine similarities (n, k) of the nearest other training rows in an early checkpoint's
        representation.

        Early means after about a third of the training: the representation tells the classes apart by then, and wrong
        labels are not yet learned by heart, which later pulls a wrong sample among its wrong class. A run with one or
        two checkpoints has its first. Exact up to ``EXACT_ROWS`` rows; beyond, ``recall`` says which share of the true
        neighbours was found.
        """
        features = self.trained.representation(self.rows, (len(self.trained.weights) - 1) // 3)
        if len(features) <= EXACT_ROWS:
            return nearest(features, self._k, device=str(self.trained.device))
        *found, self.recall = nearest_in_cells(features, self._k, device=str(self.trained.device))
        return found[0], found[1]

    @cached_property
    def votes(self) -> np.ndarray:
        """Share (n, c) of the neighbours' votes per class; a neighbour's vote weighs as much as it is similar."""
        positions, similarities = self.nearest
        weights = np.maximum(similarities.astype(np.float64), 1e-6)
        votes = np.zeros((len(self.rows), self.n_classes))
        np.add.at(votes, (np.arange(len(votes))[:, None], self.labels[positions]), weights)
        return votes / votes.sum(1, keepdims=True)


class Detector(ABC):
    """One suspicion per active training row. A subclass is one file: the words below, ``values`` and ``reason``."""

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # what a high value means and when to trust it
    formula: ClassVar[str]
    cost: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[str] = ""
    default: ClassVar[bool] = False  # part of a search that names no detectors; the others run when they are named
    in_queue: ClassVar[bool] = False  # counted in the order of the review queue
    stacked: ClassVar[bool] = False  # one of those that ``combined`` weighs

    @abstractmethod
    def values(self, evidence: Evidence) -> np.ndarray:
        """Suspicion (n,) float64 in the order of ``evidence.rows``: higher = more suspicious, always finite."""

    @abstractmethod
    def reason(self, value: float, higher_than: float) -> str:
        """One plain sentence for a sample with this value, which is above that of ``higher_than`` percent of the
        training set."""


def above(higher_than: float) -> str:
    """ "higher than 99.1 % of the training set"."""
    return f"higher than {min(higher_than, 99.9):.1f} % of the training set"
