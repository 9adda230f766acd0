"""Causal language models: the next token of every row, counted where the model is trained."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attribution.settings.ranges import Settings, opt
from attribution.tasks import figure, register
from attribution.tasks.base import Described, Task
from attribution.tasks.figure import Figure, Said
from attribution.tasks.targets import Texts

if TYPE_CHECKING:
    from torch import Tensor

GOLD, DRAWN, COUNTS, LIKELIEST = range(4)  # of the last dimension of a language model's outputs
SUREST = -1e-6  # log probability above which a token's log odds are not followed: they have no bound


@dataclass(frozen=True)
class CausalSettings(Settings):
    """How the losses of a row's tokens make the row's."""

    reduction: str = opt(
        "mean",
        "mean: a row counts alike whatever its length; sum: every token does, so that long rows weigh more.",
        choices=("mean", "sum"),
    )


@register("causal-lm")
class CausalLanguageModel(Task):
    """Minus the log probability of each trained token given those before it, their mean or sum over the row.

    ``outputs (b, T, 4)`` are what ``models.language.LanguageModel`` returns: log probability of the token, that of a
    token drawn from the model's own distribution, whether the position counts, and whether the token is the likeliest.
    The targets are not used: what is learned stands in the row. Curvature: the gradient for the drawn tokens gives the
    true Fisher, in which positions are independent (Grosse et al. 2023, arXiv 2308.03296).
    """

    title = "Language model"
    summary = "The next token of every row: of an answer, or of a text."
    formula = "cross-entropy of the next token, over the trained tokens of a row"
    kind = "text"
    Settings = CausalSettings
    kept_file = "tokens.npy"
    margin_unit = "log odds"
    targets: Texts

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Of the loss."""
        return "nats per token" if self.settings.reduction == "mean" else "nats"

    @property
    def no_curvature(self) -> str:
        """The Hessian at the log probabilities alone is none."""
        return "A language model's curvature is taken from drawn tokens."

    def _weights(self, outputs: "Tensor") -> "Tensor":
        """What each token counts in the row's loss ``(b, T)``."""
        counts = outputs[..., COUNTS].detach()
        return counts / counts.sum(1, keepdim=True).clamp_min(1) if self.settings.reduction == "mean" else counts

    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Nats, per token or of the row ``(b,)``; 0 for a row without trained tokens."""
        return self.parts(outputs, targets).sum(1)

    def parts(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """What each token adds ``(b, T)``."""
        return -outputs[..., GOLD] * self._weights(outputs)

    def residual(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Minus each token's weight, at its log probability."""
        return _at(outputs, GOLD, self._weights(outputs))

    def sampled(self, outputs: "Tensor", targets: "Tensor", chance: np.ndarray) -> "Tensor":
        """The gradient for the drawn tokens, each by the root of its weight: their mean is nothing, so the products of
        two tokens cancel and those of one token with itself count its weight once, as in the loss's second derivative.
        ``chance`` is not used: the draw is the row's own."""
        return _at(outputs, DRAWN, self._weights(outputs).sqrt())

    def log_odds(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """log p - log(1 - p) of each trained token, their mean or sum over the row as the loss's ``(b,)``."""
        sure = outputs[..., GOLD].clamp_max(SUREST)
        return ((sure - (-sure.expm1()).log()) * self._weights(outputs)).sum(1)

    def doubt(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """1 - p, the mean over the trained tokens ``(b,)``: how far the loss falls where every token's log odds rise
        by 1, per token."""
        counts = outputs[..., COUNTS].detach()
        return (-outputs[..., GOLD].expm1() * counts).sum(1) / counts.sum(1).clamp_min(1)

    def margin(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The same: how sure the model is of the row."""
        return self.log_odds(outputs, targets)

    def confidence(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Geometric mean of the trained tokens' probabilities ``(b,)``."""
        counts = outputs[..., COUNTS]
        return ((outputs[..., GOLD] * counts).sum(1) / counts.sum(1).clamp_min(1)).exp()

    def predict(self, outputs: "Tensor") -> np.ndarray:
        """A row's text is what it says; what a model would say is not among its outputs."""
        return np.zeros(len(outputs), dtype=np.int64)

    def right(self, predictions: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Rows are more or less likely; none is right."""
        return np.full(len(values), np.nan)

    def said(self, outputs: "Tensor", values: np.ndarray) -> dict[str, np.ndarray]:
        """See ``said_kept``."""
        return self.said_kept(self.kept(outputs), values)

    def kept(self, outputs: "Tensor") -> np.ndarray:
        """Log probability of each token, NaN where none is trained, and whether it is the likeliest: float32 (n, T,
        2)."""
        found = outputs[..., [GOLD, LIKELIEST]].float().numpy().copy()
        found[outputs[..., COUNTS].numpy() == 0] = np.nan
        return np.asarray(found)

    def outputs_kept(self, kept: np.ndarray) -> "Tensor":
        """See ``Task.outputs_kept``; the drawn tokens are not kept."""
        import torch

        kept = np.array(kept, dtype=np.float64)
        there = np.isfinite(kept[..., 0])
        found = np.zeros((*there.shape, 4))
        found[..., GOLD] = np.where(there, kept[..., 0], 0)
        found[..., LIKELIEST] = np.where(there, kept[..., 1], 0)
        found[..., COUNTS] = there
        return torch.from_numpy(found)

    def said_kept(self, kept: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
        """Without torch. ``certainty`` and ``confidence`` are the geometric mean of the trained tokens' probabilities;
        also ``tokens``, how many are trained, and ``tokens_right``, the share that is the model's likeliest."""
        kept = np.asarray(kept, dtype=np.float64)
        there = np.isfinite(kept[..., 0])
        counts = there.sum(1)
        total = np.where(there, kept[..., 0], 0).sum(1)
        mean = total / np.maximum(counts, 1)
        sure = np.minimum(np.where(there, kept[..., 0], SUREST), SUREST)
        odds = np.where(there, sure - np.log(-np.expm1(sure)), 0).sum(1)
        per_token = np.maximum(counts, 1) if self.settings.reduction == "mean" else 1
        share = np.where(there, kept[..., 1], 0).sum(1) / np.where(counts > 0, counts, np.nan)
        return {
            "prediction": np.zeros(len(kept), dtype=np.int64),
            "loss": -(mean if self.settings.reduction == "mean" else total),
            "margin": odds / per_token,
            "certainty": np.exp(mean),
            "confidence": np.exp(mean),
            "right": np.full(len(kept), np.nan),
            "tokens": counts,
            "tokens_right": share,
        }

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Loss, perplexity, and the share of tokens that are the likeliest."""
        loss = figure.loss(self.unit)
        perplexity = Figure("perplexity", "perplexity", "", "lower", _mean_loss, np.exp)
        return loss, perplexity, Figure("tokens_right", "tokens right", "%", "higher", _tokens_right)

    def chance(self, values: np.ndarray) -> float:
        """Not known without the vocabulary."""
        return float("nan")

    def out_features(self, info: Described) -> int:
        """Numbers for every token."""
        return 4

    def out_shape(self, info: Described, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A line for every token."""
        return (shape[-1], 4)


def _at(outputs: "Tensor", channel: int, weights: "Tensor") -> "Tensor":
    """Minus these weights of the tokens ``(b, T)`` at one of the outputs, ``(b, T, 4)``."""
    found = outputs.new_zeros(outputs.shape)
    found[..., channel] = -weights
    return found


def _mean_loss(said: Said, targets: np.ndarray) -> np.ndarray:
    """Per token, whichever way the loss is added up."""
    return -np.log(np.maximum(np.asarray(said["confidence"], dtype=np.float64), 1e-300))


def _tokens_right(said: Said, targets: np.ndarray) -> np.ndarray:
    return np.asarray(said["tokens_right"], dtype=np.float64)
