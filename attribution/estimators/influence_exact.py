"""The influence function with its inverse taken exactly: for small models, and the yardstick of the others."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attribution.estimators import register
from attribution.estimators._preconditioned import Preconditioned

if TYPE_CHECKING:
    import torch


@register("influence-exact")
class ExactInfluence(Preconditioned):
    """influence(i, q) = (1 / n) g_q^T (C + damping I)^-1 g_i with C written out and factorised in float64.

    ``hessian = True`` takes the Hessian of the training loss instead of its Gauss-Newton matrix, with the same L2 term
    and damping. ``UserError`` above 5,000 parameters.
    """

    title = "Influence function (exact)"
    summary = (
        "By how much the query's loss would rise if the sample had been left out, to first order around the trained "
        "model. Exact for logistic regression and the like; on networks the reference that the cheaper forms "
        "approximate."
    )
    formula = "(1/n) ∇ℓ_qᵀ (C + λI)⁻¹ ∇ℓᵢ"
    cost = "One backward pass over the training set per class, memory for parameters squared: at most 5,000 parameters."
    source = "Koh and Liang, Understanding Black-box Predictions via Influence Functions, arXiv 1703.04730."
    cheaper = "ekfac"
    needs = "a model of at most 5,000 parameters"
    hessian: bool = False

    @cached_property
    def _inverse(self) -> "Callable[[torch.Tensor], torch.Tensor]":
        from attribution.gradients.curvature import dense_inverse

        return dense_inverse(self.curvature, self.hessian)

    def options(self) -> dict[str, Any]:
        return super().options() | {"hessian": self.hessian}

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        return self._inverse(gradients)
