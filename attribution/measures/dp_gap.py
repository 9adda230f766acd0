"""Demographic parity: does the model give the positive class to all groups alike?"""

import numpy as np

from attribution.measures import register
from attribution.measures._gaps import GroupGap


@register("dp-gap")
class DemographicParityGap(GroupGap):
    """max_g mean p(positive | group g) - min_g mean p(positive | group g), whatever the labels."""

    title = "Demographic parity gap"
    summary = (
        "How much more often the model expects the positive class in one group than in another, whatever the truth. "
        "Zero when it gives the positive class to all groups alike, also when the groups really differ."
    )
    formula = "max_g p̄(positive | g) − min_g p̄(positive | g)"
    source = (
        "Demographic parity, Dwork et al., arXiv 1104.3913; as an influence target in Li and Liu, ICML 2022 "
        "(influence-fairness)."
    )

    def counts(self, labels: np.ndarray, positive: int) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)
