"""Training loss of the final model."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("loss")
class TrainingLoss(Detector):
    """What training minimised under the final model, in the task's unit: -log p(label) in nats for classes."""

    title = "Training loss"
    summary = (
        "The model still disagrees with the label after training on it. Misses what the model has learned by heart."
    )
    formula = "ℓ(yᵢ, f(xᵢ; θ)), for classes −log p(yᵢ | xᵢ; θ)"
    cost = "None beyond training."
    source = "The small-loss criterion, e.g. Arazo et al., arXiv 1904.11238."
    default = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return evidence.said["loss"].astype(np.float64)

    def reason(self, value: float, higher_than: float) -> str:
        return f"The model's loss on this {self.units.noun} is {value:.2g} {self.units.loss}, {above(higher_than)}."
