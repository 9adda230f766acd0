"""Forward-INF as a filter: the samples it puts in front are put in order by the cosine of their gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Query, ScoreBlock
from attribution.estimators.forward_inf import ForwardInfluence, ForwardSettings
from attribution.measures.query import query_gradients
from attribution.settings.ranges import opt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RerankedSettings(ForwardSettings):
    """Those of Forward-INF, and how many are put in order."""

    candidates: int = opt(
        20, "Most helpful samples per query that are put in order by their gradients.", low=1, high=100_000
    )


@register("forward-inf-reranked")
class RerankedForwardInfluence(ForwardInfluence):
    """Forward-INF's influences, those of its ``top`` most helpful samples dealt out again among them by gradient cosine
    with the query.

    The sample with the largest cosine gets the largest of the ``top`` values, and so on; all other samples keep theirs.
    So the unit, the sum and the set of values stay Forward-INF's, and only ``top`` training gradients a query are
    needed. Samples with a negative value are never candidates. Because the candidates are known only after all samples
    have been seen, ``prepare`` makes the forward pass over the active training rows and ``score`` looks values up.
    """

    title = "Forward-INF, re-ranked"
    summary = (
        "Forward passes find twenty candidates per query, and the gradients of those twenty put them in order. Finds "
        "leaked copies about as often as the cosine of all gradients, with twenty of them."
    )
    formula = "ℓᵢ(θ̂_q) − ℓᵢ(θ); its 20 largest re-ordered by cos(∇ℓᵢ, ∇ℓ_q)"
    cost = "As Forward-INF, plus 20 training gradients per query."
    source = "After The Mirrored Influence Hypothesis, arXiv 2402.08922; the re-ranking is ours."
    cheaper = "ip"
    Settings = RerankedSettings
    settings: RerankedSettings

    def options(self) -> dict[str, Any]:
        return super().options() | {"top": self.settings.candidates}

    def query_bytes(self) -> int:
        return super().query_bytes() + 8 * len(self.trained.rows)

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        super().prepare(queries)
        active, size = self.trained.rows, self.trained.batch_size
        values = torch.cat(
            [
                super(RerankedForwardInfluence, self).score(active[at : at + size]).influence
                for at in range(0, len(active), size)
            ]
        )
        for column, query in enumerate(queries):
            candidates = self._candidates(values[:, column])
            if len(candidates):
                order = self._cosines(active[candidates.numpy()], query).argsort(descending=True, stable=True)  # (k,)
                values[candidates[order], column] = values[candidates, column]
        self._values = torch.full((len(self.trained.dataset), len(queries)), torch.nan, dtype=values.dtype)
        self._values[torch.from_numpy(active)] = values

    def _candidates(self, column: "torch.Tensor") -> "torch.Tensor":
        """Positions of the ``top`` largest positive values (k,), the largest first."""
        positions = column.argsort(descending=True, stable=True)[: self.settings.candidates]
        return positions[column[positions] > 0]

    def _cosines(self, rows: np.ndarray, query: Query) -> "torch.Tensor":
        """Cosines of the loss gradients of these rows with the query's (k,)."""
        asked = query_gradients(self.trained, [query])
        engine = self.trained.engine()
        dots, norms = engine.dots_and_norms(*self.trained.batch(rows), asked)  # (k, 1), (k,)
        self.trained.count(3 * len(rows))
        return (dots[:, 0] / norms.clamp_min(1e-30)).cpu()

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        found = self._values[torch.as_tensor(rows)]
        if found.isnan().any():  # dropped samples were not in the pass: they keep Forward-INF's value
            unknown = found.isnan().any(1)
            found[unknown] = super().score(rows[unknown.numpy()]).influence
        return ScoreBlock(found)
