"""A trained model made to follow a change of its training data, without training: re-linearised damped steps on chosen
parameters."""

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from attribution.gradients.capture import evaluation
from attribution.gradients.curvature import GaussNewton, Layout
from attribution.gradients.curvature.gauss_newton import Batch
from attribution.gradients.engine import GradientEngine
from attribution.gradients.probe import covered_parameters
from attribution.gradients.selected.solve import GIF, selected_step
from attribution.progress import Progress
from attribution.tasks.base import Task
from attribution.tasks.classification import PLAIN

HALVINGS = 8
# Up to here the drawn samples' gradients are held, and a curvature product is two matrix products.
KEEP_BYTES = 768 << 20


@dataclass(frozen=True)
class Samples:
    """n training samples; ``batch(positions)`` gives inputs and labels of those at positions 0..n-1."""

    n: int
    batch: Batch

    def batches(self, size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
        """All of them in order."""
        for start in range(0, self.n, size):
            yield self.batch(np.arange(start, min(self.n, start + size)))

    def some(self, count: int, seed: int) -> "Samples":
        """``count`` of them, drawn; all of them if there are no more."""
        if count >= self.n:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(self.n, count, replace=False))
        return Samples(count, lambda positions: self.batch(drawn[positions]))


@dataclass(frozen=True)
class How:
    """How steps are made: which of the package's variants, at most how many, the damping as a multiple of the mean
    eigenvalue, the recipe's L2 term, when a linear system counts as solved and after how many products it is given up,
    and of how many samples the curvature is, drawn by ``seed``."""

    variant: str = GIF
    steps: int = 6
    damping_ratio: float = 10.0
    l2: float = 0.0
    tolerance: float = 1e-3
    iterations: int = 50
    curvature_samples: int = 128
    seed: int = 0


@dataclass(frozen=True)
class Step:
    """One step as it was taken: mean training loss after it (nats), what the step lowers, norm of the gradient still
    unanswered before it, share of the full step that was taken, and the relative residual of its linear system."""

    loss: float
    objective: float
    gradient: float
    length: float
    residual: float

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Update:
    """``model`` is a changed copy; ``steps`` were taken in this order; ``start`` is the training loss on the new data
    before them; ``share`` is the part of the covered parameters that could move; ``stopped`` says why no further step
    was taken."""

    model: nn.Module
    steps: tuple[Step, ...]
    start: float
    share: float
    stopped: str

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The covered parameters after the steps."""
        return {name: value.detach() for name, value in covered_parameters(self.model).items()}


def update(
    model: nn.Module,
    before: Samples,
    after: Samples,
    mask: Tensor,
    how: How | None = None,
    *,
    task: Task = PLAIN,
    progress: Progress | None = None,
) -> Update:
    """What the model trained on ``before`` might be, had it been trained on ``after``: samples removed, added or with
    other labels.

    With L the mean loss plus the recipe's L2 term, what is asked for is grad L_after(theta) = grad L_before(theta_0): a
    training that was stopped early stays as far from its optimum as it was, and only the change of the data is
    answered. The first step's right-hand side is then the gradient change of the samples acted on. Each step solves for
    the parameters of ``mask`` (P,) (``gif.select``) with the Gauss-Newton curvature of ``after`` at the current weights
    (of at most ``how.curvature_samples`` of them, drawn), then is halved until it lowers L_after(theta) - <grad
    L_before(theta_0), theta>; it ends when no length does. Nothing but training samples is looked at.

    ``model`` is left as it was. Cost per step: a gradient and a loss over ``after``, and up to ``how.iterations``
    curvature products (twice as many for gif). Source: arXiv 2312.05586 for the variants; re-linearising and
    backtracking are this project's.
    """
    work = progress or Progress()
    how = how or How()
    model = copy.deepcopy(model).eval()
    engine = GradientEngine(model, task.loss)
    objective = _Objective(engine, Layout(covered_parameters(model)), before, after, how.l2)
    curved = after.some(how.curvature_samples, how.seed)
    start = value = objective.at_start
    start_loss = objective.loss
    taken = []
    stopped = "all steps were taken"
    for index in range(how.steps):
        work.update(index, how.steps, f"step {index + 1} of {how.steps}")
        slope = objective.slope()
        curvature = _curvature(engine, curved, how, task)
        if not float(slope.norm()) > 0 or not float(curvature.trace + how.l2) > 0:
            stopped = "the training data ask for nothing more"
            break
        found = selected_step(curvature, -slope[None], mask, how.variant, how.tolerance, how.iterations)
        length, value = objective.search(found.x[0], value)
        if length == 0:
            stopped = "no step length lowers the training loss"
            break
        taken.append(Step(objective.loss, value - start, float(slope.norm()), length, float(found.residuals.max())))
    work.update(1, 1, "done")
    return Update(model, tuple(taken), start_loss, float(mask.double().mean()), stopped)


def _curvature(engine: GradientEngine, curved: Samples, how: How, task: Task) -> GaussNewton:
    """The curvature at the weights as they are now."""
    return GaussNewton(
        engine,
        curved.batch,
        curved.n,
        partial(np.linspace, 0, 1, curved.n, endpoint=False),
        task=task,
        l2=how.l2,
        damping_ratio=how.damping_ratio,
        batch_size=64,
        keep_bytes=KEEP_BYTES,
    )


@final
class _Objective:
    """L_after(theta) + l2/2 |theta - theta_0|^2 - <grad L_before(theta_0), theta - theta_0>, of a model whose weights
    it moves."""

    def __init__(self, engine: GradientEngine, layout: Layout, before: Samples, after: Samples, l2: float) -> None:
        self._engine = engine
        self._layout = layout
        self._after = after
        self._l2 = l2
        self._origin = self._weights()
        self._asked = self._gradient(before)
        self.loss = self._mean_loss()
        self.at_start = self.loss

    def slope(self) -> Tensor:
        """Its gradient ``(P,)``."""
        return self._gradient(self._after) + self._l2 * (self._weights() - self._origin) - self._asked

    def search(self, step: Tensor, value: float) -> tuple[float, float]:
        """Move by the longest of step, step / 2, step / 4, ... that lowers the objective; the length (0: none, nothing
        moved) and its value."""
        origin = self._weights()
        for halving in range(HALVINGS + 1):
            length = 0.5**halving
            self._place(origin + length * step)
            loss = self._mean_loss()
            moved = self._weights() - self._origin
            found = loss + float(self._l2 / 2 * moved.square().sum() - self._asked @ moved)
            if found < value:
                self.loss = loss
                return length, found
        self._place(origin)
        return 0.0, value

    def _weights(self) -> Tensor:
        return self._layout.join(
            {name: value.detach()[None] for name, value in covered_parameters(self._engine.model).items()}
        )[0].clone()

    @torch.no_grad()
    def _place(self, weights: Tensor) -> None:
        parts = self._layout.split(weights[None])
        for name, parameter in covered_parameters(self._engine.model).items():
            parameter.copy_(parts[name][0])

    def _gradient(self, samples: Samples) -> Tensor:
        return self._layout.join(
            {name: value[None] for name, value in self._engine.mean_gradient(samples.batches()).items()}
        )[0]

    def _mean_loss(self) -> float:
        total = 0.0
        model = self._engine.model
        for x, y in self._after.batches():
            with evaluation(model), torch.no_grad():
                total += float(self._engine.loss(model(x), y).double().sum())
        return total / self._after.n
