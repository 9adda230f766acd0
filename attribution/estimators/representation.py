"""Similarity of representations: what the model sees in two samples, signed by their labels."""

from collections.abc import Sequence

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.neighbors.exact import unit


@register("representation")
class RepresentationSimilarity(Estimator):
    """influence(i, q) = cosine of the two representations, with a minus when the labels differ.

    The representation is the input of the last linear layer in the final model. Without the sign, a neighbour under
    another label would count as helpful. A query of several rows gets the mean.
    """

    title = "Similar to the model"
    family = "similarity"
    asks_model = False
    by_weights = False
    summary = (
        "How alike the model sees the sample and the query, from -1 to 1; negative when their labels differ. The "
        "baseline that gradients have to beat at finding copies and look-alikes; no estimate of a change in loss."
    )
    formula = "± hᵢ·h_q / (‖hᵢ‖ ‖h_q‖), + when yᵢ = y_q"
    cost = "One product of representations; no pass through the model."
    source = (
        "Cosine of representations, e.g. Hanawa et al., Evaluation of Similarity-based Explanations, arXiv 2006.04528."
    )
    loss_only = True
    kinds = ("class",)
    instead = "cosine, whose sign comes from the gradients"

    def query_bytes(self) -> int:
        return 8 * len(self.trained.task.classes) * self.trained.run.representation().shape[1]

    def prepare(self, queries: Sequence[Query]) -> None:
        """For every query and class, the direction that a training sample of that class is compared with: plus the
        query's rows of the class, minus its other rows."""
        classes = np.arange(len(self.trained.task.classes))
        directions = []
        for query in queries:
            asked = np.asarray(query.rows)
            signs = np.where(classes[:, None] == self.trained.labels.values[asked][None, :], 1.0, -1.0)  # (c, v)
            directions.append(signs @ unit(self.trained.recorded_representation(asked)) / len(asked))  # (c, d)
        self._directions = np.stack(directions)  # (q, c, d)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        features = unit(self.trained.recorded_representation(rows))
        labels = self.trained.labels.values[rows]
        influence = np.empty((len(rows), len(self._directions)))
        for label in np.unique(labels):
            influence[labels == label] = features[labels == label] @ self._directions[:, label].T  # (b of the class, q)
        return ScoreBlock(torch.from_numpy(influence))
