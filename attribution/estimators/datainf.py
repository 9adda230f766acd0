"""DataInf: the influence function with the inverse of the mean taken as the mean of the inverses."""

from typing import TYPE_CHECKING

from attribution.estimators import register
from attribution.estimators._preconditioned import Preconditioned

if TYPE_CHECKING:
    import torch


@register("datainf")
class DataInfluence(Preconditioned):
    """influence(i, q) = (1 / n) sum over parameter tensors of g_q^T M g_i, M the mean of (g g^T + (l2 + damping) I)^-1
    over the data.

    Gradients are taken for the labels that the model expects, as in the other estimators, and damping is the common
    one; the authors take the labels of the data and a tenth of the mean eigenvalue of each layer.
    """

    title = "Influence function (DataInf)"
    summary = (
        "A cheap stand-in for the influence function that swaps an inverse and a mean. Made for small adapters; on "
        "whole networks it stays close to the gradient dot product."
    )
    formula = "(1/n) Σ_l ∇ℓ_qᵀ [ (1/n) Σⱼ (gⱼgⱼᵀ + λI)⁻¹ ] ∇ℓᵢ"
    cost = "One pass over the gradients of the training set per class and block of queries."
    source = "Kwon, Wu, Wu and Zou, DataInf, arXiv 2310.00902."
    cheaper = "ip"

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        from attribution.gradients.curvature import datainf

        return datainf(self.curvature, gradients)
