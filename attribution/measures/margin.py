"""The negative margin: how far the model is from giving the label, without the loss's saturation."""

from typing import TYPE_CHECKING

from attribution.measures import register
from attribution.measures.base import Measure

if TYPE_CHECKING:
    from attribution.gradients.capture import Loss
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


@register("margin")
class NegativeMargin(Measure):
    """mean_i of the best other logit minus the label's logit; negative where the model is right."""

    title = "Margin"
    summary = (
        "How far the best other class is ahead of the label, in logits. Unlike the loss it does not go quiet where the "
        "model is sure, so it explains confident predictions better."
    )
    formula = "mean (max_{c≠y} z_c − z_y)"
    unit = "logits"
    source = (
        "The margin of Pleiss et al., arXiv 2001.10528, with its sign turned; the margin measure of arXiv 2402.08922."
    )

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        return trained.task.shortfall

    def measured_in(self, task: "Task") -> str:
        return task.margin_unit
