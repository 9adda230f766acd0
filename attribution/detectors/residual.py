"""Residual: how far the final model's prediction is from the given value."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("residual")
class Residual(Detector):
    """|y - f(x)| under the final model, in the target's unit."""

    title = "Distance from the prediction"
    summary = "The model still predicts another number after training on this one. Misses what it has learned by heart."
    formula = "|yᵢ − f(xᵢ; θ)|"
    cost = "None beyond training."
    source = (
        "The residual of robust regression, e.g. Rousseeuw and Leroy, Robust Regression and Outlier Detection, 1987."
    )
    kinds = ("number",)
    instead = "loss"
    default = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return np.abs(evidence.residuals)

    def reason(self, value: float, higher_than: float) -> str:
        return f"The model's prediction is {self.amount(value)} away from this value, {above(higher_than)}."
