"""Classification: one class of several per sample, by softmax cross-entropy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.settings.ranges import Settings, opt
from attribution.tasks import figure, register
from attribution.tasks.base import Described, Task
from attribution.tasks.figure import Figure

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ClassificationSettings(Settings):
    """How the loss of classification departs from plain cross-entropy."""

    class_weights: tuple[float, ...] = opt(
        (), "Weight of each class in the loss, in the order of the classes; empty: all count the same.", above=0.0
    )
    label_smoothing: float = opt(
        0.0, "Share of a label that is spread evenly over all classes while training.", low=0.0, below=1.0
    )
    focal_gamma: float = opt(
        0.0,
        "Focal loss: the loss is weakened by (1 - p) to this power where the model is sure; 0: not.",
        low=0.0,
        high=10.0,
    )


@register("classification")
class Classification(Task):
    """Softmax cross-entropy over at least two logits, optionally with class weights, smoothed labels or the focal
    factor.

    The second derivative at the logits is ``w (diag(p) - p p^T)``, p the probabilities and w the weight that the label
    has in the loss: 1, unless classes are weighted. The focal loss is not convex in the logits, so it has no root.
    Sources: Lin et al. 2017, arXiv 1708.02002 (focal loss); Szegedy et al. 2015, arXiv 1512.00567 (smoothing).
    """

    title = "Classification"
    summary = "One class of several per sample."
    Settings = ClassificationSettings
    formula = "softmax cross-entropy over two or more logits"
    advice = "for a model with a single logit the task is binary"
    kind = "class"
    kept_file = "probabilities.npy"

    def __init__(self, classes: Sequence[str] = (), settings: Any = None, **data: Any) -> None:
        super().__init__(classes, settings, **data)
        given: ClassificationSettings = self.settings
        if given.class_weights and classes and len(given.class_weights) != len(classes):
            raise UserError(
                f"class_weights has {len(given.class_weights)} numbers for {len(classes)} classes.",
                "Each class has one weight.",
                f"Give {len(classes)}, in this order: {', '.join(classes)}.",
            )
        if given.focal_gamma and given.label_smoothing:
            raise UserError(
                f"focal_gamma is {given.focal_gamma:g} and label_smoothing {given.label_smoothing:g}.",
                "The focal factor is about one label, and smoothing makes shares of several of it.",
                "Set one of them to 0.",
            )

    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Cross-entropy of each sample ``(b,)`` in nats, for logits ``(b, c)`` and class indices ``(b,)``."""
        from torch.nn import functional

        given = self.settings
        if not (given.class_weights or given.label_smoothing or given.focal_gamma):
            return functional.cross_entropy(outputs, targets, reduction="none")  # (b,)
        smoothing = given.label_smoothing
        found = functional.cross_entropy(
            outputs, targets, self._weights(outputs), reduction="none", label_smoothing=smoothing
        )
        if given.focal_gamma:
            found = found * (1 - self.confidence(outputs, targets)).clamp_min(0) ** given.focal_gamma
        return found

    def residual(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """``p - onehot(y)`` for plain cross-entropy."""
        given = self.settings
        if given.class_weights or given.label_smoothing or given.focal_gamma:
            return super().residual(outputs, targets)
        return outputs.softmax(1) - Classification.toward(self, outputs, targets)

    def unfit(self, outputs: "Tensor", targets: "Tensor") -> str:
        """Two logits or more, and one class index per sample."""
        if outputs.dim() != 2 or outputs.shape[1] < 2:
            one = outputs.dim() == 2 and outputs.shape[1] == 1
            return f"The model's output is {'one number per sample' if one else f'the shape {tuple(outputs.shape)}'}."
        return _no_indices(targets)

    @property
    def no_curvature(self) -> str:
        """The focal loss has none."""
        return "The focal loss is not convex in the logits." if self.settings.focal_gamma else ""

    def _weights(self, outputs: "Tensor") -> "Tensor | None":
        given = self.settings.class_weights
        return outputs.new_tensor(given) if given else None

    def _mass(self, outputs: "Tensor", targets: "Tensor") -> "Tensor | None":
        """What a label weighs in the loss, over all classes it is spread on ``(b,)``; None for 1."""
        weights = self._weights(outputs)
        smoothing = self.settings.label_smoothing
        return None if weights is None else (1 - smoothing) * weights[targets] + smoothing * weights.mean()

    def root(self, outputs: "Tensor", targets: "Tensor") -> "Tensor | None":
        """Columns ``(c - 1, b, c)``: the triangular root of ``diag(p) - p p^T``, times the root of the label's
        weight."""
        if self.no_curvature:
            return None
        columns = softmax_root(outputs.softmax(1))
        mass = self._mass(outputs, targets)
        return columns if mass is None else columns * mass.sqrt()[:, None]

    def curved(self, outputs: "Tensor", targets: "Tensor", vectors: "Tensor") -> "Tensor":
        """``w (diag(p) - p p^T) v``."""
        p = outputs.softmax(1)
        mass = self._mass(outputs, targets)
        turned = p * (vectors - (p * vectors).sum(1, keepdim=True))
        return turned if mass is None else turned * mass[:, None]

    def spread(self, outputs: "Tensor", targets: "Tensor") -> "tuple[Tensor, Tensor]":
        """The gradients for each label ``p - onehot(k)``, weighted by its probability: the true Fisher as an
        expectation."""
        import torch

        p = outputs.softmax(1)
        mass = self._mass(outputs, targets)
        columns = p - torch.eye(p.shape[1], dtype=p.dtype, device=p.device)[:, None]  # (c, b, c)
        return columns if mass is None else columns * mass.sqrt()[:, None], p.T

    def sampled(self, outputs: "Tensor", targets: "Tensor", chance: np.ndarray) -> "Tensor | None":
        """The gradient for one label drawn from the probabilities."""
        import torch

        if self.no_curvature:
            return None
        p = outputs.softmax(1)
        mass = self._mass(outputs, targets)
        drawn = self.draw(outputs, chance)
        columns = p - torch.nn.functional.one_hot(drawn, p.shape[1]).to(p)
        return columns if mass is None else columns * mass.sqrt()[:, None]

    def draw(self, outputs: "Tensor", chance: np.ndarray) -> "Tensor":
        """Labels ``(b,)`` drawn from the probabilities."""
        import torch

        ends = outputs.softmax(1).double().cumsum(1)
        places = torch.as_tensor(np.asarray(chance), device=outputs.device)[:, None]
        return torch.searchsorted(ends, places).clamp_max(outputs.shape[1] - 1)[:, 0]

    def margin(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Logit of the label minus the largest other logit, ``(b,)``; negative where the model prefers another class.

        Averaged over the epochs of a training it is the area under the margin, AUM (Pleiss et al. 2020, "Identifying
        mislabeled data using the area under the margin ranking", eq. 1). With a single class there is no other logit
        and the margin is infinite.
        """
        chosen = outputs.gather(1, targets[:, None])[:, 0]  # (b,)
        others = outputs.scatter(1, targets[:, None], float("-inf")).amax(dim=1)  # (b,)
        return chosen - others

    def log_odds(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """``log(p / (1 - p))`` of the label, ``(b,)``: its logit minus the log-sum-exp of the others.

        A margin that is smooth and does not saturate: TRAK's model output (Park et al. 2023, arXiv:2303.14186).
        Infinite with a single class.
        """
        chosen = outputs.gather(1, targets[:, None])[:, 0]  # (b,)
        return chosen - outputs.scatter(1, targets[:, None], float("-inf")).logsumexp(dim=1)

    def doubt(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """1 - p of the label, times its weight in the loss."""
        found = super().doubt(outputs, targets)
        mass = self._mass(outputs, targets)
        return found if mass is None else found * mass

    def toward(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The label's own logit."""
        from torch.nn import functional

        return functional.one_hot(targets, outputs.shape[1]).to(outputs)

    def against(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """1 at the best class that is not the label, -1 at the label: the prediction where it is wrong, else the
        runner-up."""
        from torch.nn import functional

        best = outputs.scatter(1, targets[:, None], float("-inf")).argmax(1)
        return functional.one_hot(best, outputs.shape[1]).to(outputs) - Classification.toward(self, outputs, targets)

    def predict(self, outputs: "Tensor") -> np.ndarray:
        """Class indices."""
        return np.asarray(outputs.argmax(1).numpy())

    def certainty(self, outputs: "Tensor") -> np.ndarray:
        """Probability of the predicted class."""
        return np.asarray(outputs.softmax(1).amax(1).numpy())

    def confidence(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Probability of the label."""
        return outputs.softmax(1).gather(1, targets[:, None])[:, 0]

    def kept(self, outputs: "Tensor") -> np.ndarray:
        """Probabilities ``(n, c)``."""
        return np.asarray(outputs.softmax(1).numpy())

    def said_kept(self, kept: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
        """From probabilities ``(n, c)``, which hold everything but the logits' common offset; loss is plain
        cross-entropy."""
        p = np.asarray(kept, dtype=np.float64)
        values = np.asarray(values)
        tiny = np.finfo(np.float32).tiny
        prediction = p.argmax(1)
        there = values >= 0
        own = np.take_along_axis(p, np.maximum(values, 0)[:, None], 1)[:, 0]
        others = p.copy()
        np.put_along_axis(others, np.maximum(values, 0)[:, None], -np.inf, 1)
        found = {
            "loss": -np.log(np.maximum(own, tiny)),
            "margin": np.log(np.maximum(own, tiny)) - np.log(np.maximum(others.max(1), tiny)),
            "confidence": own,
        }
        known = {name: np.where(there, column, np.nan) for name, column in found.items()}
        return {"prediction": prediction, "certainty": p.max(1), "right": self.right(prediction, values), **known}

    def outputs_kept(self, kept: np.ndarray) -> "Tensor":
        """Logarithms of the probabilities: the logits up to an offset that nothing here depends on."""
        return super().outputs_kept(np.log(np.maximum(np.asarray(kept, dtype=np.float64), 1e-30)))

    def class_probabilities(self, kept: np.ndarray) -> np.ndarray:
        """Those that were kept."""
        return np.asarray(kept, dtype=np.float64)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Accuracy and the mean loss."""
        return figure.ACCURACY, figure.loss(self.unit)

    def chance(self, values: np.ndarray) -> float:
        """The logarithm of the number of classes."""
        return math.log(max(1, len(self.classes)))

    def out_features(self, info: Described) -> int:
        """One logit per class."""
        return len(info.classes)


PLAIN = Classification()  # cross-entropy without settings, where no project says otherwise


def per_sample_loss(logits: "Tensor", labels: "Tensor") -> "Tensor":
    """Cross-entropy of each sample, in nats."""
    return PLAIN.loss(logits, labels)


def _no_indices(targets: "Tensor") -> str:
    """Why targets are not one class index per sample."""
    if targets.dim() == 1 and not targets.is_floating_point() and not targets.is_complex():
        return ""
    kind = str(targets.dtype).removeprefix("torch.")
    return f"The labels are {kind} of shape {tuple(targets.shape)}, not one class per sample."


def softmax_root(p: "Tensor") -> "Tensor":
    """Columns ``(c - 1, b, c)`` of the triangular root of ``diag(p) - p p^T`` for probabilities ``p (b, c)``.

    Closed form of Tanabe and Sagae 1992 (J. R. Stat. Soc. B 54): with q_k the probability of the classes behind k,
    column k has ``sqrt(p_k q_k / (p_k + q_k))`` at k and ``-p_j sqrt(p_k / (q_k (p_k + q_k)))`` at j > k. One class
    alone has no curvature: no column.
    """
    import torch

    behind = torch.cat([p[:, 1:].flip(1).cumsum(1).flip(1), torch.zeros_like(p[:, :1])], 1)  # q (b, c)
    tiny = torch.finfo(p.dtype).tiny
    ahead = (p + behind).clamp_min(tiny)
    own = (p * behind / ahead).sqrt()  # (b, c)
    spread = own / behind.clamp_min(tiny)  # sqrt(p_k / (q_k (p_k + q_k)))
    columns = torch.diag_embed(own) - torch.tril(p[:, :, None] * spread[:, None, :], -1)  # (b, j, k)
    return columns[:, :, :-1].permute(2, 0, 1)
