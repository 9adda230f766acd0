"""Two classes by one logit, and binary cross-entropy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.tasks import register
from attribution.tasks.base import Described
from attribution.tasks.classification import Classification, _no_indices

if TYPE_CHECKING:
    from torch import Tensor


@register("binary")
class Binary(Classification):
    """One logit z, ``outputs (b, 1)`` or ``(b,)``: the second class has the probability ``sigmoid(z)``.

    It is the classification by the two logits (0, z), so everything is asked of those; where a derivative comes back it
    is that of the second.
    """

    title = "Two classes, one logit"
    summary = "One of two classes per sample, from a model that returns a single number."

    formula = "binary cross-entropy of one logit"
    advice = ""

    def __init__(self, classes: Sequence[str] = (), settings: Any = None, **data: Any) -> None:
        super().__init__(classes, settings, **data)
        if len(classes) not in (0, 2):
            raise UserError(
                f"The data have {len(classes)} classes.",
                "One logit tells two apart.",
                "Use classification, which has one logit per class.",
            )

    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Binary cross-entropy ``(b,)`` in nats; ``targets (b,)`` are 0 and 1."""
        return super().loss(_two(outputs), targets)

    def unfit(self, outputs: "Tensor", targets: "Tensor") -> str:
        """One number, and one class index per sample."""
        if outputs[0].numel() != 1:
            return f"The model returns {outputs[0].numel()} numbers per sample, not one logit."
        return _no_indices(targets)

    def root(self, outputs: "Tensor", targets: "Tensor") -> "Tensor | None":
        """One column: ``sqrt(p (1 - p))``."""
        found = super().root(_two(outputs), targets)
        return None if found is None else found[..., 1].reshape(-1, *outputs.shape)

    def curved(self, outputs: "Tensor", targets: "Tensor", vectors: "Tensor") -> "Tensor":
        """``p (1 - p) v``."""
        return super().curved(_two(outputs), targets, _two(vectors))[:, 1].reshape(outputs.shape)

    def spread(self, outputs: "Tensor", targets: "Tensor") -> "tuple[Tensor, Tensor]":
        """The gradients for either class."""
        columns, weights = super().spread(_two(outputs), targets)
        return columns[..., 1].reshape(-1, *outputs.shape), weights

    def sampled(self, outputs: "Tensor", targets: "Tensor", chance: np.ndarray) -> "Tensor | None":
        """The gradient for one class drawn."""
        found = super().sampled(_two(outputs), targets, chance)
        return None if found is None else found[:, 1].reshape(outputs.shape)

    def draw(self, outputs: "Tensor", chance: np.ndarray) -> "Tensor":
        """Classes drawn ``(b,)``."""
        return super().draw(_two(outputs), chance)

    def margin(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The logit with the sign of the class."""
        return super().margin(_two(outputs), targets)

    def log_odds(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The same: there is one other class."""
        return super().log_odds(_two(outputs), targets)

    def residual(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """``p - y`` for plain cross-entropy."""
        return super().residual(_two(outputs), targets)[:, 1].reshape(outputs.shape)

    def toward(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Up for the second class, down for the first."""
        return (2 * targets - 1).to(outputs).reshape(outputs.shape)

    def against(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The logit with the sign of the other class."""
        return super().against(_two(outputs), targets)[:, 1].reshape(outputs.shape)

    def predict(self, outputs: "Tensor") -> np.ndarray:
        """0 or 1."""
        return super().predict(_two(outputs))

    def certainty(self, outputs: "Tensor") -> np.ndarray:
        """Probability of the predicted class."""
        return super().certainty(_two(outputs))

    def confidence(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Probability of the class that the sample has."""
        return super().confidence(_two(outputs), targets)

    def kept(self, outputs: "Tensor") -> np.ndarray:
        """Probabilities of both classes ``(n, 2)``."""
        return super().kept(_two(outputs))

    def outputs_kept(self, kept: np.ndarray) -> "Tensor":
        """The logit ``(n, 1)``."""
        logs = super().outputs_kept(kept)
        return logs[:, 1:] - logs[:, :1]

    def out_features(self, info: Described) -> int:
        """One logit."""
        return 1


def _two(outputs: "Tensor") -> "Tensor":
    """The logits (0, z)  ``(b, 2)``; two logits are left as they are."""
    import torch

    logits = outputs.reshape(len(outputs), -1)
    return logits if logits.shape[1] == 2 else torch.cat([torch.zeros_like(logits), logits], 1)
