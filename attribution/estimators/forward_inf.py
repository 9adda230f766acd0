"""Forward-INF, the mirrored influence: train a little against the query, then see whose loss changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock

if TYPE_CHECKING:
    import torch


@register("forward-inf")
class ForwardInfluence(Estimator):
    """influence(i, q) = l_i(theta_q) - l_i(theta), where theta_q is theta after K ascent steps on the query's measure.

    Sign: unlearning the query raises the loss of the samples that taught it, so positive = helpful. Each step has length ``step`` in
    parameter space (the gradient is normalised), so saturated queries need no detour through noise. K = 5 and a length of 0.2 did best on
    fresh seeds among ten settings when copies had to be found (METHODS: .667 top-1 against .383 for the released Adam step). The model
    stays in eval mode: the query must not rewrite BatchNorm statistics. With K = 1 and a short step it equals the gradient dot product
    divided by the query's gradient norm.
    """

    title = "Forward-INF (mirrored)"
    summary = "Unlearns the query a little and watches which training samples get worse with it. Needs only forward passes over the data."
    formula = "ℓᵢ(θ̂_q) − ℓᵢ(θ),  θ̂_q = θ after K unit-norm ascent steps on ℓ_q"
    cost = "One forward pass over the training set per query, plus one; a few steps per query."
    source = "The Mirrored Influence Hypothesis, arXiv 2402.08922 (CVPR 2024)."
    unit = "nats"
    steps = 5
    step = 0.2
    _base_losses: "torch.Tensor | None" = None

    def options(self) -> dict[str, Any]:
        return {"steps": self.steps, "step": self.step}

    def prepare(self, queries: Sequence[Query]) -> None:
        self._moved = [self._ascend(query) for query in queries]

    def _ascend(self, query: Query) -> dict[str, "torch.Tensor"]:
        """The parameters after K steps that raise the query's measure."""
        import torch

        parameters = {name: value.detach().clone() for name, value in self.subject.parameters().items()}
        for _ in range(self.steps):
            gradient = self.subject.mean_gradient(query, parameters)
            norm = torch.sqrt(sum((value**2).sum() for value in gradient.values()) + torch.zeros(()))
            if not float(norm) > 0:  # a loss of exactly zero has no direction: nothing to unlearn, all influences are zero
                break
            parameters = {name: value + self.step / norm * gradient[name] for name, value in parameters.items()}
        return parameters

    def _base(self, rows: np.ndarray, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Losses at the unmoved weights (b,), computed once per training row."""
        import torch

        if self._base_losses is None:
            dtype = next(iter(self.subject.parameters().values())).dtype
            self._base_losses = torch.full((len(self.subject.dataset),), torch.nan, dtype=dtype, device=x.device)
        places = torch.as_tensor(rows, device=x.device)
        if self._base_losses[places].isnan().any():
            self._base_losses[places] = self.subject.losses(x, y, self.subject.parameters())
        return self._base_losses[places]

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        x, y = self.subject.batch(rows)
        base = self._base(rows, x, y)
        columns = [self.subject.losses(x, y, parameters) - base for parameters in self._moved]
        return ScoreBlock(torch.stack(columns, dim=1).cpu())
