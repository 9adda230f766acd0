"""L2 length of the last layer's gradient."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.detectors.last_layer import factors


@register("gradient-outlier-l2")
class GradientOutlierL2(Detector):
    """Length of the final model's last-layer gradient: |dl/df|_2 |(h, 1)|_2, where dl/df is p - onehot
    for classes and the residual for numbers."""

    title = "Long gradient (L2)"
    summary = "The sample still pulls hard on the last layer. Misses what the model has learned by heart."
    formula = "‖∇_W ℓᵢ‖₂ = ‖∂ℓᵢ/∂f‖₂ ‖(hᵢ, 1)‖₂, for classes ∂ℓ/∂f = p − onehot(y)"
    cost = "None beyond training."
    source = "Outlier gradient analysis, arXiv 2405.03869."
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        errors, inputs = factors(evidence)
        return np.linalg.norm(errors, axis=1) * np.linalg.norm(inputs, axis=1)

    def reason(self, value: float, higher_than: float) -> str:
        return f"Its last-layer gradient has length {value:.2g}, {above(higher_than)}."
