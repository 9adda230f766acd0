"""A linear layer at the optimum of its task's loss with an L2 penalty, by Newton steps: with all samples, or without
each in turn.

The objective is ``sum_i w_i loss_i + l2 / 2 |W|^2`` with w = 1 / n. A sample that is left out gets weight 0 and the
others keep theirs, as in the influence formula, so that refitting and the formula answer the same question.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.tasks.base import Task

TOLERANCE = 1e-12  # of the gradient's largest entry
ROUNDS = 100


@final
@dataclass(frozen=True)
class LinearFit:
    """``x (n, d)`` float64, ``y`` as the task's loss takes targets, c outputs. All weights are penalised."""

    task: Task
    x: Tensor
    y: Tensor
    l2: float
    c: int

    @cached_property
    def even(self) -> Tensor:
        """Every sample's weight in the mean ``(n,)``."""
        return torch.full((len(self.x),), 1 / len(self.x), dtype=self.x.dtype)

    @cached_property
    def optimum(self) -> Tensor:
        """The weights ``(c, d)`` with all samples."""
        return self.newton(self.even, torch.zeros(self.c, self.x.shape[1], dtype=self.x.dtype))

    def objective(self, weights: Tensor, shares: Tensor) -> float:
        """What is minimised, for weights ``(c, d)`` and the samples' shares ``(n,)``."""
        losses = self.task.loss(self.x @ weights.T, self.y)
        return float(shares @ losses + self.l2 / 2 * weights.square().sum())

    def slope(self, weights: Tensor, shares: Tensor) -> Tensor:
        """Its gradient ``(c, d)``."""
        left = self.task.residual(self.x @ weights.T, self.y) * shares[:, None]
        return left.T @ self.x + self.l2 * weights

    def hessian(self, weights: Tensor, shares: Tensor) -> Tensor:
        """Its second derivative ``(c d, c d)``; ``UserError`` for a loss that is not convex."""
        root = self.task.root(self.x @ weights.T, self.y)  # (r, n, c)
        if root is None:
            raise UserError(
                f"{self.task.no_curvature}",
                "A last layer fitted by it has no single best weights.",
                "Use ip or tracin, which ask the model as it was trained.",
            )
        bent = torch.einsum("rna,rnb->nab", root, root) * shares[:, None, None]
        c, d = weights.shape
        matrix = torch.zeros(c, d, c, d, dtype=self.x.dtype)
        for a in range(c):
            for b in range(a + 1):
                matrix[a, :, b, :] = (self.x * bent[:, a, b, None]).T @ self.x
                matrix[b, :, a, :] = matrix[a, :, b, :]
        flat = matrix.reshape(c * d, c * d)
        flat.diagonal().add_(self.l2)
        return flat

    def newton(self, shares: Tensor, start: Tensor) -> Tensor:
        """The optimum ``(c, d)`` for these shares, which may be negative, from ``start``."""
        weights = start.clone()
        for _ in range(ROUNDS):
            slope = self.slope(weights, shares)
            if float(slope.abs().max()) < TOLERANCE:
                break
            step = torch.linalg.solve(self.hessian(weights, shares), slope.flatten()).reshape(weights.shape)
            size = 1.0
            before = self.objective(weights, shares)
            # Newton overshoots far from the optimum.
            while self.objective(weights - size * step, shares) > before and size > 1e-4:
                size /= 2
            weights = weights - size * step
        return weights

    @cached_property
    def triangle(self) -> Tensor:
        """Cholesky factor of the second derivative at the optimum."""
        return torch.linalg.cholesky(self.hessian(self.optimum, self.even))

    def without(self, positions: Tensor, tolerance: float = 1e-10, steps: int = 400) -> Tensor:
        """The optimum without each of these samples, one at a time ``(b, c, d)``.

        The inverse second derivative at the optimum is the step of a fixed-point iteration from there, until the
        gradient is below ``tolerance`` of the sample's own.
        """
        x, y = self.x, self.y
        n = len(x)
        weights = self.optimum.expand(len(positions), *self.optimum.shape).clone()
        goal = torch.zeros(len(positions), dtype=x.dtype)
        active = torch.arange(len(positions))
        last = torch.full_like(goal, torch.inf)
        pace = torch.ones_like(goal)
        for step in range(steps):
            here = weights[active]
            b = len(active)
            outputs = torch.einsum("nd,bcd->bnc", x, here).reshape(b * n, -1)
            left = self.task.residual(outputs, y.repeat(b, *[1] * (y.dim() - 1))).reshape(b, n, -1)
            left[torch.arange(b), positions[active]] = 0  # the sample is gone
            slope = torch.einsum("bnc,nd->bcd", left, x) / n + self.l2 * here
            size = slope.flatten(1).norm(dim=1)
            if step == 0:
                goal = tolerance * size + 1e-15
            pace[active[size > last[active]]] /= 2  # the curvature grew on the way
            last[active] = size
            going = size > goal[active]
            active, slope = active[going], slope[going]
            if not len(active):
                break
            move = torch.cholesky_solve(slope.flatten(1).T, self.triangle).T.reshape(slope.shape)
            weights[active] -= pace[active, None, None] * move
        return weights

    def losses(self, weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Losses of other samples ``x (v, d)`` under each of ``weights (b, c, d)``: ``(b, v)``."""
        b, v = len(weights), len(x)
        outputs = torch.einsum("vd,bcd->bvc", x, weights).reshape(b * v, -1)
        return self.task.loss(outputs, y.repeat(b, *[1] * (y.dim() - 1))).reshape(b, v)
