"""Gradient dot products averaged over the run's checkpoints, each counting the same."""

from attribution.estimators import register
from attribution.estimators.tracin import TracInCheckpoints


@register("ip-checkpoints")
class CheckpointEnsemble(TracInCheckpoints):
    """influence(i, q) = mean over checkpoints k of <grad l_i(theta_k), grad m_q(theta_k)>.

    Unlike TracInCP, which weighs a checkpoint by the learning rate that was spent near it: this asks models of every
    age alike, and counts the late ones in full although their steps were short.
    """

    title = "Gradient dot product, several checkpoints"
    summary = (
        "The dot product averaged over the checkpoints of one training, early and late ones alike. An "
        "ensemble that costs no extra training."
    )
    formula = "meanₖ ⟨∇ℓᵢ(θₖ), ∇ℓ_q(θₖ)⟩"
    source = "IP-ensemble of arXiv 2405.17490 over checkpoints; compare TracInCP, arXiv 2002.08484."
    cheaper = "ip"
    needs = "several checkpoints (works with one, and is then the gradient dot product)"
    unit = "nats per unit of learning rate"

    def _factors(self) -> list[float]:
        return [1 / len(self._queries)] * len(self._queries)
