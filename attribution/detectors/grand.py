"""GraNd: the length of the gradient early in training."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("grand")
class GradientNorm(Detector):
    """|grad l_i|_2 over all covered parameters at the run's earliest checkpoint, in nats per unit of parameter.

    The source averages over ten trainings; this is one. ``self-influence`` squares the same norm and sums it over all
    checkpoints.
    """

    title = "Early gradient norm"
    summary = "Early in training the sample pulled hard on the model: it is hard, or its label is wrong."
    formula = "‖∇ℓᵢ(θ₁)‖₂ at the first checkpoint"
    cost = "One forward and backward pass over the training set."
    source = "GraNd: Paul et al., Deep Learning on a Data Diet, arXiv 2107.07075."
    needs = "an early checkpoint (with one checkpoint only, it is the gradient of the final model)"

    def values(self, evidence: Evidence) -> np.ndarray:
        trained = evidence.trained
        norms = [trained.engine(0).norms(x, y).cpu().double().numpy() for x, y in trained.batches(evidence.rows)]
        trained.count(3 * len(evidence.rows))
        return np.concatenate(norms)

    def reason(self, value: float, higher_than: float) -> str:
        return f"Early in training its gradient had length {value:.2g}, {above(higher_than)}."
