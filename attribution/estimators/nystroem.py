"""The influence function with the curvature replaced by a Nystroem approximation from random directions."""

from typing import TYPE_CHECKING

from attribution.estimators import register
from attribution.estimators._low_rank import LowRankInfluence

if TYPE_CHECKING:
    from attribution.gradients.curvature.low_rank import LowRank


@register("nystroem")
class NystroemInfluence(LowRankInfluence):
    """influence(i, q) = (1 / n) g_q^T (G_r + (l2 + damping) I)^-1 g_i with G_r the Nystroem approximation of rank
    ``rank``."""

    title = "Influence function (Nyström)"
    summary = (
        "The influence function from a sketch of the curvature that is made in one go and used for every query. "
        "Much of the faithfulness of conjugate gradients for a fixed price."
    )
    formula = "(1/n) ∇ℓ_qᵀ (GΩ (ΩᵀGΩ)⁺ (GΩ)ᵀ + λI)⁻¹ ∇ℓᵢ"
    cost = (
        "A forward pass over the training set, a backward pass per class and two products with 100 vectors of the "
        "model's size (above 32 classes 500 forward passes)."
    )
    source = (
        "Frangella, Tropp and Udell, Randomized Nyström Preconditioning, arXiv 2110.02820; Hataya and "
        "Yamada, arXiv 2302.09726."
    )
    cheaper = "ekfac"

    def basis(self) -> "LowRank":
        from attribution.gradients.curvature import nystroem

        return nystroem(self.curvature, self.rank, self.seed)
