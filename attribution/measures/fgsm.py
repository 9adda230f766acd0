"""Robustness to one step of the sign of the gradient."""

from attribution.measures import register
from attribution.measures._adversarial import Adversarial


@register("fgsm")
class FastGradientSign(Adversarial):
    """mean_i of the loss at x_i + epsilon sign(grad_x loss)."""

    title = "Loss under attack (FGSM)"
    summary = (
        "The loss after every input was moved a little, in one step, where it hurts most. Low for a model "
        "that small changes do not fool."
    )
    formula = "mean ℓ(f(x + ε sign ∇ₓℓ), y)"
    source = (
        "FGSM: Goodfellow, Shlens and Szegedy, arXiv 1412.6572; as a robustness target in the IP paper, "
        "arXiv 2405.17490."
    )
