"""Where the compressed gradients of a run are kept: with the run, under what they were made from."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from attribution.gradients.store import GradientStore
from attribution.storage.files import file_hash

if TYPE_CHECKING:
    import torch

    from attribution.training.trained import TrainedModel


STORED = "Keep the training set's compressed gradients on disk (bf16) and read them for later questions."


WHOLE = (
    "Keep the training set's gradients on disk, 2 bytes a weight and sample, and read them for later questions: for "
    "adapters and last layers."
)


@final
class WholeGradients:
    """The training set's gradients over the covered parameters, end to end, on disk."""

    def __init__(self, trained: "TrainedModel") -> None:
        from attribution.gradients.curvature.layout import Layout
        from attribution.gradients.probe import covered_parameters

        self.layout = Layout(covered_parameters(trained.model()))
        self._trained = trained
        self._store = store_of(trained, {"name": "gradients"}, self.layout.size, self._features)

    def _features(self, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        self._trained.count(3 * len(x))
        return self.layout.join(self._trained.engine().gradients(x, y), len(x))

    def vectors(self, rows: np.ndarray) -> "torch.Tensor":
        """Gradients ``(b, P)`` float32 of training rows; one pass for those that are not there yet."""
        return self._store.vectors(rows)


def store_of(
    trained: "TrainedModel",
    settings: dict[str, Any],
    width: int,
    features: "Callable[[torch.Tensor, torch.Tensor], torch.Tensor]",
    checkpoint: int = -1,
) -> "GradientStore":
    """The store of ``features(x, y) -> (b, width)`` at a checkpoint over the training rows that are not dropped:
    ``NAME/runs/RUN/gradients``.

    ``settings`` are what else the features depend on. Weights and labels go by their content, so a relabelled sample
    asks for a new store.
    """
    import torch

    def make(rows: np.ndarray) -> torch.Tensor:
        return torch.cat([features(x, y) for x, y in trained.batches(rows)])

    request = {
        "settings": settings,
        "run": trained.run.id,
        "checkpoint": file_hash(Path(trained.run.checkpoints[checkpoint][0])),
        "data": trained.dataset.info.base_hash,
        "version": trained.labels.version,
    }
    if trained.autocast:
        request["autocast"] = True
    if trained.layers or trained.leaving:
        request["layers"] = [*trained.layers, *(f"not {name}" for name in sorted(trained.leaving))]
    return GradientStore(trained.run.folder / "gradients", request, trained.rows, width, make)
