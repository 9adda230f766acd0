"""The influence function with its inverse taken as a truncated Neumann series over batches (LiSSA)."""

from typing import TYPE_CHECKING, Any

from attribution.estimators import register
from attribution.estimators._preconditioned import Preconditioned

if TYPE_CHECKING:
    import torch


@register("lissa")
class LissaInfluence(Preconditioned):
    """influence(i, q) = (1 / n) g_q^T x_D(g_i), x_D the series for (C + damping I)^-1 after ``depth`` batches of
    ``batch`` samples.

    The scale comes from power iteration on the batches, so it cannot diverge. What ``depth`` leaves unresolved is in
    the run's notes as the largest relative residual.
    """

    title = "Influence function (LiSSA)"
    summary = (
        "The influence function by many small steps over batches. Its cost does not grow with the training set, but "
        "flat directions need more steps than are affordable: prefer conjugate gradients where they can be paid."
    )
    formula = "(1/n) ∇ℓᵢᵀ x_D,  x ← x + (∇ℓ_q − (C_B + λI) x) / s"
    cost = "1,000 batches of 256 samples per query, five forward passes each."
    source = "Agarwal, Bullins and Hazan, LiSSA, arXiv 1602.03943; Koh and Liang, arXiv 1703.04730."
    cheaper = "ekfac"
    rounds = "depth"
    depth: int = 1000
    batch: int = 256

    def options(self) -> dict[str, Any]:
        return super().options() | {"depth": self.depth, "batch": self.batch, "seed": self.seed}

    def notes(self) -> dict[str, Any]:
        return super().notes() | self._reached

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        from attribution.gradients.curvature import neumann_series

        found = neumann_series(self.curvature, gradients, self.seed, self.depth, self.batch)
        self._reached = {"residual": float(found.residuals.max()), "depth": found.iterations}
        return found.x
