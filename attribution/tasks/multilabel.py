"""Several labels per sample: any of them may hold, each by its own logit."""

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.tasks import figure, register
from attribution.tasks.base import Described, Task, uniforms
from attribution.tasks.figure import Figure, Said

if TYPE_CHECKING:
    from torch import Tensor


def _share(said: Said, targets: np.ndarray) -> np.ndarray:
    return np.asarray(said["labels_right"], dtype=np.float64)


LABELS_RIGHT = Figure("labels", "share of labels right", "%", "higher", _share)
ALL_RIGHT = Figure("accuracy", "samples with all labels right", "%", "higher", figure.ACCURACY.terms)


@register("multilabel")
class MultiLabel(Task):
    """Binary cross-entropy summed over t labels; ``outputs (b, t)`` are logits, ``targets (b, t)`` zeros and ones.

    The second derivative at the logits is diagonal: ``p (1 - p)``.
    """

    title = "Several labels"
    summary = "Any of several labels per sample, or none."
    formula = "binary cross-entropy summed over the labels"
    kind = "set"

    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Binary cross-entropy ``(b,)`` in nats, summed over the labels."""
        return self.parts(outputs, targets).sum(1)

    def parts(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """By label ``(b, t)``."""
        from torch.nn import functional

        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), reduction="none")

    def unfit(self, outputs: "Tensor", targets: "Tensor") -> str:
        """A logit for each label."""
        if outputs.dim() == 2 and outputs.shape == targets.shape:
            return ""
        return f"The model's output is the shape {tuple(outputs.shape)} for labels of the shape {tuple(targets.shape)}."

    def residual(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """``p - y``."""
        return outputs.sigmoid() - targets.to(outputs.dtype)

    def root(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """A column per label ``(t, b, t)``."""
        import torch

        p = outputs.sigmoid()
        return torch.diag_embed((p * (1 - p)).sqrt()).transpose(0, 1)

    def curved(self, outputs: "Tensor", targets: "Tensor", vectors: "Tensor") -> "Tensor":
        """``p (1 - p) v``."""
        p = outputs.sigmoid()
        return p * (1 - p) * vectors

    def draw(self, outputs: "Tensor", chance: np.ndarray) -> "Tensor":
        """Each label by its own probability."""
        import torch

        numbers = torch.as_tensor(uniforms(chance, outputs.shape[1]), device=outputs.device)
        return (numbers < outputs.sigmoid().double()).to(outputs.dtype)

    def margin(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Logit of the label that is least sure of being right ``(b,)``: negative where any is wrong."""
        return _signed(outputs, targets).amin(1)

    def toward(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Up for the labels that hold, down for the others."""
        return 2 * targets.to(outputs.dtype) - 1

    def against(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The logits of the labels in which prediction and target differ, with the prediction's sign; where none does,
        that of the least sure label."""
        given = targets > 0
        apart = (outputs > 0) != given
        signed = _signed(outputs, targets)
        least = signed == signed.amin(1, keepdim=True)
        apart |= least & ~apart.any(1, keepdim=True)
        return apart.to(outputs.dtype) * (1 - 2 * given.to(outputs.dtype))

    def predict(self, outputs: "Tensor") -> np.ndarray:
        """Sets as bits: the labels whose probability is above a half."""
        return _bits(outputs.numpy() > 0)

    def certainty(self, outputs: "Tensor") -> np.ndarray:
        """Probability of the predicted set."""
        return np.asarray(outputs.abs().sigmoid().prod(1).numpy())

    def confidence(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Probability of the target's set."""
        return (-self.loss(outputs, targets)).exp()

    def said(self, outputs: "Tensor", values: np.ndarray) -> dict[str, np.ndarray]:
        """Also ``labels_right``: the share of labels that are as they should be."""
        found = super().said(outputs, values)
        return found | {"labels_right": self._shared(found["prediction"], values)}

    def said_kept(self, kept: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
        """From logits, without torch."""
        logits = np.asarray(kept, dtype=np.float64)
        values = np.asarray(values)
        there = ~self.targets.bare(values)
        signed = logits * (2 * self.targets.for_model(values) - 1)
        loss = np.logaddexp(0, -signed).sum(1)
        known: dict[str, Any] = {"loss": loss, "margin": signed.min(1), "confidence": np.exp(-loss)}
        prediction = _bits(logits > 0)
        return {name: np.where(there, column, np.nan) for name, column in known.items()} | {
            "prediction": prediction,
            "certainty": np.exp(-np.logaddexp(0, -abs(logits)).sum(1)),
            "right": self.right(prediction, values),
            "labels_right": self._shared(prediction, values),
        }

    def _shared(self, predictions: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Share of the labels in which two sets agree ``(n,)``; NaN without a target."""
        values = np.asarray(values)
        agree = (self.targets.for_model(predictions) == self.targets.for_model(values)).mean(1)
        return np.where(self.targets.bare(values), np.nan, agree)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Share of labels right, samples with all labels right, and the mean loss."""
        return LABELS_RIGHT, ALL_RIGHT, figure.loss(self.unit)

    def chance(self, values: np.ndarray) -> float:
        """The labels' entropies, summed: a model that knows how common each is."""
        values = np.asarray(values)
        known = self.targets.for_model(values[~self.targets.bare(values)])
        shares = known.mean(0) if len(known) else np.full(len(self.classes), 0.5)
        return float(sum(-p * math.log(p) for share in shares for p in (share, 1 - share) if p > 0))

    def out_features(self, info: Described) -> int:
        """One logit per label."""
        return len(info.classes)


def _signed(outputs: "Tensor", targets: "Tensor") -> "Tensor":
    """Logits with the sign that is right where it is positive ``(b, t)``."""
    return outputs * (2 * targets.to(outputs.dtype) - 1)


def _bits(members: np.ndarray) -> np.ndarray:
    """Sets as bits ``(n,)`` int64 from ``(n, t)`` bool."""
    return np.asarray(members.astype(np.int64) @ (np.int64(1) << np.arange(members.shape[1], dtype=np.int64)))
