"""Margin of the final model: how far another class is ahead of the label."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("margin")
class FinalMargin(Detector):
    """max over other classes of z - z_label under the final model, in logits.

    Read from the probabilities (a difference of logits is a difference of log-probabilities), so it follows edited
    labels at once.
    """

    title = "Final margin"
    summary = "The trained model puts another class ahead of the label. Misses what the model has learned by heart."
    formula = "max_{k≠y} z_k − z_y = log max_{k≠y} p_k − log p_y"
    cost = "None beyond training."
    source = "The last epoch of the area under the margin: Pleiss et al., arXiv 2001.10528."
    kinds = ("class",)
    instead = "residual for numbers, loss for sets of labels"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return -evidence.said["margin"].astype(np.float64)

    def reason(self, value: float, higher_than: float) -> str:
        if value > 0:
            return f"After training another class is ahead of this label by {value:.2g} logits, {above(higher_than)}."
        return (
            f"After training this label leads by {-value:.2g} logits; {min(higher_than, 99.9):.1f} % of the "
            "training set have a larger lead."
        )
