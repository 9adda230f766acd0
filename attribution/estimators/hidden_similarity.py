"""Similarity of hidden states: what a language model sees in two answers."""

from collections.abc import Sequence

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import weights_of
from attribution.neighbors.exact import unit


@register("hidden-similarity")
class HiddenSimilarity(Estimator):
    """influence(i, q) = cosine of the two rows' mean hidden states over their trained tokens, at the last checkpoint.

    The states are those after the last layer. Of several questions the cosines are added with the weights of the
    measure. What ``representation`` is for classes, without the sign that labels give.
    """

    title = "Similar hidden states"
    family = "similarity"
    by_weights = False
    compared = 8
    summary = (
        "How alike the model sees the row's answer and the one asked about, from -1 to 1. A control: it goes by what "
        "the answers look like to the model, not by what training on them did."
    )
    formula = "hᵢ·h_q / (‖hᵢ‖ ‖h_q‖),  h the mean state over the trained tokens"
    cost = "One forward pass over what is asked; the rows' states were recorded with the run."
    source = "Hanawa et al., Evaluation of Similarity-based Explanations, arXiv 2006.04528, on token means."
    kinds = ("text",)
    instead = "cosine, or random as the control"

    def query_bytes(self) -> int:
        return 8 * self.trained.run.representation().shape[1]

    def states(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Unit vectors (b, d) float64 of rows that the run recorded."""
        return unit(self.trained.recorded_representation(rows))

    def prepare(self, queries: Sequence[Query]) -> None:
        directions = []
        for query in queries:
            asked = unit(np.asarray(self.trained.representation(query.rows), dtype=np.float64))  # (v, d)
            directions.append(weights_of(self.trained, query) @ asked)
        self._directions = np.stack(directions, 1)  # (d, q)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        return ScoreBlock(torch.from_numpy(self.states(rows) @ self._directions))
