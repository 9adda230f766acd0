"""Gradient dot product at the last checkpoint: the influence function with its inverse Hessian left out."""

from collections.abc import Sequence

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import query_gradients


@register("ip")
class GradientDotProduct(Estimator):
    """influence(i, q) = <grad l_i, grad l_q> at the last checkpoint."""

    title = "Gradient dot product"
    family = "gradient"
    offered = 1
    compared = 1
    summary = (
        "How far one small training step on the sample would lower the query's loss. Cheap and exact, but samples with "
        "large gradients dominate: look at the direction (cosine) beside it."
    )
    formula = "⟨∇ℓᵢ(θ), ∇ℓ_q(θ)⟩"
    cost = "One forward and backward pass over the training set, whatever the number of queries."
    source = "IP: Revisit, Extend, and Enhance Hessian-Free Influence Functions, arXiv 2405.17490."
    unit = "nats per unit of learning rate"

    def query_bytes(self) -> int:
        return self.trained.gradient_bytes

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = query_gradients(self.trained, queries)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        dots, norms = self.trained.engine().dots_and_norms(x, y, self._queries)  # (b, q), (b,)
        self.trained.count(3 * len(rows))
        scale = (norms[:, None] * self._queries.norms[None, :]).clamp_min(1e-30)  # (b, q)
        return ScoreBlock(dots.cpu(), (dots / scale).cpu())
