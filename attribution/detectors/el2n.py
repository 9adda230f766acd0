"""EL2N: the length of the error vector early in training."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above


@register("el2n")
class ErrorNorm(Detector):
    """|softmax(z) - onehot(label)|_2 at the run's earliest checkpoint, 0..sqrt(2).

    Early, because the error of a sample that will be learned by heart vanishes later. The source averages over ten
    trainings; this is one.
    """

    title = "Early error"
    summary = "Early in training the prediction was far from the label: the sample is hard, or its label is wrong."
    formula = "‖softmax(z(xᵢ; θ₁)) − onehot(yᵢ)‖₂ at the first checkpoint"
    cost = "One forward pass over the training set."
    source = "EL2N: Paul et al., Deep Learning on a Data Diet, arXiv 2107.07075."
    needs = "an early checkpoint (with one checkpoint only, it is the error of the final model)"
    stacked = True

    def values(self, evidence: Evidence) -> np.ndarray:
        import torch

        trained = evidence.trained
        errors = []
        with torch.no_grad():
            for x, y in trained.batches(evidence.rows):
                p = torch.softmax(trained.model(0)(x).cpu().double(), dim=1)  # (b, c)
                errors.append((p - torch.nn.functional.one_hot(y.cpu(), p.shape[1])).norm(dim=1).numpy())
                trained.count(len(y))
        return np.concatenate(errors)

    def reason(self, value: float, higher_than: float) -> str:
        return f"Early in training its error was {value:.2f} of at most 1.41, {above(higher_than)}."
