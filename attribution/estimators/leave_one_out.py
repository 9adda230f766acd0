"""Leave-one-out by refitting the last layer without each sample in turn: the truth for models that are one linear
layer."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock

if TYPE_CHECKING:
    import torch

    from attribution.training.linear import LinearFit

LIMIT = 5000  # weights of the layer: its Hessian is written out
FALLBACK_L2 = 1e-3
_BLOCK_BYTES = 64 << 20


@register("leave-one-out")
class LeaveOneOut(Estimator):
    """influence(i, q) = l_q(W without i) - l_q(W), W the optimum of the last layer on the model's representation.

    W minimises the mean loss over the active training rows plus l2 / 2 |W|^2; without i its term is gone and
    the others keep their weight 1 / n. l2 is the recipe's weight decay where trained here with SGD, else 0.001 (an
    optimum must exist). Both refits are exact: Newton's method from zero, then for every sample the inverse Hessian at
    the optimum as the step of a fixed-point iteration from there, until the gradient is below 1e-10 of the sample's
    own. For a model that is one linear layer this is leave-one-out of the whole model, at its optimum (the run may have
    stopped before it: the notes give both training losses). For a network everything below the last layer stays as it
    is, which is not what retraining would do; retraining a network per sample tells little, because chance moves every
    loss by more than one sample does. A dropped sample has influence 0.
    """

    title = "Left out for real (last layer)"
    family = "retrained"
    by_weights = False
    contrary = False  # the truth: what is left may go to a third class
    summary = (
        "By how much the query's loss rises when the sample is left out and the last layer is fitted again, exactly. "
        "The truth for logistic regression; in a network, what the sample taught the last layer."
    )
    formula = "ℓ_q(W₋ᵢ) − ℓ_q(W),  W = argmin (1/n) Σ ℓⱼ + λ/2 ‖W‖²"
    cost = (
        "A convex fit, then a warm-started refit per training sample (some ten passes over the representations each)."
    )
    source = "Cook and Weisberg, Residuals and Influence in Regression, 1982; by refitting rather than by formula."
    cheaper = "representer"
    loss_only = True
    kinds = ("class", "number", "set")
    instead = "influence-cg or trak, which go by all weights"
    needs = "a last layer of at most 5,000 weights"
    unit = "nats"

    def options(self) -> dict[str, Any]:
        return {"l2": self.l2}

    def notes(self) -> dict[str, Any]:
        task, rows = self.trained.task, self.trained.rows
        reached = np.concatenate([self._reached(x, y) for x, y in self.trained.batches(rows)])
        of_the_fit = task.loss(self.fit.x @ self.weights.T, self.fit.y).mean()
        return {"l2": self.l2, "loss_of_the_fit": float(of_the_fit), "loss_of_the_run": float(reached.mean())}

    def _reached(self, x: "torch.Tensor", y: "torch.Tensor") -> np.ndarray:
        """Losses of the run's model."""
        losses = self.trained.losses(x, y, self.trained.parameters())
        return np.asarray(losses.double().cpu().numpy())

    def query_bytes(self) -> int:
        return 8 * (self.trained.run.representation().shape[1] + 1)

    @property
    def l2(self) -> float:
        """The penalty's weight."""
        recipe = self.trained.run.train_config
        known = recipe.l2 > 0 and self.trained.run.config["source"] == "trained"
        return recipe.l2 if known else FALLBACK_L2

    def _features(self, rows: Any) -> "torch.Tensor":
        """Representations with a 1 for the bias (b, d) float64."""
        import torch

        found = self.trained.recorded_representation(rows)
        return torch.from_numpy(np.hstack([found, np.ones((len(found), 1))]))

    def _targets(self, rows: Any) -> "torch.Tensor":
        found = self.trained.task.tensor(self.trained.labels.values[np.asarray(rows)])
        return found.double() if found.is_floating_point() else found

    @cached_property
    def fit(self) -> "LinearFit":
        """The last layer on all active rows."""
        from attribution.training.linear import LinearFit

        trained = self.trained
        x = self._features(trained.rows)
        c = trained.task.out_features(trained.dataset.info)
        if c * x.shape[1] > LIMIT:
            raise UserError(
                f"The last layer has {c * x.shape[1]:,} weights; leave-one-out refits at most {LIMIT:,}.",
                "Its Hessian is written out, and it is fitted once per training sample.",
                "Use influence-cg, or a network with a narrower last layer.",
            )
        return LinearFit(trained.task, x, self._targets(trained.rows), self.l2, c)

    @property
    def weights(self) -> "torch.Tensor":
        """The optimum on all active rows (c, d)."""
        return self.fit.optimum

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = queries
        self._asked = self._features([row for query in queries for row in query.rows])

    def _losses(self, weights: "torch.Tensor") -> "torch.Tensor":
        """The queries' losses under each of ``weights (b, c, d)``, ``(b, q)``."""
        import torch

        rows = [row for query in self._queries for row in query.rows]
        losses = self.fit.losses(weights, self._asked, self._targets(rows))
        return torch.stack(
            [part.mean(1) for part in losses.split([len(query.rows) for query in self._queries], dim=1)], dim=1
        )

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        found = torch.zeros(len(rows), len(self._queries), dtype=torch.float64)
        active = np.flatnonzero(np.isin(rows, self.trained.rows))
        positions = torch.as_tensor(np.searchsorted(self.trained.rows, rows[active]))
        before = self._losses(self.weights[None])  # (1, q)
        size = max(1, _BLOCK_BYTES // (24 * len(self.fit.x) * self.fit.c))
        for start in range(0, len(active), size):
            span = slice(start, start + size)
            found[torch.as_tensor(active[span])] = self._losses(self.fit.without(positions[span])) - before
        return ScoreBlock(found)
