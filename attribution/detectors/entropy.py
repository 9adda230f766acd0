"""Entropy of the final model's prediction."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("entropy")
class PredictionEntropy(Detector):
    """-sum_k p_k log p_k of the final model, in nats.

    It does not look at the label at all: a sample between two classes scores high whether or not its label is right. It
    is here as the baseline that a detector of labels has to beat, and to tell ambiguous samples from wrong ones.
    """

    title = "Entropy of the prediction"
    weak = True
    summary = "The trained model is undecided about the sample. Finds ambiguous samples; knows nothing of the label."
    formula = "−Σₖ pₖ log pₖ"
    cost = "None beyond training."
    source = "Shannon entropy; uncertainty sampling in active learning, Settles 2009."
    kinds = ("class",)
    instead = "loss"

    def values(self, evidence: Evidence) -> np.ndarray:
        p = np.maximum(evidence.probabilities, 1e-30)
        return np.maximum(0.0, -(p * np.log(p)).sum(1))

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"The model is undecided about it: the entropy of its prediction is {value:.2g} nats, {above(higher_than)}."
        )
