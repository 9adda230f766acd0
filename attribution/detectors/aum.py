"""Area under the margin: how sure the model was of the given target, on average over training."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("aum")
class AreaUnderMargin(Detector):
    """Minus the mean over epochs of the task's margin: z_label - max other z (logits) for classes, minus the absolute
    error for numbers."""

    title = "Margin over training"
    summary = (
        "Over the epochs, another class was ahead of the label, or another number was predicted. Sees what the model "
        "later learned by heart."
    )
    formula = "−meanₜ (z_y − max_{k≠y} z_k); for numbers meanₜ |y − fₜ(x)|"
    cost = "None: recorded while training."
    source = "Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, arXiv 2001.10528."
    needs = "a run trained here (its per-epoch record), or several loaded checkpoints"
    default = True
    in_queue = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        if evidence.task.kind == "number":
            return evidence.over_epochs("error", np.abs)
        return -evidence.over_epochs("margin")

    def reason(self, value: float, higher_than: float) -> str:
        if self.units.kind == "number":
            return f"Over training the prediction was {self.amount(value)} away on average, {above(higher_than)}."
        if self.units.kind == "set":
            return f"Over training its margin was {-value:.2g} {self.units.margin} on average; {_lead(higher_than)}."
        if value > 0:
            return (
                f"Over training another class was ahead of this label by {value:.2g} logits on average, "
                f"{above(higher_than)}."
            )
        return f"Over training this label led by only {-value:.2g} logits on average; {_lead(higher_than)}."


def _lead(higher_than: float) -> str:
    return f"it is smaller than that of {min(higher_than, 99.9):.1f} % of the training set"
