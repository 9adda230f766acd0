"""Influence through chosen parameters with the others frozen."""

from attribution.estimators import register
from attribution.estimators._selected import Selected


@register("gif-freeze")
class FrozenInfluence(Selected):
    """influence(i, q) = (1 / n) g_q^T d_i with d_i = H_JJ^-1 (g_i)_J: the influence function of a network of which only
    J is trained."""

    title = "Influence with the other parameters frozen"
    cheaper = "ekfac"
    summary = (
        "By how much the query's loss would rise without the sample, if only the few parameters that the query uses "
        "most had been trained. Half the price of the generalized form and as good on small cases."
    )
    formula = "(1/n) (∇ℓ_q)_Jᵀ H_JJ⁻¹ (∇ℓᵢ)_J"
    cost = (
        "Up to 200 passes over the training set per asked sample, five forward passes each; one pass per class for the "
        "damping."
    )
    variant = "fif"
