"""The influence function of the whole network, of which only chosen parameters are kept."""

from attribution.estimators import register
from attribution.estimators._selected import Selected


@register("gif-projected")
class ProjectedInfluence(Selected):
    """influence(i, q) = (1 / n) g_q^T d_i with d_i = (H^-1 g_i)_J: everything answers, and only what J does is
    counted."""

    title = "Influence, the part of chosen parameters"
    cheaper = "ekfac"
    summary = (
        "The part of the ordinary influence function that runs through the few parameters that the query uses most. "
        "For comparison: what the others would have compensated is missing from it."
    )
    formula = "(1/n) (∇ℓ_q)_Jᵀ (H⁻¹ ∇ℓᵢ)_J"
    cost = (
        "Up to 200 passes over the training set per asked sample, five forward passes each; one pass per class for the "
        "damping."
    )
    variant = "pif"
