"""Training loss of the final model."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("loss")
class TrainingLoss(Detector):
    """-log p(label) under the final model, in nats."""

    title = "Training loss"
    summary = (
        "The model still disagrees with the label after training on it. Misses what the model has learned by heart."
    )
    formula = "−log p(yᵢ | xᵢ; θ)"
    cost = "None beyond training."
    source = "The small-loss criterion, e.g. Arazo et al., arXiv 1904.11238."
    default = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        given = evidence.probabilities[np.arange(len(evidence.rows)), evidence.labels]
        return -np.log(np.maximum(given, 1e-30))

    def reason(self, value: float, higher_than: float) -> str:
        return f"The model's loss on this label is {value:.2g} nats, {above(higher_than)}."
