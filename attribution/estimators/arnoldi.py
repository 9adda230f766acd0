"""The influence function with the curvature reduced to its leading eigenvectors by Arnoldi (Lanczos) iteration."""

from typing import TYPE_CHECKING

from attribution.estimators import register
from attribution.estimators._low_rank import LowRankInfluence

if TYPE_CHECKING:
    from attribution.gradients.curvature.low_rank import LowRank


@register("arnoldi")
class ArnoldiInfluence(LowRankInfluence):
    """influence(i, q) = (1 / n) g_q^T (V L V^T + (l2 + damping) I)^-1 g_i with the Ritz pairs V, L of ``rank`` Lanczos
    steps."""

    title = "Influence function (Arnoldi)"
    summary = (
        "The influence function in the directions in which the training loss curves most, found once and used for "
        "every query. Choose it when many queries are asked of one model."
    )
    formula = "(1/n) ∇ℓ_qᵀ (VΛVᵀ + λI)⁻¹ ∇ℓᵢ,  V, Λ by Lanczos"
    cost = (
        "100 passes over the training set once, five forward passes each, and 100 vectors of the model's size "
        "in memory."
    )
    source = "Schioppa, Zablotskaia, Vilar and Sokolov, Scaling Up Influence Functions, arXiv 2112.03052."
    cheaper = "ekfac"

    def basis(self) -> "LowRank":
        from attribution.gradients.curvature import lanczos

        return lanczos(self.curvature, self.rank, self.seed)
