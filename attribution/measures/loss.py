"""The mean loss: what influence is asked of unless something else is named."""

from typing import TYPE_CHECKING

from attribution.measures import register
from attribution.measures.base import Measure

if TYPE_CHECKING:
    from attribution.gradients.capture import Loss
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


@register("loss")
class MeanLoss(Measure):
    """mean_i of the task's loss of row i."""

    title = "Loss"
    summary = (
        "How surprised the model is by the labels, or how far it is from the values. The default: which samples made "
        "this prediction what it is."
    )
    formula = "mean ℓ(f(x), y)"
    unit = "nats"
    source = "What training minimised; the utility function of the IP paper, arXiv 2405.17490."

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        return trained.task.loss

    def measured_in(self, task: "Task") -> str:
        return task.unit
