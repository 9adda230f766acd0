"""MNI, marginal negative influence: all the harm that a sample does to validation samples, its help left out."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("mni")
class NegativeInfluence(Detector):
    """Minus the sum over validation samples v of min(0, <grad l_i, grad l_v>)."""

    title = "Harm to validation samples"
    summary = "Adds up the harm to each validation sample and leaves the help out, so that the two cannot cancel."
    formula = "−Σ_v min(0, ⟨∇ℓᵢ, ∇ℓ_v⟩)"
    cost = "One forward and backward pass over the training set per block of validation gradients that fits in memory."
    source = (
        "The MNI signal of Influence-Based-Glitch-Detection (anonymoususr95, GitHub); the cancellation: "
        "arXiv 2506.11584."
    )
    needs = "a validation split"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return evidence.by_class.harm

    def reason(self, value: float, higher_than: float) -> str:
        if value <= 0:
            return "Training on it hurts no validation sample."
        return (
            f"Training on it hurts validation samples by {value:.2g} in all ({self.units.loss} per unit of learning "
            f"rate), {above(higher_than)}."
        )
