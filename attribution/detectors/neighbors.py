"""Disagreement of the nearest neighbours in the representation of an early checkpoint."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("neighbors")
class NeighborDisagreement(Detector):
    """One minus the similarity-weighted share of the k nearest other training samples that carry the same label.

    Neighbours are by cosine, so that the length of a representation does not count, and in an early checkpoint: once
    wrong labels are learned by heart, wrong samples lie among their wrong class. On the fashion sample the planted
    flips are found with AUROC .961 at the second of five checkpoints and .940 at the last.
    """

    title = "Neighbours' labels"
    summary = (
        "The most similar training samples carry other labels. Independent of the model's own verdict on the sample."
    )
    formula = "1 − Σⱼ cosᵢⱼ [yⱼ = yᵢ] / Σⱼ cosᵢⱼ,  j among the k nearest"
    cost = "One forward pass, and n² products of representations."
    source = "k-nearest-neighbour filtering; compare KNN-Shapley, Jia et al., arXiv 1908.08619."
    kinds = ("class",)
    instead = "neighbor-value for numbers, out-of-fold-loss for sets of labels"
    default = True
    in_queue = True
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        return 1 - evidence.votes[np.arange(len(evidence.rows)), evidence.targets]

    def reason(self, value: float, higher_than: float) -> str:
        return f"Its nearest neighbours give {100 * value:.0f} % of their vote to other labels, {above(higher_than)}."
