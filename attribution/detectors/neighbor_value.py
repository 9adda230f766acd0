"""Neighbours' values: how far the value is from those of the most similar samples."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("neighbor-value")
class NeighborValue(Detector):
    """|y - median of the k nearest other training samples' values|, in the target's unit.

    The same neighbours as those of ``neighbors``: by cosine in an early checkpoint's representation. The median,
    because neighbours may be wrong themselves.
    """

    title = "Neighbours' values"
    summary = "The most similar training samples have other values. Independent of the model's own prediction."
    formula = "|yᵢ − medianⱼ yⱼ|,  j among the k nearest"
    cost = "One forward pass, and n² products of representations."
    source = (
        "k-nearest-neighbour regression: Cover 1968; as a filter for wrong values: Kordos and Blachnik, ICANN 2012."
    )
    kinds = ("number",)
    instead = "neighbors for classes, out-of-fold-loss for sets of labels"
    default = True
    in_queue = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return np.abs(evidence.targets - np.median(evidence.targets[evidence.nearest[0]], axis=1))

    def reason(self, value: float, higher_than: float) -> str:
        return f"Its value is {self.amount(value)} away from the median of its neighbours, {above(higher_than)}."
