"""Confident learning: what models that never saw the sample say about its label."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("confident-learning")
class ConfidentLearning(Detector):
    """One minus cleanlab's label quality (normalised margin of out-of-fold probabilities), 0..1."""

    title = "Confident learning"
    summary = "Models trained without this sample prefer another label. Cannot be fooled by a label learned by heart."
    formula = "1 − (p(y) − max_{k≠y} p(k) + 1) / 2 on out-of-fold probabilities"
    cost = "One training per fold, with the same recipe."
    source = "Northcutt et al., Confident Learning, arXiv 1911.00068; computed with cleanlab."
    kinds = ("class",)
    instead = "out-of-fold-residual for numbers, out-of-fold-loss for sets of labels"
    default = True
    in_queue = True

    def values(self, evidence: Evidence) -> np.ndarray:
        from cleanlab.rank import get_label_quality_scores

        return 1 - get_label_quality_scores(
            evidence.targets, evidence.held_out_probabilities, method="normalized_margin"
        )

    def reason(self, value: float, higher_than: float) -> str:
        if value > 0.5:
            return (
                f"Models trained without this sample put another label ahead by {100 * (2 * value - 1):.0f} points of "
                f"probability, {above(higher_than)}."
            )
        return (
            f"Models trained without this sample put its label ahead by {100 * (1 - 2 * value):.0f} points of "
            "probability."
        )
