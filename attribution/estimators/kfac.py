"""The influence function with the curvature of each layer as a Kronecker product (K-FAC)."""

from attribution.estimators import register
from attribution.estimators._kronecker import KroneckerInfluence


@register("kfac")
class KfacInfluence(KroneckerInfluence):
    """influence(i, q) = (1 / n) sum over layers of g_q^T (S x A + (l2 + damping) I)^-1 g_i."""

    title = "Influence function (K-FAC)"
    summary = (
        "The influence function layer by layer, with the curvature split into one part for a layer's inputs and one "
        "for its outputs. Cheap for large models and many queries; EK-FAC is the better form of it."
    )
    formula = "(1/n) Σ_layers ∇ℓ_qᵀ (S ⊗ A + λI)⁻¹ ∇ℓᵢ"
    cost = "One backward pass over the training set per class, and the eigenvectors of two small matrices per layer."
    source = (
        "Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate Curvature, arXiv "
        "1503.05671."
    )
    cheaper = "ip"
    corrected = False
