"""Products with the Gauss-Newton matrix of the mean training loss, its trace and its damping."""

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, jvp, vjp, vmap

from attribution.errors import UserError
from attribution.gradients.capture import evaluation
from attribution.gradients.contract import at_hand, blocks, contract
from attribution.gradients.curvature.agreement import check_task
from attribution.gradients.curvature.layout import Layout
from attribution.gradients.curvature.roots import RowProducts
from attribution.gradients.engine import GradientEngine
from attribution.gradients.probe import covered_parameters
from attribution.gradients.pullback import Pullback
from attribution.tasks.base import Task
from attribution.tasks.classification import PLAIN

Batch = Callable[[np.ndarray], tuple[Tensor, Tensor]]  # positions (b,) -> inputs and labels
MODEL, DATA = "model", "data"
EXACT_OUTPUTS = 32  # of a sample: up to so many its curvature is taken whole, above by one random column
ROOT, SAMPLED = "root", "sampled"
TOGETHER = 16  # vectors pushed through the model at once: bounds the copies of a batch's activations
NEAR_BYTES = 8 << 20  # activations up to which more samples than a batch are taken together


@final
class GaussNewton:
    """The curvature C = G + l2 I of the mean loss over n training samples (see the package), never written out unless
    asked for.

    ``batch(positions)`` gives inputs and targets of training samples 0..n-1; ``draw()``, asked where it is needed,
    gives ``(n,)`` in 0..1 that fix, per sample, what is left to chance and the place in a random order, so results do
    not depend on how samples are stored. ``task`` says the curvature of the engine's loss at the model's outputs, which
    is checked against the loss itself. ``labels``: ``model`` takes it from there, whole up to 32 outputs a sample and
    by one random column above; ``data`` takes the loss's gradients, the empirical Fisher, and so does whatever has a
    task without curvature (``empirical`` says why). While n * outputs * P numbers fit ``keep_bytes``, G's square root
    is written out once and a product is two matrix products; else the training set is streamed through the model.
    ``count`` is told the sample passes.

    ``damping`` is absolute, ``damping_ratio`` times the mean eigenvalue of C. The default ratio here is the 0.1 of
    Grosse et al. 2023 (arXiv 2308.03296); estimators choose by model (``estimators._preconditioned.usual_ratio``).
    """

    def __init__(
        self,
        engine: GradientEngine,
        batch: Batch,
        n: int,
        draw: Callable[[], np.ndarray],
        *,
        task: Task = PLAIN,
        l2: float = 0.0,
        damping_ratio: float = 0.1,
        labels: str = MODEL,
        batch_size: int = 128,
        keep_bytes: int = 64 << 20,
        count: Callable[[float], None] = lambda passes: None,
    ) -> None:
        if damping_ratio < 0:
            raise UserError(
                f"damping_ratio is {damping_ratio:g}.",
                "Negative damping makes the curvature indefinite.",
                "Set it to 0 or more.",
            )
        self.engine, self.task, self.n = engine, task, n
        self._draw = draw
        self.l2, self.damping_ratio, self.labels = l2, damping_ratio, labels
        self.batch_size, self.keep_bytes, self.count = batch_size, keep_bytes, count
        # Where work is only timed: takes the CPU seconds, by formula, of what is then left out.
        self.owe: Callable[[float], None] | None = None
        self._batch = batch
        self._trace: float | None = None
        self._seen: tuple[int, str] | None = None
        self.layout = Layout(covered_parameters(engine.model))

    @property
    def size(self) -> int:
        """Number of covered parameters P."""
        return self.layout.size

    @property
    def trace(self) -> float:
        """Trace of G: the mean over samples of E_k |g_ik|^2, exact up to 32 outputs; a pass of its own unless another
        gave it."""
        if self._trace is None:
            total = 0.0
            if self.root is not None and self.labels == MODEL:
                total = float(self.root.double().square().sum()) * self.n
            else:
                for positions in self.batches():
                    for factors in self.roots(positions, self.labels).rows():
                        squares = [contract(factor, None, self.engine.budget_bytes)[1] for factor in factors.values()]
                        total += sum(float(square.double().sum()) for square in squares if square is not None)
            self._trace = total / self.n
        return self._trace

    def keep_trace(self, value: float) -> None:
        """Take the trace from work that came by it, if it is not known yet."""
        if self._trace is None:
            self._trace = value

    @cached_property
    def chance(self) -> np.ndarray:
        """What is left to chance for each sample ``(n,)``."""
        return self._draw()

    @cached_property
    def damping(self) -> float:
        """What is added to C before it is inverted: ``damping_ratio`` times trace(C) / P."""
        return self.damping_ratio * (self.trace / self.size + self.l2)

    @property
    def shift(self) -> float:
        """l2 + damping: what is inverted is G + shift I. ``UserError`` if that is singular."""
        if not self.l2 + self.damping > 0:
            raise UserError(
                f"The damping is {self.damping:g} and the recipe has no L2 penalty.",
                "The curvature cannot be inverted: it is singular wherever the training data say nothing.",
                "Use a damping ratio above 0; if the trace is 0 the model is certain of every sample: ask an "
                "earlier checkpoint.",
            )
        return self.l2 + self.damping

    @property
    def width(self) -> int:
        """Outputs of one sample."""
        return self._met[0]

    @property
    def source(self) -> str:
        """What rows come from: the whole root of the outputs' curvature, one random column of it, or the data's
        gradients."""
        return self._met[1]

    @property
    def _met(self) -> tuple[int, str]:
        """Width and source, from a sample of its own where no batch was seen yet."""
        if self._seen is None:
            x, y = self._batch(np.arange(1))
            with evaluation(self.engine.model), torch.no_grad():
                self.count(1)
                return self._meet(self.engine.model(x), y)
        return self._seen

    def _meet(self, outputs: Tensor, y: Tensor) -> tuple[int, str]:
        """The same from outputs that are there; ``UserError``, when first asked, for a loss whose curvature is another
        one than the task says."""
        if self._seen is None:
            check_task(self.task, self.engine.loss, outputs.detach(), y)
            width = outputs[0].numel()
            if width <= EXACT_OUTPUTS and not self.task.no_curvature:
                self._seen = width, ROOT
            else:
                column = self.task.sampled(outputs[:1].detach(), y[:1], np.full(1, 0.5))
                self._seen = width, DATA if column is None else SAMPLED
        return self._seen

    @property
    def by_chance(self) -> bool:
        """Whether rows depend on what is left to chance."""
        return self.source == SAMPLED

    @property
    def empirical(self) -> str:
        """Why the empirical Fisher stands for G, in words; empty where it does not."""
        if DATA not in (self.labels, self.source):
            return ""
        return self.task.no_curvature if self.source == DATA else "The gradients are those of the data's own labels."

    @property
    def _whole(self) -> int:
        """Rows of a sample, about."""
        return self.width if self.source == ROOT else 1

    @property
    def _streams(self) -> bool:
        """Whether a product can be had from the outputs' exact curvature without rows."""
        return not self.task.no_curvature

    @cached_property
    def root(self) -> Tensor | None:
        """Rows ``(n, r, P)`` whose sum of outer products is G; None where they do not fit ``keep_bytes``."""
        exact = self.source == ROOT or not self._streams
        if not exact or self.n * self._whole * self.size * self.layout.dtype.itemsize > self.keep_bytes:
            return None
        return torch.cat([self.rows(positions) for positions in self.batches()]) / self.n**0.5

    def rows(self, positions: np.ndarray) -> Tensor:
        """Rows of the square root of n G for some samples ``(b, r, P)``."""
        columns = []
        for factors in self.roots(positions, MODEL).rows():
            columns.append(self.layout.join({name: factor.dense() for name, factor in factors.items()}, len(positions)))
        return torch.stack(columns, 1)

    def roots(self, positions: np.ndarray, labels: str, within: Collection[str] | None = None) -> Pullback:
        """For each k, per-sample gradients by parameter whose outer products, summed over k and averaged over samples,
        give G.

        Up to 32 outputs the columns of the task's root weigh them; above one random column, and for the labels of the
        data the gradient of the loss. ``within``: only the layers of these parameters. Cost: one forward pass, one
        backward pass a column.
        """
        x, y = self._batch(positions)

        def weigh(outputs: Tensor) -> Tensor:
            if labels == DATA or self._meet(outputs, y)[1] == DATA:
                return self._slopes(outputs, y)[None]
            if self.source == ROOT:
                return _known(self.task.root(outputs, y))
            return _known(self.task.sampled(outputs, y, self.chance[positions]))[None]

        return self._pull(x, y, weigh, within)

    def terms(self) -> Iterator[tuple[Pullback, Tensor]]:
        """For every batch the same as a mean over k: gradients and weights ``(r, b)`` that sum to 1 for a sample."""
        for positions in self.batches():
            x, y = self._batch(positions)
            weights: list[Tensor] = []

            def weigh(
                outputs: Tensor, y: Tensor = y, at: np.ndarray = positions, kept: list[Tensor] = weights
            ) -> Tensor:
                columns = self._columns(outputs, y, at)
                kept.append(columns[1])
                return columns[0]

            yield self._pull(x, y, weigh, None), weights[0]

    def _columns(self, outputs: Tensor, y: Tensor, positions: np.ndarray) -> tuple[Tensor, Tensor]:
        """What ``terms`` weighs outputs with, and how much each counts."""
        if DATA in (self.labels, self._meet(outputs, y)[1]):
            column = self._slopes(outputs, y)
        elif self.source == ROOT:
            return self.task.spread(outputs, y)
        else:
            column = _known(self.task.sampled(outputs, y, self.chance[positions]))
        return column[None], torch.ones(1, len(outputs), dtype=outputs.dtype, device=outputs.device)

    def _pull(
        self, x: Tensor, y: Tensor, weigh: Callable[[Tensor], Tensor], within: Collection[str] | None
    ) -> Pullback:
        pull = Pullback(self.engine, x, y, weigh, within)
        self.count((1 + 2 * len(pull)) * len(x))
        return pull

    def _slopes(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Gradient of the loss at the outputs ``(b, ...)``."""
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            return torch.autograd.grad(self.engine.loss(leaf, y).sum(), leaf)[0]

    def batches(self) -> Iterator[np.ndarray]:
        """Positions of all samples in order, at most ``batch_size`` at a time and no more than the engine works on at
        once."""
        yield from (np.arange(start, stop) for start, stop in blocks(self.n, self._block))

    @cached_property
    def _block(self) -> int:
        """Samples of a batch."""
        return self.engine.at_once(*self._batch(np.arange(min(self.n, self.batch_size))))

    def samples(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and labels of all samples in order, a batch at a time."""
        for positions in self.batches():
            yield self._batch(positions)

    @torch.no_grad()
    def product(self, vectors: Tensor, positions: np.ndarray | None = None) -> Tensor:
        """G times each of ``vectors (m, P)``, ``(m, P)``; over the samples at ``positions`` alone if given (their own
        mean).

        Cost: forward- and reverse-mode take about five forward passes over the samples for each vector; with more
        vectors than that is worth, the rows of the square root are made anew for every batch, at a backward pass per
        class and two products.
        """
        if self.root is not None:
            chosen = (
                self.root
                if positions is None
                else self.root[torch.as_tensor(positions)] * (self.n / len(positions)) ** 0.5
            )
            rows = chosen.reshape(-1, self.size)
            return (vectors @ rows.T) @ rows
        total = torch.zeros_like(vectors)
        size = self.n if positions is None else len(positions)
        by_rows = not self._streams or (self.source == ROOT and 5 * len(vectors) > 4 + self.width)
        most = self._rows_at_once if by_rows else self._streamed_at_once(len(vectors))
        pieces = np.array_split(np.arange(self.n) if positions is None else positions, -(-size // most))
        meeting = RowProducts(self.layout.split(vectors), self.engine.budget_bytes) if by_rows else None
        for piece in pieces:
            if meeting is not None:
                meeting.add(self.roots(piece, MODEL))
            else:
                total += self._streamed(*self._batch(piece), vectors)
                self.count(5 * len(piece) * len(vectors))
        if meeting is not None:
            total = self.layout.join(meeting.totals, len(vectors))
            if positions is None and self.labels == MODEL:
                self.keep_trace(meeting.squares / size)
        return total / size

    @property
    def _rows_at_once(self) -> int:
        """Samples whose rows of the square root are there together."""
        return max(1, min(self.batch_size, self.engine.budget_bytes // (4 * self._whole * self.size)))

    def _streamed_at_once(self, m: int) -> int:
        """Samples that m vectors are streamed through together: a batch, or more of a small model, whose cost is that
        of the calls."""
        room = at_hand(self.layout.device, NEAR_BYTES, self.engine.budget_bytes)
        most = room / max(1.0, self._sample_bytes * (1 + min(m, TOGETHER)))
        return max(self.batch_size, int(most))

    @cached_property
    def _sample_bytes(self) -> float:
        """Activations that a backward pass keeps for one sample."""
        x, y = self._batch(np.arange(min(self.n, self.batch_size)))
        return self.engine.plan(x, y).saved * x[0].numel()

    def damped(self, vectors: Tensor) -> Tensor:
        """C + damping I times each of ``vectors (m, P)``."""
        return self.product(vectors) + self.shift * vectors

    def random(self, count: int, seed: int) -> Tensor:
        """Standard normal vectors ``(count, P)``, the same on every device."""
        numbers = np.random.default_rng(seed).standard_normal((count, self.size), dtype=np.float32)
        return torch.from_numpy(numbers).to(self.layout.device, self.layout.dtype)

    def largest_eigenvalue(self, seed: int, positions: np.ndarray | None = None, steps: int = 20) -> float:
        """Largest eigenvalue of G, approached from below: the largest Ritz value of Lanczos' recurrence from a seeded
        start."""
        vector = self.random(1, seed)
        value = 0.0
        side = 0.0
        vector, earlier = vector / vector.norm(), torch.zeros_like(vector)
        small = torch.zeros(steps, steps, dtype=torch.float64)  # the recurrence's tridiagonal matrix
        for step in range(steps):
            image = self.product(vector, positions)
            small[step, step] = (vector * image).sum()
            image -= small[step, step].to(image) * vector + side * earlier
            before = value
            value = float(torch.linalg.eigvalsh(small[: step + 1, : step + 1])[-1])
            side = float(image.norm())
            if side == 0 or value - before <= 1e-3 * value or step + 1 == steps:
                break
            small[step, step + 1] = small[step + 1, step] = side
            vector, earlier = image / side, vector
        return value

    def _streamed(self, x: Tensor, y: Tensor, vectors: Tensor) -> Tensor:
        """n G v over one batch for each vector: forward-mode to the outputs, the loss's Hessian there, reverse-mode
        back."""
        model = self.engine.model
        parameters = {name: value.detach() for name, value in covered_parameters(model).items()}

        def outputs(values: dict[str, Tensor]) -> Tensor:
            return functional_call(model, values, (x,))

        with evaluation(model), torch.no_grad():
            found, back, *_ = vjp(outputs, parameters)
            self._meet(found, y)

            def one(tangent: dict[str, Tensor]) -> Any:
                moved = jvp(outputs, (parameters,), (tangent,))[1]  # (b, ...)
                return back(self.task.curved(found, y, moved))[0]

            if len(vectors) == 1:
                single = one({name: tangent[0] for name, tangent in self.layout.split(vectors).items()})
                return self.layout.join({name: image[None] for name, image in single.items()})
            return self.layout.join(vmap(one, chunk_size=TOGETHER)(self.layout.split(vectors)))


def _known(values: Tensor | None) -> Tensor:
    assert values is not None  # ``source`` has asked
    return values
