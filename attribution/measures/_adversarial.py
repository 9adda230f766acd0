"""Adversarial points: inputs moved a little, where it hurts the model most."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.dataset import DatasetInfo
from attribution.datasets.handed import STANDARDISED, Inputs, unit
from attribution.errors import UserError
from attribution.measures.base import Measure
from attribution.modalities import modalities
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.gradients.capture import Loss
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


def movable(info: "DatasetInfo", inputs: Inputs = STANDARDISED) -> np.ndarray | None:
    """Which inputs an attack may move (d,) bool, None for all of them; ``UserError`` for words, and for a table without
    numbers."""
    if inputs.kind == "tokens":
        raise UserError(
            "The samples are token ids.",
            "Words cannot be moved by a small amount.",
            "Ask for loss or margin, or use pictures or a table.",
        )
    kind = modalities.get(info.modality)()
    found: np.ndarray | None = kind.movable(info)
    if inputs.transformed and kind.shown_as != "picture":
        raise UserError(
            f"The model is handed what {inputs.transform} makes of {kind.title}.",
            "A small change of that is no change of a sample that could be.",
            "Ask for loss or margin, or use pictures.",
        )
    return found


@dataclass(frozen=True)
class AttackSettings(Settings):
    """How far an attack may go."""

    epsilon: float = opt(
        0.1,
        "Reach of the attack, in standard deviations of the inputs as the model is given them.",
        above=0.0,
        high=100.0,
    )


class Adversarial(Measure):
    """The mean loss at inputs moved by at most ``epsilon`` per coordinate so as to raise it, within what the inputs can
    be.

    ``epsilon`` is in standard deviations of the inputs: of a number column over the training table, of a channel over
    all pixels. The attack starts at the sample and has no chance in it, so batches and order change nothing.
    """

    unit = "nats"
    needs = "pictures, or a table with number columns"
    kinds = ("class", "number", "set")
    instead = "loss or margin: words cannot be moved by a small amount"
    Settings = AttackSettings
    settings: AttackSettings
    steps: int = 1
    stride: float = 1.0  # of one step, in epsilons

    def options(self) -> dict[str, object]:
        return super().options() | ({"steps": self.steps} if self.steps > 1 else {})

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        return trained.task.loss

    def measured_in(self, task: "Task") -> str:
        return task.unit

    def inputs(self, trained: "TrainedModel", x: "Tensor", y: "Tensor", checkpoint: int = -1) -> "Tensor":
        import torch

        from attribution.gradients.capture import exact_kernels
        from attribution.models.features import inputs_of

        info = trained.dataset.info
        model = trained.model(checkpoint)
        inputs = inputs_of(model)
        mask = movable(info, inputs)
        bounds = modalities.get(info.modality)().limits(info, inputs)
        reach = unit(info, inputs) * (1.0 if mask is None else mask)  # of one standard deviation, per channel or column
        allowed = torch.as_tensor(reach, device=x.device).to(x.dtype).view(1, -1, *[1] * (x.dim() - 2))
        low = x - self.settings.epsilon * allowed
        high = x + self.settings.epsilon * allowed
        if bounds is not None:
            floor, ceiling = (torch.as_tensor(side, device=x.device).to(x.dtype).view(1, -1, 1, 1) for side in bounds)
            low = torch.maximum(low, torch.minimum(floor, x))
            high = torch.minimum(high, torch.maximum(ceiling, x))
        moved = x.detach()
        for _ in range(self.steps):
            leaf = moved.clone().requires_grad_()
            with exact_kernels(model):
                (slope,) = torch.autograd.grad(self.per_sample(trained)(model(leaf), y).sum(), leaf)
            moved = torch.minimum(
                torch.maximum(moved + self.stride * self.settings.epsilon * slope.sign() * allowed, low), high
            ).detach()
            trained.count(3 * len(y))
        return moved
