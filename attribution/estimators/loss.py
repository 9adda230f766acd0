"""The sample's own loss, or how far training took it down: the control that knows nothing of what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LossSettings(Settings):
    """Which loss is taken."""

    of: str = opt(
        "last",
        "last: the loss at the last checkpoint; change: the loss at the first checkpoint minus that at the last.",
        choices=("last", "change"),
    )


@register("loss")
class OwnLoss(Estimator):
    """influence(i, q) = l_i at the last checkpoint, or l_i(first) - l_i(last), whatever q is."""

    title = "The sample's own loss (control)"
    family = "control"
    by_weights = False
    control = True
    summary = (
        "Ranks samples by how badly the model knows them, or by how much it learned of them, and the same for every "
        "question. What does no better than this has found hard samples, not those that taught an answer."
    )
    formula = "ℓᵢ(θ),  or ℓᵢ(θ₁) − ℓᵢ(θ)"
    cost = "One forward pass over the training set, two for the change."
    source = "The control of fact-tracing studies, e.g. Akyürek et al., arXiv 2205.11482."
    Settings = LossSettings
    settings: LossSettings

    def options(self) -> dict[str, Any]:
        return {"of": self.settings.of}

    def query_bytes(self) -> int:
        return 8

    def prepare(self, queries: Sequence[Query]) -> None:
        if self.settings.of == "change" and len(self.trained.weights) < 2:
            raise UserError(
                f"Run {self.trained.run.id} kept one checkpoint.",
                "How a loss changed takes an earlier one.",
                "Train with --checkpoints 2 or more, or take the loss at the end (of=last).",
            )
        self._count = len(queries)

    def _losses(self, x: "torch.Tensor", y: "torch.Tensor", checkpoint: int) -> "torch.Tensor":
        import torch

        self.trained.count(len(x))
        with torch.no_grad():
            return self.trained.task.loss(self.trained.model(checkpoint)(x), y).cpu()

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        found = self._losses(x, y, -1)
        found = found if self.settings.of == "last" else self._losses(x, y, 0) - found
        return ScoreBlock(found[:, None].repeat(1, self._count))
