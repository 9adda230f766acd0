"""Data maps: how sure the model was of the label, on average over training."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("data-map")
class DataMap(Detector):
    """One minus the mean over epochs of the probability of the label, 0..1.

    The published map shows this mean beside its spread over the epochs; wrong labels gather where the mean is low, so
    the mean alone ranks.
    """

    title = "Confidence over training"
    summary = (
        "Over the epochs, the model gave the label little probability. Close to the margin over training, "
        "but blind to how far behind."
    )
    formula = "1 − meanₜ p(yᵢ | xᵢ; θₜ)"
    cost = "None: recorded while training."
    source = "Swayamdipta et al., Dataset Cartography, arXiv 2009.10795."
    needs = "a run trained here (its per-epoch record), or several loaded checkpoints"
    kinds = ("class",)
    instead = "aum, the same over the margin"
    default = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return 1 - evidence.over_epochs("confidence")

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"Over training the model gave this label {100 * (1 - value):.0f} % on average; its doubt is "
            f"{above(higher_than)}."
        )
