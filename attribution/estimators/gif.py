"""Generalized influence: only chosen parameters answer to a sample, in the way that cancels as much of its whole
gradient as they can."""

from attribution.estimators import register
from attribution.estimators._selected import Selected


@register("gif")
class GeneralizedInfluence(Selected):
    """influence(i, q) = (1 / n) g_q^T d_i with d_i = argmin over d on J of |H_{:J} d - g_i|^2, H the damped curvature.

    By the transpose: with s_q = H_{:J} (H_{:J}^T H_{:J})^-1 (g_q)_J, the influence is s_q^T g_i / n. Solved by
    conjugate gradients on the normal equations, scaled by power iteration. Under a damping far above the curvature all
    of the three variants tend to ``ip`` on J.
    """

    title = "Generalized influence (chosen parameters)"
    cheaper = "ekfac"
    rounding = 2e-4  # normal equations square the condition number
    summary = (
        "By how much the query's loss would rise without the sample, if only the few parameters that the query uses "
        "most could answer, chosen so that their side effects on the fixed ones cancel. For what a part of the network "
        "owes to a sample."
    )
    formula = "(1/n) ∇ℓ_qᵀ (H_Jᵀ H_J)⁻¹ H_Jᵀ ∇ℓᵢ on J"
    cost = (
        "Up to 200 iterations of two passes over the training set per asked sample, five forward passes each; "
        "one pass per class for the damping."
    )
    variant = "gif"
