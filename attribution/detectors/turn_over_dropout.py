"""Turn-over dropout on a sample itself: how much better the half that saw it does than the half that did not."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above

NETWORKS = 8  # as many as the estimator of the same name averages, and the same ones


@register("turn-over-dropout")
class TurnOverSelf(Detector):
    """suspicion(i) = l_i(half that never saw i) - l_i(half that saw i), nats."""

    title = "Turn-over dropout"
    summary = (
        "The half of the network that trained on the sample knows its label, the other half does not: "
        "learned by heart, so rare, hard or wrong."
    )
    formula = "ℓᵢ(θ ∘ m̄ᵢ) − ℓᵢ(θ ∘ mᵢ)"
    cost = "Eight trainings of the network (kept), then a forward pass over the training set for each."
    source = "Kobayashi et al., Efficient Estimation of Influence of a Training Instance, SustaiNLP 2020."
    needs = "a network with a last linear layer"

    def values(self, evidence: Evidence) -> np.ndarray:
        from attribution.estimators._turn_over import TurnOver

        trained, rows = evidence.trained, evidence.rows
        targets = evidence.task.tensor(evidence.targets, trained.device)
        total = np.zeros(len(rows))
        for seed in range(NETWORKS):
            halves = TurnOver(trained, seed)
            features = halves.features(rows)  # (n, d)
            for start in range(0, len(rows), trained.batch_size):
                part = slice(start, start + trained.batch_size)
                masks = halves.masks(rows[part])
                saw, never = (
                    halves.own_losses(features[part], targets[part], mask) for mask in (masks, halves.flipped(masks))
                )
                total[part] += (never - saw).double().cpu().numpy() / NETWORKS
        return total

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"The half of the network that trained on it has a loss {value:.2g} {self.units.loss} lower than the other "
            f"half, {above(higher_than)}."
        )
