"""The contrast of two logits: how far what the model says is ahead of the label."""

from typing import TYPE_CHECKING

from attribution.measures import register
from attribution.measures.base import Measure

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.gradients.capture import Loss
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


@register("contrast")
class LogitContrast(Measure):
    """mean_i of the prediction's logit minus the label's; where the model is right, the runner-up's minus the label's.

    Which answer stands against the label is what the trained model says, and is held at every checkpoint, where
    ``margin`` looks anew for the best other one. It is the logarithm of how many times likelier the model holds that
    answer than the label. A set of labels counts by the labels in which the two sets differ.
    """

    title = "Prediction against label"
    summary = (
        "How far what the model says is ahead of the label, in logits: which samples pull towards the one, and which "
        "towards the other, and nothing else. Where the model is right, its runner-up stands against the label."
    )
    formula = "mean (z_p − z_y), p the prediction, or the runner-up where it is y"
    unit = "logits"
    source = "The logit of a contrast, as in the loss's own gradient: ∇ℓ = Σ_c p_c (∇z_c − ∇z_y)."
    kinds = ("class", "set")
    instead = "loss: a number has one output, so there are no two to hold against each other"

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        from attribution.gradients.pullback import weighted_sum

        return weighted_sum

    def targets(self, trained: "TrainedModel", x: "Tensor", y: "Tensor") -> "Tensor":
        """The weights of the outputs that make the contrast, from what the trained model says ``(b, ...)``."""
        import torch

        with torch.no_grad():
            outputs = trained.model()(x)
        trained.count(len(y))
        return trained.task.against(outputs, y)

    def measured_in(self, task: "Task") -> str:
        return task.margin_unit
