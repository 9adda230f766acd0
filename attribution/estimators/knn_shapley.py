"""KNN-Shapley: what a training sample is worth to a nearest-neighbour vote on the query, exactly."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.neighbors.exact import unit

NEIGHBORS = 5
_BLOCK_BYTES = 64 << 20


def shapley_values(match: np.ndarray, k: int) -> np.ndarray:
    """Shapley values of n points that vote on a query, nearest first, ``(..., n)`` float64; they sum to the vote of all
    of them.

    ``match (..., n)`` is 1 where the point carries the query's label. The game: v(S) = share of matches among the k
    nearest of S, divided by k also when S is smaller. Closed form from far to near: s_n = match_n min(k, n) / (k n),
    and s_i = s_{i+1} + (match_i - match_{i+1}) min(k, i) / (k i). Source: Jia et al., arXiv 1908.08619, theorem 1.
    """
    match = np.asarray(match, dtype=np.float64)
    place = np.arange(1, match.shape[-1] + 1)
    worth = np.minimum(k, place) / (k * place)  # (n,)
    steps = match * worth  # the last entry is s_n
    steps[..., :-1] -= match[..., 1:] * worth[:-1]
    return np.cumsum(steps[..., ::-1], axis=-1)[..., ::-1]


@register("knn-shapley")
class KnnShapley(Estimator):
    """influence(i, q) = Shapley value of sample i in the vote of the k training samples nearest to q for q's label.

    Nearest by cosine in the final model's representation; equal distances are broken by sample id, so copies share
    nothing with row order. A query of several rows gets the mean of their values. Every active training sample takes
    part. k = 5 did well in the source and here.
    """

    title = "Neighbours' worth (KNN-Shapley)"
    family = "similarity"
    asks_model = False
    by_weights = False
    summary = (
        "What the sample adds to a vote of the query's nearest neighbours for its label, averaged over all subsets of "
        "the training set. Looks at what the model sees, not at how it learned."
    )
    formula = "sᵢ = sᵢ₊₁ + ([yᵢ=y_q] − [yᵢ₊₁=y_q]) min(k, i) / (k i), nearest first"
    cost = "One product of representations and one sort of the training set per query; no pass through the model."
    source = "Jia et al., Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms, arXiv 1908.08619."
    loss_only = True
    kinds = ("class",)
    instead = "ip or cosine, whose sign comes from the gradients"
    unit = "share of the vote"
    k = NEIGHBORS

    def options(self) -> dict[str, Any]:
        return {"k": self.k}

    def query_bytes(self) -> int:
        return 8 * len(self.trained.rows)

    def prepare(self, queries: Sequence[Query]) -> None:
        rows = self.trained.rows
        order = np.argsort(self.trained.dataset.ids[rows])  # a stable sort by distance then breaks ties by id
        features = unit(self.trained.recorded_representation(rows[order]))
        labels = self.trained.labels.values[rows[order]]
        self._place = np.full(len(self.trained.dataset), -1)
        self._place[rows] = np.arange(len(rows))
        self._values = np.zeros((len(queries), len(rows)))
        block = max(1, _BLOCK_BYTES // (8 * len(rows)))
        for column, query in enumerate(queries):
            for start in range(0, len(query.rows), block):
                asked = np.asarray(query.rows[start : start + block])
                similarity = np.round(
                    unit(self.trained.recorded_representation(asked)) @ features.T, 9
                )  # (v, n); rounded: copies tie
                nearest = np.argsort(-similarity, axis=1, kind="stable")
                found = shapley_values(labels[nearest] == self.trained.labels.values[asked][:, None], self.k)
                np.add.at(self._values[column], order[nearest].ravel(), found.ravel() / len(query.rows))

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        places = self._place[rows]
        values = np.where(places[:, None] >= 0, self._values[:, places].T, 0.0)  # a dropped sample takes no part
        return ScoreBlock(torch.from_numpy(values))
