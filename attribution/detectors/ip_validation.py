"""Influence on the validation loss: does training on the sample help on held-out data?"""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.estimators.base import Query
from attribution.measures.query import query_gradients


@register("ip-validation")
class ValidationInfluence(Detector):
    """Minus the gradient dot product with the mean validation loss at the last checkpoint.

    The method as published. It is a weak detector of wrong labels: the pulls of the classes in the validation set
    cancel in the sum. It found the planted flips of the fashion sample with AUROC .69, where the others reach .93 to
    .97. It is here because it answers another question, which samples cost validation loss now, and so that its
    weakness can be seen beside the others.
    """

    title = "Harm to the validation loss"
    weak = True
    summary = (
        "Training on the sample raises the validation loss. Weak on its own at finding wrong labels: "
        "contributions cancel."
    )
    formula = "−⟨∇ℓᵢ, ∇ mean_v ℓ_v⟩"
    cost = "One forward and backward pass over the training set."
    source = "IP: Revisit, Extend, and Enhance Hessian-Free Influence Functions, arXiv 2405.17490."
    needs = "a validation split"

    def values(self, evidence: Evidence) -> np.ndarray:
        trained = evidence.trained
        query = query_gradients(trained, [Query("validation", tuple(evidence.validation.tolist()))])
        dots = [
            trained.engine().along(x, y, query)[:, 0].double().cpu().numpy() for x, y in trained.batches(evidence.rows)
        ]
        trained.count(3 * len(evidence.rows))
        return -np.concatenate(dots)

    def reason(self, value: float, higher_than: float) -> str:
        if value <= 0:
            return "Training on it does not raise the validation loss."
        return f"Training on it raises the validation loss (influence {-value:.2g}): the harm is {above(higher_than)}."
