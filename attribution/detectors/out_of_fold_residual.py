"""Out-of-fold residual: how far the value is from what models that never saw it predict."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.statistics.robust import standardised


@register("out-of-fold-residual")
class OutOfFoldResidual(Detector):
    """|e - median e| / MAD of e = y - the prediction of models trained without the row: robust standard deviations.

    One scale for all rows. Half of it from the spread of the ten neighbours' residuals, as the source's score divides
    by an estimate of the noise at x, was tried on diabetes, Friedman's function and noise that grows with x, values
    shifted or swapped: AUROC lower by .001 to .009 in four of the six, the same in one, higher by .008 in one.
    """

    title = "Distance from held-out predictions"
    summary = "Models trained without this sample predict another number. Cannot be fooled by a value learned by heart."
    formula = "|eᵢ − median e| / (1.4826 median |e − median e|),  eᵢ = yᵢ − f₋ᵢ(xᵢ)"
    cost = "One training per fold, with the same recipe."
    source = "Zhou et al., Detecting Errors in a Numerical Response via any Regression Model, arXiv 2305.16583."
    kinds = ("number",)
    instead = "confident-learning for classes, out-of-fold-loss for sets of labels"
    default = True
    in_queue = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return np.abs(standardised(evidence.held_out_residuals))

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"Models trained without this sample miss its value by {value:.1f} times the usual spread of such errors, "
            f"{above(higher_than)}."
        )
