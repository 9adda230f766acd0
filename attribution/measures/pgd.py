"""Robustness to a few projected gradient steps."""

from attribution.measures import register
from attribution.measures._adversarial import Adversarial


@register("pgd")
class ProjectedGradientDescent(Adversarial):
    """mean_i of the loss after 5 steps of half an epsilon along the sign of the gradient, projected back to within
    epsilon of x_i."""

    title = "Loss under attack (PGD)"
    summary = (
        "As FGSM, with five smaller steps: a stronger attack on models that bend between x and its "
        "neighbours, at five times the price."
    )
    formula = "mean ℓ(f(x̂), y),  x̂ ← Π_ε(x̂ + ½ε sign ∇ₓℓ), 5 steps"
    source = "PGD: Madry et al., arXiv 1706.06083, without the random start."
    steps = 5
    stride = 0.5
