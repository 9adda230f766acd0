"""Turn-over dropout: compare the half of the network that saw a sample with the half that never did."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock

if TYPE_CHECKING:
    from attribution.estimators._turn_over import TurnOver

PAIRS = 1_000_000  # logits held at once, per class


@register("turn-over-dropout")
class TurnOverDropout(Estimator):
    """influence(i, q) = l_q(half that never saw i) - l_q(half that saw i), of networks trained with one fixed dropout
    mask per sample.

    Positive = the half that trained on i does better on the query: helpful. A group is the mean of its samples. The
    halves differ by more than the sample, so a single network is noisy: on a set of 60 samples the influence of a copy
    was positive in 2 of 3 cases with one network, in 95 % with the mean over 4, always with 7. Hence the mean over
    ``networks`` sets of masks.
    """

    title = "Turn-over dropout"
    family = "retrained"
    by_weights = False
    summary = (
        "Trains the network anew, giving every sample its own half of the last layer's inputs, and asks both halves. "
        "Needs no gradients, but explains those other networks and not the one you have; noisy for single pairs."
    )
    formula = "ℓ_q(θ ∘ m̄ᵢ) − ℓ_q(θ ∘ mᵢ),  mᵢ the dropout mask of sample i, m̄ᵢ its complement"
    cost = (
        "Eight trainings of the network (kept), then one forward pass over the queries and a product with the "
        "last layer per pair."
    )
    source = "Kobayashi et al., Efficient Estimation of Influence of a Training Instance, SustaiNLP 2020."
    cheaper = "knn-shapley"
    loss_only = True
    kinds = ("class", "number", "set")
    instead = "ip-ensemble or trak-ensemble, which ask several trainings"
    needs = "a network with a last linear layer"
    unit = "nats"
    networks = 8

    @cached_property
    def halves(self) -> "list[TurnOver]":
        """The networks trained with masks."""
        from attribution.estimators._turn_over import TurnOver

        return [TurnOver(self.trained, self.networks * self.seed + k) for k in range(self.networks)]

    def options(self) -> dict[str, Any]:
        return {"networks": self.networks, "seed": self.seed}

    def query_bytes(self) -> int:
        return 8 * self.trained.run.representation().shape[1]

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        rows = np.array([row for query in queries for row in query.rows], dtype=np.int64)
        self._features = [halves.features(rows) for halves in self.halves]  # each (v, d)
        first = self._features[0]
        self._labels = self.trained.task.tensor(self.trained.labels.values[rows], first.device)
        owner = torch.as_tensor(
            np.repeat(np.arange(len(queries)), [len(query.rows) for query in queries]), device=first.device
        )
        one_hot = torch.nn.functional.one_hot(owner, len(queries)).to(first.dtype)  # (v, q)
        self._means = one_hot / one_hot.sum(0)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        total = torch.zeros(len(rows), self._means.shape[1], dtype=self._means.dtype, device=self._means.device)
        block = max(1, PAIRS // max(1, len(self._labels)))
        for halves, features in zip(self.halves, self._features, strict=True):
            for start in range(0, len(rows), block):
                masks = halves.masks(rows[start : start + block])
                saw = halves.losses(features, self._labels, masks)  # (b, v)
                never = halves.losses(features, self._labels, halves.flipped(masks))
                total[start : start + block] += (never - saw) @ self._means / self.networks
        return ScoreBlock(total.cpu())
