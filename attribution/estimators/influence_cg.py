"""The influence function with its inverse taken by conjugate gradients: exact to a tolerance, for any model that fits
in memory."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attribution.estimators import register
from attribution.estimators._preconditioned import CurvatureSettings, Preconditioned
from attribution.settings.ranges import opt

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature.kronecker import Kronecker


@dataclass(frozen=True)
class SolveSettings(CurvatureSettings):
    """The damping of all curvature estimators, and what shortens the way to the solution."""

    preconditioner: str = opt(
        "none",
        "What turns the residuals of the solve: none, or ekfac, its inverse. Both arrive at the same solution; where "
        "the iterations end early the result leans towards EK-FAC's. It need not be quicker.",
        choices=("none", "ekfac"),
    )


@register("influence-cg")
class ConjugateGradientInfluence(Preconditioned):
    """influence(i, q) = (1 / n) g_q^T (C + damping I)^-1 g_i, each query solved until its residual is ``tolerance`` of
    its gradient.

    The largest relative residual and the number of iterations are kept in the run's notes; a residual above the
    tolerance means that ``iterations`` were not enough. 1e-5 is as far as float32 carries on well-damped networks.
    """

    title = "Influence function (conjugate gradients)"
    summary = (
        "By how much the query's loss would rise if the sample had been left out, to first order around the trained "
        "model. The most faithful of the curvature methods on networks, and the dearest: a solve over the whole "
        "training set per query."
    )
    formula = "(1/n) ∇ℓ_qᵀ (C + λI)⁻¹ ∇ℓᵢ"
    cost = (
        "Up to 100 passes over the training set per query, five forward passes each; one pass per class for "
        "the damping."
    )
    source = (
        "Koh and Liang, Understanding Black-box Predictions via Influence Functions, arXiv 1703.04730; "
        "conjugate gradients, 1952."
    )
    cheaper = "ekfac"
    rounds = "iterations"
    Settings = SolveSettings
    settings: SolveSettings
    tolerance: float = 1e-5
    iterations: int = 100

    def options(self) -> dict[str, Any]:
        turned = {"preconditioner": "ekfac"} if self.settings.preconditioner != "none" else {}
        return super().options() | {"tolerance": self.tolerance, "iterations": self.iterations} | turned

    def notes(self) -> dict[str, Any]:
        return super().notes() | self._reached

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        from attribution.gradients.curvature import conjugate_gradients

        near = self._kronecker.solve if self.settings.preconditioner == "ekfac" else None
        found = conjugate_gradients(self.curvature, gradients, self.tolerance, self.iterations, near)
        self._reached = {"residual": float(found.residuals.max()), "iterations": found.iterations}
        return found.x

    @cached_property
    def _kronecker(self) -> "Kronecker":
        """EK-FAC of the same curvature and damping."""
        from attribution.gradients.curvature import kronecker_factors

        return kronecker_factors(self.curvature, corrected=True)
