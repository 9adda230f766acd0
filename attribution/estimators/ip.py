"""Gradient dot product at the last checkpoint: the influence function with its inverse Hessian left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators._stored import WHOLE, WholeGradients
from attribution.estimators._tokens import token_dots
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import query_gradients
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class WholeSettings(Settings):
    """Where gradients are kept."""

    store: bool = opt(False, WHOLE)


@register("ip")
class GradientDotProduct(Estimator):
    """influence(i, q) = <grad l_i, grad l_q> at the last checkpoint.

    With ``store`` the training set's gradients are kept on disk, 2 bytes a weight and sample (bf16: each within 1/256),
    and later questions read them instead of passing over the training set: for adapters and last layers.
    """

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
    Settings = WholeSettings

    @property
    def keeps(self) -> bool:
        """Whether gradients are kept on disk."""
        return bool(getattr(self.settings, "store", False))

    def options(self) -> dict[str, Any]:
        return {"store": "bfloat16"} if self.keeps else {}

    def query_bytes(self) -> int:
        return self.trained.parameter_bytes() if self.keeps else self.trained.gradient_bytes

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = query_gradients(self.trained, queries)
        if self.keeps:
            self._written = self.stored.layout.from_queries(self._queries).float().T  # (P, q)

    @cached_property
    def stored(self) -> WholeGradients:
        """The training set's gradients on disk."""
        return WholeGradients(self.trained)

    def _dots_and_norms(self, rows: np.ndarray) -> "tuple[torch.Tensor, torch.Tensor]":
        """Dots with the prepared queries (b, q) and the rows' norms (b,)."""
        if self.keeps:
            found = self.stored.vectors(rows).to(self.trained.device)  # (b, P)
            return found @ self._written, found.norm(dim=1)
        x, y = self.trained.batch(rows)
        self.trained.count(3 * len(rows))
        return self.trained.engine().dots_and_norms(x, y, self._queries)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        dots, norms = self._dots_and_norms(rows)
        scale = (norms[:, None] * self._queries.norms[None, :]).clamp_min(1e-30)  # (b, q)
        return ScoreBlock(dots.cpu(), (dots / scale).cpu())

    def by_token(self, row: int) -> "torch.Tensor":
        return token_dots(self.trained, row, self._queries).cpu()
