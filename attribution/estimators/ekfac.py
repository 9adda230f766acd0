"""The influence function with the curvature of each layer as a Kronecker product with corrected eigenvalues
(EK-FAC)."""

from attribution.estimators import register
from attribution.estimators._kronecker import KroneckerInfluence


@register("ekfac")
class EkfacInfluence(KroneckerInfluence):
    """influence(i, q) = (1 / n) sum over layers of g_q^T (U L U^T + (l2 + damping) I)^-1 g_i, U the eigenbasis of
    K-FAC, L second moments."""

    title = "Influence function (EK-FAC)"
    compared = 6
    summary = (
        "The influence function layer by layer, scaled by how much gradients really vary in each direction of the "
        "layer. The usual choice for large models and many queries."
    )
    formula = "(1/n) Σ_layers ∇ℓ_qᵀ U (Λ + λI)⁻¹ Uᵀ ∇ℓᵢ,  U = U_S ⊗ U_A, Λ = E[(Uᵀ∇ℓ)²]"
    cost = (
        "Two backward passes over the training set per class (one for what fits 256 MiB), and the eigenvectors of two "
        "small matrices per layer."
    )
    source = (
        "George et al., arXiv 1806.03884; Grosse et al., Studying Large Language Model Generalization, arXiv "
        "2308.03296."
    )
    cheaper = "ip"
    corrected = True
