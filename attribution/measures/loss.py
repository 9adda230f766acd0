"""The mean loss: what influence is asked of unless something else is named."""

from typing import TYPE_CHECKING

from attribution.measures import register
from attribution.measures.base import Measure

if TYPE_CHECKING:
    from attribution.gradients.capture import Loss
    from attribution.training.trained import TrainedModel


@register("loss")
class MeanLoss(Measure):
    """mean_i of the cross-entropy of row i."""

    title = "Loss"
    summary = "How surprised the model is by the labels. The default: which samples made this prediction what it is."
    formula = "mean ℓ(f(x), y)"
    unit = "nats"
    source = "Cross-entropy; the utility function of the IP paper, arXiv 2405.17490."

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        from attribution.tasks.classification import per_sample_loss

        return per_sample_loss
