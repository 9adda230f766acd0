"""Own-class cosine: whether a sample pulls the model the way the validation samples of its class do."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("own-class-cosine")
class OwnClassCosine(Detector):
    """Minus the mean cosine between grad l_i and the gradients of the validation samples with the same label, -1..1.

    Of the directions only: with raw dot products the ranking turns round, because wrong labels have the largest
    gradients (AUROC .05 to .13 on digits). A class without validation samples gives 0, which says nothing.
    """

    title = "Against its own class"
    summary = "The sample pulls the model another way than the validation samples of the same label."
    formula = "−mean_{v: y_v=y_i} cos(∇ℓᵢ, ∇ℓ_v)"
    cost = "One forward and backward pass over the training set per block of validation gradients that fits in memory."
    source = (
        "Own; after the class-wise signals of Influence-Based-Glitch-Detection (GitHub) and gradient "
        "cosines, arXiv 2102.05262."
    )
    needs = "a validation split with every class in it"
    kinds = ("class",)
    instead = "self-influence"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return -evidence.by_class.cosines[np.arange(len(evidence.rows)), evidence.targets]

    def reason(self, value: float, higher_than: float) -> str:
        if value > 0:
            return (
                f"It pulls against the validation samples of its own label (cosine {-value:.2f}), {above(higher_than)}."
            )
        return (
            f"Its pull agrees with the validation samples of its label with a cosine of {-value:.2f} only; "
            f"{_weaker(higher_than)}."
        )


def _weaker(higher_than: float) -> str:
    return f"{min(higher_than, 99.9):.1f} % of the training set agree more"
