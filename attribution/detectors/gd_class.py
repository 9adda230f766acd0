"""GD-class: the worst that a sample does to any one class of the validation data."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("gd-class")
class WorstClass(Detector):
    """Minus the smallest over classes c of the sum of <grad l_i, grad l_v> over the validation samples of class c.

    The class that attains the minimum is often the right label: it is the one whose samples the wrong label
    contradicts.
    """

    title = "Harm to its worst class"
    summary = (
        "Training on the sample hurts the validation samples of some class. Looks at each class alone, so "
        "that pulls cannot cancel."
    )
    formula = "−min_c Σ_{v: y_v=c} ⟨∇ℓᵢ, ∇ℓ_v⟩"
    cost = "One forward and backward pass over the training set per block of validation gradients that fits in memory."
    source = (
        "The GD-class signal of Influence-Based-Glitch-Detection (anonymoususr95, GitHub); the cancellation: arXiv "
        "2506.11584."
    )
    needs = "a validation split"
    kinds = ("class",)
    instead = "mni"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        found = evidence.by_class
        return -found.sums[:, found.counts > 0].min(1)

    def reason(self, value: float, higher_than: float) -> str:
        if value <= 0:
            return "Training on it hurts no class of the validation data."
        return (
            f"Training on it raises the loss of one class of the validation data (influence {-value:.2g}): the "
            f"harm is {above(higher_than)}."
        )
