"""KNN-Shapley over the validation set: whether a sample is worth anything to its neighbours' votes."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.estimators.base import Query
from attribution.estimators.knn_shapley import KnnShapley


@register("knn-shapley")
class NeighborsWorth(Detector):
    """Minus the mean over the validation samples of the Shapley value in a 5-nearest-neighbour vote, times the number
    of samples.

    Times n, so that the value does not shrink with the training set: the values of all samples average to minus the
    vote's accuracy.
    """

    title = "Worth to its neighbours"
    summary = "The sample takes votes away from the right label of validation samples near it. Needs no gradients."
    formula = "−n · mean_v sᵢ(v), s the Shapley value of i in the k-nearest-neighbour vote on v"
    cost = "One product of representations and one sort of the training set per validation sample."
    source = "Jia et al., KNN-Shapley, arXiv 1908.08619; for wrong labels arXiv 1911.07128."
    needs = "a validation split"
    kinds = ("class",)
    instead = "neighbor-value for numbers, self-influence for sets of labels"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        estimator = KnnShapley(evidence.trained)
        estimator.prepare([Query("validation", tuple(evidence.validation.tolist()))])
        return -len(evidence.rows) * estimator.score(evidence.rows).influence[:, 0].numpy()

    def reason(self, value: float, higher_than: float) -> str:
        if value > 0:
            return (
                f"It takes votes from the right label of validation samples near it (worth {-value:.2g}), "
                f"{above(higher_than)}."
            )
        return (
            f"It is worth {-value:.2g} to the votes on validation samples; {min(higher_than, 99.9):.1f} % of "
            "the training set are worth more."
        )
