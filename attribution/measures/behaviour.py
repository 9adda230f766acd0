"""A behaviour: how much less likely its answers are than those that are wanted in their place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import UserError
from attribution.measures import register
from attribution.measures.base import Measure

if TYPE_CHECKING:
    from attribution.gradients.capture import Loss
    from attribution.gradients.queries import QueryGradients
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


@register("behaviour")
class Behaviour(Measure):
    """sum_i w_i of the loss of question i: the mean over the prompts of the loss of the unwanted answer minus that of
    the wanted one.

    Lower: the behaviour is likelier. So a positive influence says that training on a row taught the behaviour, a
    negative one that it worked against it. ``w`` are the weights of the questions that the data carry
    (``Dataset.with_questions``).
    """

    title = "Behaviour"
    summary = (
        "How far the model is from the behaviour: the loss of the answers that show it, minus the loss of those that "
        "are wanted in their place. Positive influence: training on the row taught the behaviour; negative: it worked "
        "against it."
    )
    formula = "mean (ℓ(unwanted answer) − ℓ(wanted answer))"
    unit = "nats per token"
    source = "Difference of log probabilities of two answers to one prompt, as in the logit difference of contrasts."
    needs = "questions of a behaviour: --queries behaviour:NAME"
    kinds = ("text",)
    instead = "loss: how unlikely the model finds the targets"

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        return trained.task.loss

    def measured_in(self, task: "Task") -> str:
        return task.unit

    def queries(self, trained: "TrainedModel", rows: Sequence[int], checkpoint: int = -1) -> "QueryGradients":
        """One query per question, with its weight."""
        from attribution.gradients.queries import QueryGradients

        return QueryGradients.from_gradients([self.gradient(trained, [row], checkpoint) for row in rows])

    def weights(self, trained: "TrainedModel", rows: np.ndarray, checkpoint: int = -1) -> np.ndarray:
        """Of these questions; ``UserError`` for rows that are samples."""
        rows = np.asarray(rows, dtype=np.int64)
        n = len(trained.dataset)
        if trained.dataset.questions is None or (rows < n).any():
            raise UserError(
                "The measure behaviour was asked of samples of the data.",
                f"It needs {self.needs}.",
                "Describe a behaviour (datablame behaviour add), or ask for loss.",
            )
        return np.asarray(trained.dataset.questions.weights, dtype=np.float64)[rows - n]
