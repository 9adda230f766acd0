"""Gradient dot products averaged over the run's checkpoints, each counting the same."""

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import ScoreBlock
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

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        terms = [
            self.trained.engine(index).dots(x, y, prepared) for index, prepared in enumerate(self._queries)
        ]  # (b, q) each
        self.trained.count(3 * len(rows) * len(terms))
        return ScoreBlock((sum(terms[1:], start=terms[0]) / len(terms)).cpu())
