"""RelatIF: influence per unit of what a sample does to its own loss, so that outliers do not lead every list."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import ScoreBlock
from attribution.estimators.ekfac import EkfacInfluence

if TYPE_CHECKING:
    import torch

_BLOCK_BYTES = 256 << 20  # gradients written out at once


@register("relatif")
class RelativeInfluence(EkfacInfluence):
    """influence(i, q) = I(i, q) / sqrt(I(i, i)) with I(i, q) = (1 / n) g_q^T (C + damping I)^-1 g_i and EK-FAC's
    inverse.

    The loss-relative form (l-RelatIF). A sample without gradient has no influence. Its absolute value is at most
    sqrt(I(q, q)).
    """

    title = "Relative influence (RelatIF)"
    summary = (
        "The influence function divided by how strongly the sample acts on its own loss: samples that are helpful for "
        "this query in particular, rather than outliers that move everything."
    )
    formula = "I(i, q) / √I(i, i),  I = (1/n) ∇ℓ_qᵀ (C + λI)⁻¹ ∇ℓᵢ by EK-FAC"
    cost = "As EK-FAC, plus the inverse applied to every training gradient, written out in blocks."
    source = (
        "Barshan, Brunet and Dziugaite, RelatIF: Identifying Explanatory Training Samples via Relative "
        "Influence, arXiv 2003.11630."
    )
    cheaper = "ekfac"
    unit = "square root of nats"

    def score(self, rows: np.ndarray) -> ScoreBlock:
        influence = super().score(rows).influence
        return ScoreBlock(influence / self._scale(rows)[:, None])

    def by_token(self, row: int) -> "torch.Tensor":
        return super().by_token(row) / self._scale(np.array([row]))

    def _scale(self, rows: np.ndarray) -> "torch.Tensor":
        """Roots of the rows' influence on themselves (b,)."""
        import torch

        own = self.own(rows)
        return own.clamp_min(torch.finfo(own.dtype).tiny).sqrt()

    def own(self, rows: np.ndarray) -> "torch.Tensor":
        """Influence of each row on itself (b,) in nats, never negative."""
        import torch

        size = max(1, _BLOCK_BYTES // (32 * self.curvature.size))  # float64 gradients and three products of their size
        return torch.cat([self._own(rows[start : start + size]) for start in range(0, len(rows), size)])

    def _own(self, rows: np.ndarray) -> "torch.Tensor":
        x, y = self.trained.batch(rows)
        gradients = self.curvature.layout.join(self.trained.engine().gradients(x, y))  # (b, P)
        self.trained.count(3 * len(rows))
        return ((gradients * self.solve(gradients)).sum(1) / self.curvature.n).cpu()
