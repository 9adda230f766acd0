"""Out-of-fold loss: how badly models that never saw the sample do on its worst label."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("out-of-fold-loss")
class OutOfFoldLoss(Detector):
    """The largest part of the loss (one label's, where a loss has parts) of models trained without the row.

    The largest and not the sum: one wrong label among many right ones would drown in it.
    """

    title = "Held-out loss of the worst label"
    summary = "Models trained without this sample contradict one of its labels."
    formula = "max over labels of ℓ(yᵢₜ, f₋ᵢ(xᵢ))"
    cost = "One training per fold, with the same recipe."
    source = (
        "Thyagarajan et al., Identifying Incorrect Annotations in Multi-Label Classification Data, arXiv 2211.13895."
    )
    kinds = ("set",)
    instead = "confident-learning for classes, out-of-fold-residual for numbers"
    default = True
    in_queue = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return evidence.held_out_parts.max(1)

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"Models trained without this sample have a loss of {value:.2g} {self.units.loss} on one of its labels, "
            f"{above(higher_than)}."
        )
