"""Regression: one number per sample, by the squared or the Huber loss."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.settings.ranges import Settings, opt
from attribution.tasks import figure, register
from attribution.tasks.base import Described, Task
from attribution.tasks.figure import Figure
from attribution.tasks.targets import Numbers

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RegressionSettings(Settings):
    """Which loss a number is learned with."""

    standardise: bool = opt(
        True,
        "Train on deviations from the training mean; false: on values as they stand, for a model that answers in their "
        "unit.",
    )
    loss: str = opt(
        "squared",
        "squared, or huber, which grows only linearly beyond delta and so minds single wild values less.",
        choices=("squared", "huber"),
    )
    delta: float = opt(
        1.0, "Where the Huber loss turns linear, in standard deviations of the training targets.", above=0.0
    )


@register("regression")
class Regression(Task):
    """The squared error ``r^2``, r = f - y, or the Huber loss: ``r^2 / 2`` up to delta, ``delta (|r| - delta / 2)``
    beyond.

    Targets reach the loss in standard deviations of the training targets (``Numbers.standardised``), and so does the
    model's output; figures and predictions are in the unit of the target. ``outputs`` are ``(b,)``, ``(b, 1)`` or, with
    targets ``(b, k)``, several numbers ``(b, k)`` whose losses add up. The second derivative at the outputs is 2, or
    with Huber 1 up to delta and 0 beyond. Sources: Huber 1964, Ann. Math. Stat. 35.
    """

    title = "Regression"
    summary = "A number per sample: a price, an age, a strength."
    formula = "the squared or the Huber error"
    kind = "number"
    Settings = RegressionSettings
    targets: Numbers

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Of the loss: what was minimised is in deviations, squared."""
        standard = self.targets.std != 1 or self.targets.mean != 0
        return "squared standard deviations" if standard else f"squared {self.target_unit or 'units'}"

    @property
    def margin_unit(self) -> str:  # type: ignore[override]
        """Of the error as the model sees it."""
        standard = self.targets.std != 1 or self.targets.mean != 0
        return "standard deviations" if standard else self.target_unit or "units"

    def unfit(self, outputs: "Tensor", targets: "Tensor") -> str:
        """As many numbers as targets."""
        returned = outputs[0].numel()
        wanted = targets[0].numel()
        return "" if returned == wanted else f"The model returns {returned} numbers per sample for {wanted} to predict."

    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Loss of each sample ``(b,)``, summed over its numbers."""
        return self.parts(outputs, targets).sum(1)

    def parts(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Loss by number ``(b, k)``."""
        return self._of(_errors(outputs, targets))

    def _of(self, errors: Any) -> Any:
        """The loss of errors, of tensors and arrays alike."""
        if self.settings.loss == "squared":
            return errors * errors
        size = abs(errors)
        inside = size.clip(0, self.settings.delta)
        return inside * (size - inside / 2)

    def _bend(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The loss's second derivative at each number, in the outputs' shape."""
        import torch

        if self.settings.loss == "squared":
            return torch.full_like(outputs, 2)
        inside = _errors(outputs, targets).abs() <= self.settings.delta
        return inside.to(outputs.dtype).reshape(outputs.shape)

    def root(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """A column per number ``(k, b, ...)``."""
        import torch

        bend = self._bend(outputs, targets).sqrt().reshape(len(outputs), -1)  # (b, k)
        return torch.diag_embed(bend).transpose(0, 1).reshape(-1, *outputs.shape)

    def curved(self, outputs: "Tensor", targets: "Tensor", vectors: "Tensor") -> "Tensor":
        """The second derivative is diagonal."""
        return self._bend(outputs, targets) * vectors

    def margin(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Minus the distance between output and target ``(b,)``, in standard deviations."""
        return -_distance(_errors(outputs, targets))

    def log_odds(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The margin: the output itself, with the sign that helps the target, up to what training does not move."""
        return self.margin(outputs, targets)

    def doubt(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """By how much the loss falls per unit of margin: the size of its gradient."""
        return _distance(self.residual(outputs, targets).reshape(len(outputs), -1))

    def predict(self, outputs: "Tensor") -> np.ndarray:
        """Numbers in the unit of the target ``(b,)``, or ``(b, k)``."""
        return self.targets.in_units(outputs.squeeze(-1).numpy() if outputs.dim() > 1 else outputs.numpy())

    def said_kept(self, kept: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
        """From outputs as they were, without torch."""
        outputs = np.asarray(kept, dtype=np.float64)
        outputs = outputs if outputs.ndim == 1 else outputs[:, 0]
        errors = outputs - self.targets.standardised(values)
        nothing = np.full(len(values), np.nan)
        return {
            "prediction": self.targets.in_units(outputs),
            "certainty": nothing,
            "right": nothing,
            "loss": self._of(errors),
            "margin": -abs(errors),
            "confidence": nothing,
        }

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """RMSE and mean absolute error in the unit of the target, and what was minimised."""
        return figure.rmse(self.target_unit), figure.mae(self.target_unit), figure.loss(self.unit)

    def chance(self, values: np.ndarray) -> float:
        """Loss of the best constant: the variance for the squared loss."""
        known = self.targets.standardised(values)[~self.targets.bare(values)]
        if not len(known):
            return 0.0
        centre = float(known.mean())
        if self.settings.loss == "huber":
            for _ in range(100):  # gradient descent; the mean loss has a curvature of at most 1
                centre += float((known - centre).clip(-self.settings.delta, self.settings.delta).mean())
        return float(self._of(known - centre).mean())

    def out_features(self, info: Described) -> int:
        """One number."""
        return 1


def _errors(outputs: "Tensor", targets: "Tensor") -> "Tensor":
    """Outputs minus targets ``(b, k)``."""
    return outputs.reshape(len(outputs), -1) - targets.reshape(len(targets), -1)


def _distance(errors: "Tensor") -> "Tensor":
    """Length of each row ``(b,)``; of a single number its size, which keeps its slope at zero."""
    return errors[:, 0].abs() if errors.shape[1] == 1 else errors.square().sum(1).sqrt()
