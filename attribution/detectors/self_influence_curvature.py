"""Self-influence with curvature: by how much the sample's own loss would rise without it."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.estimators.relatif import RelativeInfluence


@register("self-influence-curvature")
class CurvatureSelfInfluence(Detector):
    """(1 / n) g_i^T (C + damping I)^-1 g_i at the last checkpoint, C by EK-FAC: influence on the sample's own loss, in
    nats.

    Damping is the estimators' (see ``ekfac``). ``self-influence`` is the same question asked of every checkpoint
    without curvature.
    """

    title = "Self-influence, with curvature"
    summary = (
        "Without this sample the model would get it wrong by more: nothing else supports its label. Reads "
        "the final model."
    )
    formula = "(1/n) ∇ℓᵢᵀ (C + λI)⁻¹ ∇ℓᵢ"
    cost = "EK-FAC once, then one forward and backward pass over the training set and the inverse of every gradient."
    source = "Koh and Liang, arXiv 1703.04730, section 5.4; with the curvature of George et al., arXiv 1806.03884."
    needs = "layers with closed-form gradients: linear, convolution, normalisation, embedding"

    def values(self, evidence: Evidence) -> np.ndarray:
        trained = evidence.trained
        estimator = RelativeInfluence(trained)
        return estimator.own(evidence.rows).double().numpy()

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"Without it, its own loss would rise by {value:.2g} {self.units.loss} by estimate, {above(higher_than)}."
        )
