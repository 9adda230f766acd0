"""What is known of the training rows that detectors judge, computed when first asked for."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.detectors.by_class import ByClass, by_class
from attribution.errors import UserError
from attribution.neighbors.cells import EXACT_ROWS, nearest_in_cells
from attribution.neighbors.exact import nearest

if TYPE_CHECKING:
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


BLOCK = 8192  # rows whose outputs are held at once


class Evidence:
    """What is known about the active training rows; shared by all detectors.

    Everything is in the order of ``rows``. What a model says is kept in the form that runs keep (``Task.kept``):
    probabilities (n, c) for classification, else the model's outputs (n, ...). ``probabilities``, ``votes``,
    ``n_classes`` and ``by_class`` are for classes, residuals for numbers: detectors that read them say so (``kinds``).
    """

    def __init__(self, trained: "TrainedModel", out_of_fold: Callable[[], np.ndarray], neighbors: int = 10) -> None:
        self.trained, self._out_of_fold, self._k = trained, out_of_fold, neighbors
        self.recall = 1.0  # of the neighbours that the search for them found; below 1 beyond ``EXACT_ROWS`` rows

    def of(self, trained: "TrainedModel") -> "Evidence":
        """The same rows as another model sees them; out-of-fold predictions, which belong to this one's targets, are
        not carried over."""

        def absent() -> np.ndarray:
            raise UserError(
                "There are no out-of-fold predictions for these labels.",
                "They would take a training per fold.",
                "Leave it out.",
            )

        return Evidence(trained, absent, self._k)

    @property
    def task(self) -> "Task":
        """What the model was trained for."""
        return self.trained.task

    @property
    def rows(self) -> np.ndarray:
        """Active training rows (n,) int64, ascending."""
        return self.trained.rows

    @cached_property
    def targets(self) -> np.ndarray:
        """Current targets (n,), as ``Labels.values`` holds them."""
        return np.asarray(self.trained.labels.values[self.rows])

    # --- what models say ---------------------------------------------------------------------------------------------

    @cached_property
    def kept(self) -> np.ndarray:
        """What the final model, which trained on these rows, says of them (n, ...)."""
        return np.asarray(self.trained.run.outputs()[self.rows])

    @cached_property
    def said(self) -> dict[str, np.ndarray]:
        """The same as prediction, loss, margin, certainty, confidence and right, (n,) each (``Task.said``)."""
        return self.task.said_kept(self.kept, self.targets)

    @cached_property
    def out_of_fold(self) -> np.ndarray:
        """What models that did not train on the row say of it (n, ...)."""
        return np.asarray(self._out_of_fold())

    @property
    def asked_held_out(self) -> bool:
        """Whether the models that did not train on the row were asked."""
        return "out_of_fold" in vars(self)

    @cached_property
    def held_out(self) -> dict[str, np.ndarray]:
        """``said`` of the models that did not train on the row."""
        return self.task.said_kept(self.out_of_fold, self.targets)

    def errors(self, checkpoint: int | None = None) -> np.ndarray:
        """Gradient of each row's loss with respect to the model's outputs (n, o) float64, at a checkpoint (None: as the
        final model's kept outputs have it, without a forward pass)."""
        parts = [
            self.task.residual(outputs, self.task.tensor(self.targets[span])).reshape(len(outputs), -1)
            for span, outputs in self._outputs(checkpoint)
        ]
        return np.concatenate([part.double().numpy() for part in parts])

    def _outputs(self, checkpoint: int | None) -> Iterator[tuple[slice, Any]]:
        """CPU outputs float64, a batch at a time, with their places."""
        import torch

        trained = self.trained
        at = 0
        if checkpoint is None:
            for start in range(0, len(self.rows), BLOCK):
                span = slice(start, start + BLOCK)
                yield span, self.task.outputs_kept(self.kept[span])
            return
        with torch.no_grad():
            for x, y in trained.batches(self.rows):
                yield slice(at, at + len(y)), trained.model(checkpoint)(x).cpu().double()
                trained.count(len(y))
                at += len(y)

    def over_epochs(self, column: str, of: Callable[[Any], Any] = np.asarray) -> np.ndarray:
        """Mean over the epochs of a column (or of a function of it) of the run's per-epoch record (n,) float64; the
        median for rows that joined after training.

        ``UserError`` when the run has no such record.
        """
        dynamics = self.trained.run.dynamics()
        if dynamics is None or not len(dynamics):
            raise UserError(
                f"Run {self.trained.run.id} has no per-epoch record.",
                "This detector reads it; weights loaded from one file have none.",
                "Train the model here, load several checkpoints, or leave the detector out.",
            )
        values = dynamics[["row"]].assign(value=of(dynamics[column]))
        means = values.groupby("row")["value"].mean().reindex(self.rows).to_numpy(dtype=np.float64)
        known = np.isfinite(means)
        usual = np.median(means[known]) if known.any() else 0.0
        return np.where(known, means, usual)  # a row that joined later is unremarkable

    # --- what others are like ----------------------------------------------------------------------------------------

    @cached_property
    def representation(self) -> np.ndarray:
        """What the final model sees in the rows, (n, d) float64: the input of its last linear layer."""
        return self.trained.recorded_representation(self.rows)

    @cached_property
    def validation(self) -> np.ndarray:
        """Active validation rows (v,) int64; ``UserError`` when there are none."""
        why = "This detector measures what a training sample does to validation samples."
        return active_rows(self.trained.dataset, self.trained.labels, "val", why, otherwise="or leave the detector out")

    @cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, k) and cosine similarities (n, k) of the nearest other training rows in an early checkpoint's
        representation.

        Early means after about a third of the training: the representation tells the targets apart by then, and wrong
        ones are not yet learned by heart, which later pulls a wrong sample among its wrong class. A run with one or two
        checkpoints has its first. Exact up to ``EXACT_ROWS`` rows; beyond, ``recall`` says which share of the true
        neighbours was found.
        """
        early = (len(self.trained.weights) - 1) // 3 if self.trained.asks_model else -1
        features = self.trained.representation(self.rows, early)
        if len(features) <= EXACT_ROWS:
            return nearest(features, self._k, device=str(self.trained.device))
        *found, self.recall = nearest_in_cells(features, self._k, device=str(self.trained.device))
        return found[0], found[1]

    @cached_property
    def by_class(self) -> "ByClass":
        """What the rows do to the validation samples of each class (of all together where targets are no classes);
        ``UserError`` without validation samples."""
        found = self.trained.labels.values[self.validation]
        if self.task.kind == "class":
            return by_class(self.trained, self.rows, self.validation, found, self.n_classes)
        return by_class(self.trained, self.rows, self.validation, np.zeros(len(found), dtype=np.int64), 1)

    # --- classes -----------------------------------------------------------------------------------------------------

    @property
    def n_classes(self) -> int:
        """Number of classes c."""
        return len(self.trained.dataset.info.classes)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Class probabilities (n, c) float64 of the final model."""
        return self.task.class_probabilities(self.kept)

    @cached_property
    def held_out_probabilities(self) -> np.ndarray:
        """Class probabilities (n, c) float64 of the models that did not train on the row."""
        return self.task.class_probabilities(self.out_of_fold)

    @cached_property
    def votes(self) -> np.ndarray:
        """Share (n, c) of the neighbours' votes per class; a neighbour's vote weighs as much as it is similar."""
        positions, similarities = self.nearest
        weights = np.maximum(similarities.astype(np.float64), 1e-6)
        votes = np.zeros((len(self.rows), self.n_classes))
        np.add.at(votes, (np.arange(len(votes))[:, None], self.targets[positions]), weights)
        return votes / votes.sum(1, keepdims=True)

    # --- numbers and sets --------------------------------------------------------------------------------------------

    @property
    def residuals(self) -> np.ndarray:
        """Value minus the final model's prediction (n,) float64, in the target's unit."""
        return self.targets - self.said["prediction"].astype(np.float64)

    @property
    def held_out_residuals(self) -> np.ndarray:
        """Value minus the prediction of models that did not train on the row (n,) float64, in the target's unit."""
        return self.targets - self.held_out["prediction"].astype(np.float64)

    @property
    def held_out_parts(self) -> np.ndarray:
        """Loss of the models that did not train on the row by part (n, t) float64; (n, 1) where it has none."""
        outputs, targets = self.task.outputs_kept(self.out_of_fold), self.task.tensor(self.targets)
        parts = self.task.parts(outputs, targets)
        return np.asarray((self.task.loss(outputs, targets)[:, None] if parts is None else parts).numpy())
