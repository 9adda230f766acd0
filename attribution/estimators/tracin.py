"""TracInCP: gradient dot products summed over checkpoints, each weighted with the learning rate spent near it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.estimators import register
from attribution.estimators._tokens import token_dots
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import query_gradients

if TYPE_CHECKING:
    import torch


@register("tracin")
class TracInCheckpoints(Estimator):
    """influence(i, q) = sum_k w_k <grad l_i(theta_k), grad l_q(theta_k)>.

    ``w_k`` comes with the run: the learning-rate mass of the optimiser steps that checkpoint k stands for, divided by
    the batch size, so that the score estimates how many nats training on sample i took off the query's loss (exact to
    first order for SGD, an approximation for AdamW).
    """

    title = "TracIn over checkpoints"
    family = "training"
    offered = 2
    compared = 3
    summary = "How much the query's loss fell, over the course of training, through the steps taken on this sample."
    formula = "Σₖ wₖ ⟨∇ℓᵢ(θₖ), ∇ℓ_q(θₖ)⟩"
    cost = "One forward and backward pass over the training set per checkpoint."
    source = (
        "TracInCP: Pruthi et al., Estimating Training Data Influence by Tracing Gradient Descent, arXiv 2002.08484."
    )
    cheaper = "ip"
    needs = "several checkpoints (works with one, and is then the gradient dot product times a constant)"
    unit = "nats"
    by_rate = True

    def query_bytes(self) -> int:
        return self.trained.gradient_bytes * len(self.trained.weights)

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = [query_gradients(self.trained, queries, index) for index in range(len(self.trained.weights))]

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        terms = [
            factor * self.trained.engine(index).dots(x, y, self._queries[index])  # (b, q)
            for index, factor in enumerate(self._factors())
        ]
        self.trained.count(3 * len(rows) * len(terms))
        return ScoreBlock(sum(terms[1:], start=terms[0]).cpu())

    def by_token(self, row: int) -> "torch.Tensor":
        each = enumerate(zip(self._factors(), self._queries, strict=True))
        terms = [factor * token_dots(self.trained, row, prepared, index).cpu() for index, (factor, prepared) in each]
        return sum(terms[1:], start=terms[0])

    def _factors(self) -> list[float]:
        """What each checkpoint counts."""
        return self.trained.weights
