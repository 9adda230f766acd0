"""Representer points: each logit as a sum of one term per training sample."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock

if TYPE_CHECKING:
    import torch

STEPS = 2000


def refit(features: "torch.Tensor", labels: "torch.Tensor", n_classes: int, l2: float) -> "torch.Tensor":
    """The weights (c, d) that minimise mean cross-entropy of ``features (n, d) @ weights.T`` plus ``l2 |weights|^2``;
    float64.

    Strongly convex, so there is one answer; L-BFGS from zero until the gradient is below 1e-9 or ``STEPS`` steps are
    spent.
    """
    import torch
    from torch.nn.functional import cross_entropy

    weights = torch.zeros(n_classes, features.shape[1], dtype=features.dtype, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weights],
        max_iter=STEPS,
        tolerance_grad=1e-9,
        tolerance_change=1e-16,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> float:
        solver.zero_grad()
        loss = cross_entropy(features @ weights.T, labels) + l2 * weights.square().sum()
        loss.backward()
        return float(loss.detach())

    with torch.enable_grad():
        solver.step(objective)
    return weights.detach()


@register("representer")
class RepresenterPoints(Estimator):
    """influence(i, q) = alpha_i[y_q] k(i, q): the part of the query's own logit that sample i contributes.

    The last layer is fitted anew on the final model's representation f (with a 1 for the bias, divided by the root mean
    square length, so that ``l2`` means the same for every network) with an L2 penalty. At the optimum the weights are
    sum_i alpha_i f_i, with alpha_i = (onehot(y_i) - p_i) / (2 l2 n), so the logits decompose exactly: z(q) = sum_i
    alpha_i k(i, q), k(i, q) = <f_i, f_q>. A query of several rows gets the mean of their values. Positive: without the
    sample the logit of the query's label would be lower. l2 = 0.003 as in public implementations.
    """

    title = "Share of the logit (representer points)"
    summary = (
        "How much of the query's score for its own label this sample contributes, with the last layer fitted "
        "anew. The shares of all "
        "samples add up to the score. Sees the last layer only."
    )
    formula = "α_{i,y_q} ⟨fᵢ, f_q⟩,  αᵢ = (onehot(yᵢ) − pᵢ) / (2λn)"
    cost = "One convex fit of the last layer (seconds), then one product of representations."
    source = "Yeh et al., Representer Point Selection for Explaining Deep Neural Networks, arXiv 1811.09720."
    loss_only = True
    unit = "logits"
    l2 = 0.003

    def options(self) -> dict[str, Any]:
        return {"l2": self.l2}

    def query_bytes(self) -> int:
        return 8 * len(self.trained.dataset.info.classes) * (self.trained.run.representation().shape[1] + 1)

    @cached_property
    def scale(self) -> float:
        """Root mean square length of the training rows' representations, the 1 included."""
        return float(np.sqrt(np.square(self._raw(self.trained.rows)).sum(1).mean()))

    def _raw(self, rows: np.ndarray) -> np.ndarray:
        features = self.trained.recorded_representation(rows)
        return np.hstack([features, np.ones((len(features), 1))])

    def features(self, rows: np.ndarray) -> "torch.Tensor":
        """f of these rows (b, d + 1) float64."""
        import torch

        return torch.from_numpy(self._raw(rows) / self.scale)

    @cached_property
    def weights(self) -> "torch.Tensor":
        """The refitted last layer (c, d + 1)."""
        import torch

        rows = self.trained.rows
        return refit(
            self.features(rows),
            torch.as_tensor(self.trained.labels.values[rows]),
            len(self.trained.dataset.info.classes),
            self.l2,
        )

    def alphas(self, rows: np.ndarray) -> "torch.Tensor":
        """alpha of these training rows (b, c): how hard each pushes every logit."""
        import torch

        errors = -torch.softmax(self.features(rows) @ self.weights.T, dim=1)
        errors[torch.arange(len(rows)), torch.as_tensor(self.trained.labels.values[rows])] += 1
        return errors / (2 * self.l2 * len(self.trained.rows))

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        n_classes = len(self.trained.dataset.info.classes)
        directions = []
        for query in queries:
            asked = np.asarray(query.rows)
            own = torch.nn.functional.one_hot(
                torch.as_tensor(self.trained.labels.values[asked]), n_classes
            ).double()  # (v, c)
            directions.append(own.T @ self.features(asked) / len(asked))  # (c, d + 1)
        self._directions = torch.stack(directions)  # (q, c, d + 1)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        return ScoreBlock(torch.einsum("bc,bd,qcd->bq", self.alphas(rows), self.features(rows), self._directions))
