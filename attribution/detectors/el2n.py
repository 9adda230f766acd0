"""EL2N: the length of the error vector early in training."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("el2n")
class ErrorNorm(Detector):
    """Length of the loss's gradient at the outputs at the run's earliest checkpoint: |softmax(z) - onehot(label)|_2,
    0..sqrt(2), for classes; the absolute error (up to its factor) for numbers.

    Early, because the error of a sample that will be learned by heart vanishes later. The source averages over ten
    trainings; this is one.
    """

    title = "Early error"
    summary = "Early in training the prediction was far from the target: the sample is hard, or its target is wrong."
    formula = "‖∂ℓᵢ/∂f(xᵢ; θ₁)‖₂ at the first checkpoint, for classes ‖softmax(z) − onehot(y)‖₂"
    cost = "One forward pass over the training set."
    source = "EL2N: Paul et al., Deep Learning on a Data Diet, arXiv 2107.07075."
    needs = "an early checkpoint (with one checkpoint only, it is the error of the final model)"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return np.linalg.norm(evidence.errors(0), axis=1)

    def reason(self, value: float, higher_than: float) -> str:
        most = " of at most 1.41" if self.units.kind == "class" else ""
        return f"Early in training its error was {value:.2f}{most}, {above(higher_than)}."
