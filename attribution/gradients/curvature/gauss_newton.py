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
from attribution.gradients.contract import blocks, contract
from attribution.gradients.curvature.layout import Layout
from attribution.gradients.curvature.roots import RowProducts, root_weights
from attribution.gradients.curvature.softmax import check_softmax
from attribution.gradients.engine import GradientEngine
from attribution.gradients.probe import covered_parameters
from attribution.gradients.pullback import Pullback

Batch = Callable[[np.ndarray], tuple[Tensor, Tensor]]  # positions (b,) -> inputs and labels
MODEL, DATA = "model", "data"
EXACT_CLASSES = 32  # up to so many classes the expectation over the model's labels is a sum over all of them
TOGETHER = 16  # vectors pushed through the model at once: bounds the copies of a batch's activations
NEAR_BYTES = 8 << 20  # activations up to which more samples than a batch are taken together


@final
class GaussNewton:
    """The curvature C = G + l2 I of the mean loss over n training samples (see the package), never written out unless
    asked for.

    ``batch(positions)`` gives inputs and labels of training samples 0..n-1; ``draw()``, asked where it is needed, gives
    ``(n,)`` in 0..1 that fix, per sample, a drawn label and the place in a random order, so results do not depend on
    how samples are stored. ``labels`` says which labels gradients are taken for where they are needed (trace, Kronecker
    factors, DataInf): ``model`` is the true Fisher, an exact expectation up to 32 classes and one draw per sample
    above; ``data`` is the empirical Fisher. While n * classes * P numbers fit ``keep_bytes``, G's square root is
    written out once and a product is two matrix products; else the training set is streamed through the model.
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
        self.engine, self.n, self._draw = engine, n, draw
        self.l2, self.damping_ratio, self.labels = l2, damping_ratio, labels
        self.batch_size, self.keep_bytes, self.count = batch_size, keep_bytes, count
        self._batch = batch
        self._trace: float | None = None
        self._known_loss = False
        self.layout = Layout(covered_parameters(engine.model))

    @property
    def size(self) -> int:
        """Number of covered parameters P."""
        return self.layout.size

    @property
    def trace(self) -> float:
        """Trace of G: the mean over samples of E_k |g_ik|^2, exact up to 32 classes; a pass of its own unless another
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

    @cached_property
    def classes(self) -> int:
        """Width of the model's output; ``UserError`` if that is not a row of logits per sample, or the loss not softmax
        cross-entropy."""
        x, y = self._batch(np.arange(1))
        logits = self._logits(x)
        return self._softmax(logits, y).shape[1]

    @cached_property
    def root(self) -> Tensor | None:
        """Rows ``(n, r, P)``, r below the number of classes, whose sum of outer products is G; None where they do not
        fit ``keep_bytes``."""
        if (
            self.classes > EXACT_CLASSES
            or self.n * self.classes * self.size * self.layout.dtype.itemsize > self.keep_bytes
        ):
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

        Up to 32 classes a triangular root of diag(p) - p p^T with one column less than classes weighs the logits
        (``root_weights``); above, and for the labels of the data, the only column is the gradient of the loss.
        ``within``: only the layers of these parameters. Cost: one forward pass, one backward pass a column.
        """
        x, y = self._batch(positions)

        def weigh(logits: Tensor) -> Tensor:
            if labels == MODEL and logits.shape[-1] <= EXACT_CLASSES:
                return root_weights(self._softmax(logits, y))
            label = y if labels == DATA else self._drawn(self._softmax(logits, y), positions)
            with torch.enable_grad():
                leaf = logits.detach().requires_grad_()
                return torch.autograd.grad(self.engine.loss(leaf, label).sum(), leaf)[0][None]

        pull = Pullback(self.engine, x, y, weigh, within)
        self.count((1 + 2 * len(pull)) * len(x))
        return pull

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

    def labelled(self) -> Iterator[tuple[bool, Tensor, Tensor, Tensor]]:
        """``(first, x, y, weights (b,))`` for every batch and every label of the expectation; ``first`` marks a batch's
        first label."""
        for positions in self.batches():
            x, y = self._batch(positions)
            for index, (label, weights) in enumerate(self._expectation(x, y, positions, self.labels)):
                yield index == 0, x, label, weights

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
        by_rows = self.classes <= EXACT_CLASSES and 5 * len(vectors) > 4 + self.classes
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
        return max(1, min(self.batch_size, self.engine.budget_bytes // (4 * self.classes * self.size)))

    def _streamed_at_once(self, m: int) -> int:
        """Samples that m vectors are streamed through together: a batch, or more of a small model, whose cost is that
        of the calls."""
        most = min(NEAR_BYTES, self.engine.budget_bytes) / max(1.0, self._sample_bytes * (1 + min(m, TOGETHER)))
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

    def _logits(self, x: Tensor) -> Tensor:
        with evaluation(self.engine.model), torch.no_grad():
            self.count(len(x))
            return self.engine.model(x)

    def _softmax(self, logits: Tensor, y: Tensor) -> Tensor:
        """Class probabilities ``(b, c)``; ``UserError``, when first asked, for a loss whose curvature is another
        one."""
        if not self._known_loss:
            check_softmax(self.engine.loss, logits.detach(), y)
            self._known_loss = True
        return logits.softmax(1)

    def _expectation(self, x: Tensor, y: Tensor, positions: np.ndarray, labels: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Labels ``(b,)`` with their weights ``(b,)``, which sum to 1 for each sample."""
        if labels == DATA:
            yield y, torch.ones(len(x), dtype=self.layout.dtype, device=x.device)
            return
        p = self._softmax(self._logits(x), y)  # (b, c)
        if p.shape[1] <= EXACT_CLASSES:
            for label in range(p.shape[1]):
                yield torch.full((len(x),), label, device=x.device), p[:, label]
            return
        yield self._drawn(p, positions), torch.ones_like(p[:, 0])

    def _drawn(self, p: Tensor, positions: np.ndarray) -> Tensor:
        """One label a sample, drawn from its probabilities ``p (b, c)`` with its own chance ``(b,)``."""
        chance = torch.as_tensor(self.chance[positions], device=p.device)[:, None]
        return torch.searchsorted(p.double().cumsum(1), chance).clamp_max(p.shape[1] - 1)[:, 0]

    def _streamed(self, x: Tensor, y: Tensor, vectors: Tensor) -> Tensor:
        """n G v over one batch for each vector: forward-mode to the logits, the loss's Hessian there, reverse-mode
        back."""
        model = self.engine.model
        parameters = {name: value.detach() for name, value in covered_parameters(model).items()}

        def logits(values: dict[str, Tensor]) -> Tensor:
            return functional_call(model, values, (x,))

        with evaluation(model), torch.no_grad():
            found, back, *_ = vjp(logits, parameters)
            p = self._softmax(found, y)  # (b, c)

            def one(tangent: dict[str, Tensor]) -> Any:
                moved = jvp(logits, (parameters,), (tangent,))[1]  # (b, c)
                return back(p * (moved - (p * moved).sum(1, keepdim=True)))[0]

            if len(vectors) == 1:
                single = one({name: tangent[0] for name, tangent in self.layout.split(vectors).items()})
                return self.layout.join({name: image[None] for name, image in single.items()})
            return self.layout.join(vmap(one, chunk_size=TOGETHER)(self.layout.split(vectors)))
