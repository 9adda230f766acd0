"""Self-influence: how strongly a sample pulled the model towards its own label during training."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("self-influence")
class SelfInfluence(Detector):
    """sum_k w_k |grad l_i(theta_k)|^2 over the run's checkpoints (TracInCP of the sample on itself), in the
    loss's unit."""

    title = "Self-influence"
    summary = (
        "The sample lowered its own loss by much, which others could not do for it: it is unlike the rest, "
        "or its target is wrong."
    )
    formula = "Σₖ wₖ ‖∇ℓᵢ(θₖ)‖²"
    cost = "One forward and backward pass over the training set per checkpoint."
    source = "Pruthi et al., TracIn, arXiv 2002.08484, section 5."
    default = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        trained = evidence.trained
        total = np.zeros(len(evidence.rows))
        for index, weight in enumerate(trained.weights):
            norms = [
                trained.engine(index).norms(x, y).double().cpu().numpy() for x, y in trained.batches(evidence.rows)
            ]
            total += weight * np.concatenate(norms) ** 2
            trained.count(3 * len(evidence.rows))
        return total

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"It pulled the model towards its own {self.units.noun} with a self-influence of {value:.2g} "
            f"{self.units.loss}, {above(higher_than)}."
        )
