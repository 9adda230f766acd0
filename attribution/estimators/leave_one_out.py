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

LIMIT = 5000  # weights of the layer: its Hessian is written out
FALLBACK_L2 = 1e-3
TOLERANCE = 1e-10
STEPS = 400
_BLOCK_BYTES = 64 << 20


@register("leave-one-out")
class LeaveOneOut(Estimator):
    """influence(i, q) = l_q(W without i) - l_q(W), W the optimum of the last layer on the model's representation.

    W minimises the mean cross-entropy over the active training rows plus l2 / 2 |W|^2; without i its term is gone and
    the others keep their weight 1 / n. l2 is the recipe's weight decay where trained here with SGD, else 0.001 (an
    optimum must exist). Both refits are exact: Newton's method from zero, then for every sample the inverse Hessian at
    the optimum as the step of a fixed-point iteration from there, until the gradient is below 1e-10 of the sample's
    own. For a model that is one linear layer this is leave-one-out of the whole model, at its optimum (the run may have
    stopped before it: the notes give both training losses). For a network everything below the last layer stays as it
    is, which is not what retraining would do; retraining a network per sample tells little, because chance moves every
    loss by more than one sample does. A dropped sample has influence 0.
    """

    title = "Left out for real (last layer)"
    contrary = False  # the truth: what is left may go to a third class
    summary = (
        "By how much the query's loss rises when the sample is left out and the last layer is fitted again, "
        "exactly. The truth for "
        "logistic regression; in a network, what the sample taught the last layer."
    )
    formula = "ℓ_q(W₋ᵢ) − ℓ_q(W),  W = argmin (1/n) Σ ℓⱼ + λ/2 ‖W‖²"
    cost = (
        "A convex fit, then a warm-started refit per training sample (some ten passes over the representations each)."
    )
    source = "Cook and Weisberg, Residuals and Influence in Regression, 1982; by refitting rather than by formula."
    cheaper = "representer"
    loss_only = True
    needs = "a last layer of at most 5,000 weights"
    unit = "nats"

    def options(self) -> dict[str, Any]:
        return {"l2": self.l2}

    def notes(self) -> dict[str, Any]:
        import torch

        run, rows = self.trained.run, self.trained.rows
        reached = np.log(
            np.maximum(
                np.asarray(run.probabilities()[rows])[np.arange(len(rows)), self.trained.labels.values[rows]], 1e-30
            )
        )
        losses = torch.nn.functional.cross_entropy(self._x @ self.weights.T, self._y)
        return {"l2": self.l2, "loss_of_the_fit": float(losses), "loss_of_the_run": float(-reached.mean())}

    def query_bytes(self) -> int:
        return 8 * (self.trained.run.representation().shape[1] + 1)

    @property
    def l2(self) -> float:
        """The penalty's weight."""
        recipe = self.trained.run.train_config
        known = recipe.optimizer == "sgd" and self.trained.run.config["source"] == "trained"
        return recipe.weight_decay if known and recipe.weight_decay > 0 else FALLBACK_L2

    def _features(self, rows: Any) -> "torch.Tensor":
        """Representations with a 1 for the bias (b, d) float64."""
        import torch

        found = self.trained.recorded_representation(rows)
        return torch.from_numpy(np.hstack([found, np.ones((len(found), 1))]))

    @cached_property
    def _x(self) -> "torch.Tensor":
        return self._features(self.trained.rows)

    @cached_property
    def _y(self) -> "torch.Tensor":
        import torch

        return torch.as_tensor(self.trained.labels.values[self.trained.rows])

    @cached_property
    def _own(self) -> "torch.Tensor":
        import torch

        return torch.nn.functional.one_hot(self._y, len(self.trained.dataset.info.classes)).double()  # (n, c)

    @cached_property
    def _optimum(self) -> "tuple[torch.Tensor, torch.Tensor]":
        """W (c, d) at the optimum and the Cholesky factor of the Hessian there."""
        import torch

        x = self._x
        n = len(self._x)
        c = self._own.shape[1]
        if c * x.shape[1] > LIMIT:
            raise UserError(
                f"The last layer has {c * x.shape[1]:,} weights; leave-one-out refits at most {LIMIT:,}.",
                "Its Hessian is written out, and it is fitted once per training sample.",
                "Use influence-cg, or a network with a narrower last layer.",
            )
        weights = torch.zeros(c, x.shape[1], dtype=x.dtype)
        for _ in range(100):
            p = (x @ weights.T).softmax(1)
            slope = (p - self._own).T @ x / n + self.l2 * weights  # (c, d)
            factor = self._hessian(p)
            if float(slope.abs().max()) < 1e-13:
                break
            step = torch.cholesky_solve(slope.reshape(-1, 1), factor).reshape(weights.shape)
            size = 1.0
            before = self._objective(weights)
            # Newton overshoots far from the optimum.
            while self._objective(weights - size * step) > before and size > 1e-4:
                size /= 2
            weights = weights - size * step
        return weights, factor

    def _objective(self, weights: "torch.Tensor") -> float:
        import torch

        return float(
            torch.nn.functional.cross_entropy(self._x @ weights.T, self._y) + self.l2 / 2 * weights.square().sum()
        )

    def _hessian(self, p: "torch.Tensor") -> "torch.Tensor":
        """Cholesky factor of the Hessian (c d, c d) at probabilities p (n, c)."""
        import torch

        x, (n, c) = self._x, p.shape
        d = x.shape[1]
        matrix = torch.zeros(c, d, c, d, dtype=x.dtype)
        for a in range(c):
            for b in range(a + 1):
                weight = p[:, a] * (float(a == b) - p[:, b]) / n
                matrix[a, :, b, :] = (x * weight[:, None]).T @ x
                matrix[b, :, a, :] = matrix[a, :, b, :]
        flat = matrix.reshape(c * d, c * d)
        flat.diagonal().add_(self.l2)
        return torch.linalg.cholesky(flat)

    @property
    def weights(self) -> "torch.Tensor":
        """The optimum on all active rows (c, d)."""
        return self._optimum[0]

    def without(self, positions: "torch.Tensor") -> "torch.Tensor":
        """The optimum without each of these active rows, one at a time (b, c, d)."""
        import torch

        start, factor = self._optimum
        x = self._x
        n = len(x)
        weights = start.expand(len(positions), *start.shape).clone()
        left = x[positions]  # (b, d)
        goal = torch.zeros(len(positions), dtype=x.dtype)
        active = torch.arange(len(positions))
        last = torch.full_like(goal, torch.inf)
        pace = torch.ones_like(goal)
        for step in range(STEPS):
            here, mine = weights[active], left[active]
            p = torch.einsum("nd,bcd->bnc", x, here).softmax(2) - self._own  # (b, n, c)
            gone = p[torch.arange(len(active)), positions[active]]  # (b, c)
            slope = (torch.einsum("bnc,nd->bcd", p, x) - gone[:, :, None] * mine[:, None, :]) / n + self.l2 * here
            size = slope.flatten(1).norm(dim=1)
            if step == 0:
                goal = TOLERANCE * size + 1e-15
            pace[active[size > last[active]]] /= 2  # the curvature grew on the way
            last[active] = size
            going = size > goal[active]
            active, slope = active[going], slope[going]
            if not len(active):
                break
            weights[active] -= pace[active, None, None] * torch.cholesky_solve(slope.flatten(1).T, factor).T.reshape(
                slope.shape
            )
        return weights

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = queries
        self._asked = self._features([row for query in queries for row in query.rows])

    def _losses(self, weights: "torch.Tensor") -> "torch.Tensor":
        """The queries' losses under each of ``weights (b, c, d)``, ``(b, q)``."""
        import torch

        rows = [row for query in self._queries for row in query.rows]
        y = torch.as_tensor(self.trained.labels.values[rows])
        logits = torch.einsum("vd,bcd->bvc", self._asked, weights)
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), y.repeat(len(weights)), reduction="none"
        ).reshape(len(weights), -1)
        return torch.stack(
            [part.mean(1) for part in losses.split([len(query.rows) for query in self._queries], dim=1)], dim=1
        )

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        found = torch.zeros(len(rows), len(self._queries), dtype=torch.float64)
        active = np.flatnonzero(np.isin(rows, self.trained.rows))
        positions = torch.as_tensor(np.searchsorted(self.trained.rows, rows[active]))
        before = self._losses(self.weights[None])  # (1, q)
        size = max(1, _BLOCK_BYTES // (24 * self._own.numel()))
        for start in range(0, len(active), size):
            span = slice(start, start + size)
            found[torch.as_tensor(active[span])] = self._losses(self.without(positions[span])) - before
        return ScoreBlock(found)
