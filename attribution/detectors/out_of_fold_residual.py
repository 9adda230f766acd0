"""Out-of-fold residual: how far the value is from what models that never saw it predict."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.statistics.robust import standardised


@register("out-of-fold-residual")
class OutOfFoldResidual(Detector):
    """|e - median e| / MAD of e = y - the prediction of models trained without the row: robust standard deviations.

    One scale for all rows. Dividing by the spread of the neighbours' residuals as well, as the source's score divides
    by an estimate of the noise at x, ranked worse in seven of eight tries (diabetes, Friedman's function and noise that
    grows eightfold, values shifted or swapped: by .000 to .025 of AUROC, better by .008 once): ten neighbours know too
    little of the noise.
    """

    title = "Distance from held-out predictions"
    summary = "Models trained without this sample predict another number. Cannot be fooled by a value learned by heart."
    formula = "|eᵢ − median e| / (1.4826 median |e − median e|),  eᵢ = yᵢ − f₋ᵢ(xᵢ)"
    cost = "One training per fold, with the same recipe."
    source = "Zhou et al., Detecting Errors in a Numerical Response via any Regression Model, arXiv 2305.16583."
    kinds = ("number",)
    instead = "confident-learning"
    default = True
    in_queue = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return np.abs(standardised(evidence.held_out_residuals))

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"Models trained without this sample miss its value by {value:.1f} times the usual spread of such errors, "
            f"{above(higher_than)}."
        )
