"""Gradient dot products averaged over random thinnings of one model's representation."""

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import query_gradients

if TYPE_CHECKING:
    import torch

    from attribution.training.trained import TrainedModel


@register("ip-dropout")
class DropoutEnsemble(Estimator):
    """influence(i, q) = mean over masks k of <grad l_i, grad m_q> at the last checkpoint, with mask k on the input of
    the last linear layer.

    A mask keeps each unit with probability 1 - ``rate`` and scales what it keeps by 1 / (1 - rate), as dropout does.
    Mask k is the same for every training row and query, and depends on seed and width alone: one mask is one thinned
    model. The network need not have been trained with dropout, and the thinned models are then less good than it: the
    calibration behind the issue saw no gain from ten masks.
    """

    title = "Gradient dot product, dropout masks"
    family = "gradient"
    summary = (
        "The dot product averaged over thinned copies of the model. Cheap variety from a single training; expect "
        "little from it on a network that was trained without dropout."
    )
    formula = "meanₖ ⟨∇ℓᵢ(θ ⊙ mₖ), ∇ℓ_q(θ ⊙ mₖ)⟩"
    cost = "One forward and backward pass over the training set per mask (10)."
    source = (
        "After IP-ensemble, arXiv 2405.17490, and Deng et al., Efficient Ensembles for Training Data "
        "Attribution, arXiv 2405.17293."
    )
    cheaper = "ip"
    unit = "nats per unit of learning rate"
    masks = 10
    rate = 0.5

    def options(self) -> dict[str, Any]:
        return {"masks": self.masks, "rate": self.rate, "seed": self.seed}

    def query_bytes(self) -> int:
        return self.trained.gradient_bytes * self.masks

    @cached_property
    def _thinned(self) -> "TrainedModel":
        """The same question asked of a copy of the model whose last linear layer sees its input times
        ``self._mask``."""
        import torch

        model = copy.deepcopy(self.trained.model())
        self._mask = torch.ones(())
        last = self._last_linear(model)
        last.register_forward_pre_hook(lambda module, args: (args[0] * self._mask.to(args[0]), *args[1:]))
        self._width = last.in_features
        return self.trained.like(model=model)

    def _last_linear(self, model: "torch.nn.Module") -> Any:
        """The linear layer that runs last on one sample."""
        import torch

        ran: list[torch.nn.Module] = []
        handles = [
            m.register_forward_hook(lambda module, *_: ran.append(module))
            for m in model.modules()
            if isinstance(m, torch.nn.Linear)
        ]
        try:
            with torch.no_grad():
                model(self.trained.batch(self.trained.rows[:1])[0])
        finally:
            for handle in handles:
                handle.remove()
        if not ran:
            raise UserError(
                "The model has no linear layer.",
                "The masks go on the input of the last one.",
                "Use ip, ip-checkpoints or ip-ensemble.",
            )
        return ran[-1]

    def _each_mask(self) -> "Iterator[TrainedModel]":
        """The thinned model under each mask in turn."""
        import torch

        thinned = self._thinned
        for index in range(self.masks):
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + index)
            kept = torch.rand(self._width, generator=generator) >= self.rate
            self._mask = kept / (1 - self.rate)
            yield thinned

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = [query_gradients(thinned, queries) for thinned in self._each_mask()]

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        terms = []
        for thinned, prepared in zip(self._each_mask(), self._queries, strict=True):
            terms.append(thinned.engine().dots(x, y, prepared))  # (b, q)
            self.trained.count(3 * len(rows))
        return ScoreBlock((sum(terms[1:], start=terms[0]) / len(terms)).cpu())
