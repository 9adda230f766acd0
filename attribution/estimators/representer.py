"""Representer points: each logit as a sum of one term per training sample."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock

if TYPE_CHECKING:
    import torch

    from attribution.gradients.capture import Loss

STEPS = 2000


def refit(features: "torch.Tensor", targets: "torch.Tensor", outputs: int, l2: float, loss: "Loss") -> "torch.Tensor":
    """The weights (c, d) that minimise the mean ``loss`` of ``features (n, d) @ weights.T`` plus ``l2 |weights|^2``;
    float64.

    Strongly convex, so there is one answer; L-BFGS from zero until the gradient is below 1e-9 or ``STEPS`` steps are
    spent.
    """
    import torch

    weights = torch.zeros(outputs, features.shape[1], dtype=features.dtype, requires_grad=True)
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
        value = loss(features @ weights.T, targets).mean() + l2 * weights.square().sum()
        value.backward()
        return float(value.detach())

    with torch.enable_grad():
        solver.step(objective)
    return weights.detach()


@register("representer")
class RepresenterPoints(Estimator):
    """influence(i, q) = <alpha_i, u_q> k(i, q): the part of the query's own output that sample i contributes.

    The last layer is fitted anew on the final model's representation f (with a 1 for the bias, divided by the root mean
    square length, so that ``l2`` means the same for every network) with an L2 penalty. At the optimum the weights are
    sum_i alpha_i f_i, with alpha_i = -(d loss_i / d outputs) / (2 l2 n), for classes (onehot(y_i) - p_i) / (2 l2 n), so
    the outputs decompose exactly: z(q) = sum_i alpha_i k(i, q), k(i, q) = <f_i, f_q>. u_q is the direction of the
    outputs that speaks for the query's target: its label's own logit; up or down, for a number. A query of several rows
    gets the mean of their values. Positive: without the sample the output would speak less for the target. l2 = 0.003
    as in public implementations.
    """

    title = "Share of the logit (representer points)"
    family = "similarity"
    asks_model = False
    by_weights = False
    summary = (
        "How much of the query's score for its own target this sample contributes, with the last layer fitted anew. "
        "The shares of all samples add up to the score. Sees the last layer only."
    )
    formula = "⟨αᵢ, u_q⟩ ⟨fᵢ, f_q⟩,  αᵢ = −∇_z ℓᵢ / (2λn)"
    cost = "One convex fit of the last layer (seconds), then one product of representations."
    source = "Yeh et al., Representer Point Selection for Explaining Deep Neural Networks, arXiv 1811.09720."
    loss_only = True
    kinds = ("class", "number", "set")
    instead = "cosine or trak, which go by all weights"
    unit = "logits"
    l2 = 0.003

    def options(self) -> dict[str, Any]:
        return {"l2": self.l2}

    def query_bytes(self) -> int:
        return 8 * self._outputs * (self.trained.run.representation().shape[1] + 1)

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

    @property
    def _outputs(self) -> int:
        return self.trained.task.out_features(self.trained.dataset.info)

    def _targets(self, rows: np.ndarray) -> "torch.Tensor":
        found = self.trained.task.tensor(self.trained.labels.values[rows])
        return found.double() if found.is_floating_point() else found

    @cached_property
    def weights(self) -> "torch.Tensor":
        """The refitted last layer (c, d + 1)."""
        rows = self.trained.rows
        return refit(self.features(rows), self._targets(rows), self._outputs, self.l2, self.trained.task.loss)

    def alphas(self, rows: np.ndarray) -> "torch.Tensor":
        """alpha of these training rows (b, c): how hard each pushes every output."""
        errors = -self.trained.task.residual(self.features(rows) @ self.weights.T, self._targets(rows))
        return errors / (2 * self.l2 * len(self.trained.rows))

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        directions = []
        for query in queries:
            asked = np.asarray(query.rows)
            features = self.features(asked)  # (v, d + 1)
            own = self.trained.task.toward(features @ self.weights.T, self._targets(asked))  # (v, c)
            directions.append(own.T @ features / len(asked))  # (c, d + 1)
        self._directions = torch.stack(directions)  # (q, c, d + 1)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        return ScoreBlock(torch.einsum("bc,bd,qcd->bq", self.alphas(rows), self.features(rows), self._directions))
