"""L1 length of the last layer's gradient."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.detectors.last_layer import factors


@register("gradient-outlier-l1")
class GradientOutlierL1(Detector):
    """Sum of absolute entries of the final model's last-layer gradient: |dl/df|_1 |(h, 1)|_1, where dl/df is p - onehot
    for classes and the residual for numbers."""

    title = "Long gradient (L1)"
    summary = (
        "The sample still pulls hard on the last layer, counted over all its weights. Misses what the model has "
        "learned by heart."
    )
    formula = "‖∇_W ℓᵢ‖₁ = ‖∂ℓᵢ/∂f‖₁ ‖(hᵢ, 1)‖₁, for classes ∂ℓ/∂f = p − onehot(y)"
    cost = "None beyond training."
    source = "Outlier gradient analysis, arXiv 2405.03869."

    def values(self, evidence: Evidence) -> np.ndarray:
        errors, inputs = factors(evidence)
        return np.abs(errors).sum(1) * np.abs(inputs).sum(1)

    def reason(self, value: float, higher_than: float) -> str:
        return f"The absolute entries of its last-layer gradient add up to {value:.2g}, {above(higher_than)}."
