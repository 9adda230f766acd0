"""Equal opportunity: does the model recognise the positives of all groups alike?"""

import numpy as np

from attribution.measures import register
from attribution.measures._gaps import GroupGap


@register("eop-gap")
class EqualOpportunityGap(GroupGap):
    """max_g mean p(positive | group g, label positive) - min_g of the same."""

    title = "Equal opportunity gap"
    summary = (
        "Among samples whose label is the positive class: how much more surely the model recognises those of one group "
        "than those of another. Zero when positives of all groups have the same chance."
    )
    formula = "max_g p̄(positive | g, y = positive) − min_g p̄(positive | g, y = positive)"
    source = (
        "Equal opportunity, Hardt, Price and Srebro, arXiv 1610.02413; as an influence target in Li and Liu, ICML 2022."
    )
    needs = "a group column and positive samples of at least two groups"

    def counts(self, labels: np.ndarray, positive: int) -> np.ndarray:
        return labels == positive
