"""K-FAC and EK-FAC: the curvature as one Kronecker product per layer, inverted in its eigenbasis."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.gradients.contract import at_hand, blocks
from attribution.gradients.convolution import Convolution
from attribution.gradients.curvature.eigen import SMALLEST, eigenvectors
from attribution.gradients.curvature.gauss_newton import GaussNewton
from attribution.gradients.curvature.second_moments import WRITTEN, by_sides, way
from attribution.gradients.factors import Dense, Factor, Outer, Rows
from attribution.gradients.probe import AT_USE, CLOSED, Plan
from attribution.gradients.pullback import Shared
from attribution.gradients.queries import QueryGradients

_NEAR_BYTES = 1 << 20
_LARGE_BYTES = 128 << 20  # elsewhere than on a CPU
_ITEM_BYTES = 8  # of a number, at most
# gradients are kept for a second look up to so many times the curvature's ``keep_bytes``, and half the engine's budget
_KEPT = 4
Gain = Callable[[Tensor], Tensor]  # eigenvalues of G to what they are replaced by


@dataclass
class _Layer:
    """A linear or convolution layer: gradients ``sum_t g_t a_t^T``, with a constant 1 behind the inputs a_t where there
    is a bias."""

    weight: str
    bias: str | None
    inputs: Tensor  # sum over samples and positions of a a^T, (i, i); later its eigenvectors
    outputs: Tensor  # the same of g g^T, weighted over labels, (o, o)
    values: Tensor  # eigenvalues of the block (o, i)
    positions: int = 0
    turned: bool = False  # the weight is kept as (inputs, outputs)

    @property
    def together(self) -> int:
        """Gradients that are turned at once: few enough to stay near the core, enough to be worth reading the
        eigenvectors."""
        o, i = self.values.shape
        near_bytes = at_hand(self.values.device, _NEAR_BYTES, _LARGE_BYTES)
        few = max(near_bytes // (4 * o * i), -(-512 // min(o, i)))
        return few if few < 16 else few // 16 * 16  # rows of whole cache lines

    def add_inputs(self, right: Tensor, known: "_Moments") -> None:
        """Count the inputs of a batch ``(any, i)``; ``known`` are the moments of the batch so far: layers may share
        their inputs."""
        products, sums = known.of(right)
        if self.bias is None:
            self.inputs += products
        else:  # the constant is the last input
            self.inputs[:-1, :-1] += products
            self.inputs[:-1, -1] += sums
            self.inputs[-1, :-1] += sums
            self.inputs[-1, -1] += len(right)
        self.positions += len(right)

    def add_outputs(self, left: Tensor) -> None:
        """Count output gradients ``(any, o)``."""
        self.outputs += left.T @ left

    def turned_inputs(self, inputs: Tensor) -> Tensor:
        """Inputs ``(any, i)`` in the eigenbasis, with the constant of the bias."""
        basis = self.inputs.to(inputs.dtype)
        return inputs @ basis if self.bias is None else torch.addmm(basis[-1], inputs, basis[:-1])

    def moments(self, layer: Shared) -> Tensor:
        """Sum over samples and rows of the squared gradient in the eigenbasis ``(o, i)``, for one position."""
        left = layer.lefts
        turned = (left.flatten(0, 1) @ self.outputs.to(left.dtype)).square_().reshape(left.shape).sum(0)  # (b, o)
        return turned.T @ self.turned_inputs(layer.inputs).square_()

    def in_basis(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Gradients of the weight ``(m, ...)`` and the bias ``(m, o)`` in the eigenbasis ``(o, m, i)``."""
        m = len(weight)
        o = len(self.outputs)
        weight = weight.reshape(m, -1, o).mT if self.turned else weight.reshape(m, o, -1)
        joint = weight.new_empty(o, m, len(self.inputs))
        joint[..., : weight.shape[2]] = weight.transpose(0, 1)
        if bias is not None:
            joint[..., -1] = bias.T
        return _between(joint, self.outputs.to(joint.dtype).T, self.inputs.to(joint.dtype))

    def turned_sides(self, left: Tensor, right: Tensor) -> Tensor:
        """The same of gradients ``sum_t left[t] outer right[t]``, ``(m, t, o)`` and ``(m, t, i)``, the bias's being
        ``sum_t left[t]``."""
        m, t, _ = left.shape
        basis = self.outputs.to(left.dtype)
        inputs = self.turned_inputs(right.reshape(m * t, -1))
        if t == 1:
            return (basis.T @ left[:, 0].T)[..., None] * inputs
        return (
            ((left.reshape(m * t, -1) @ basis).view(m, t, -1).mT @ inputs.view(m, t, -1)).transpose(0, 1).contiguous()
        )

    def turned_back(self, turned: Tensor, gain: Gain) -> dict[str, Tensor]:
        """From the eigenbasis, every direction times what ``gain`` makes of its eigenvalue: name -> weights ``(m, o,
        i)``, biases ``(m, o)``."""
        scaled = turned.mul_(gain(self.values).to(turned.dtype)[:, None])
        joint = _between(scaled, self.outputs.to(turned.dtype), self.inputs.to(turned.dtype).T).transpose(0, 1)
        weight = joint if self.bias is None else joint[..., :-1]
        found = {self.weight: weight.mT if self.turned else weight}
        return found if self.bias is None else {**found, self.bias: joint[..., -1]}

    def second_moments(self, rows: Sequence[Mapping[str, Factor]], budget_bytes: int) -> Tensor:
        """The same for a layer with several positions, from the factors of the same samples in each row."""
        weights = [row[self.weight] for row in rows]
        how = way_of(weights[0], len(rows))
        if how == WRITTEN:
            return torch.stack([self._moments_written(row, budget_bytes) for row in rows]).sum(0)
        return by_sides(weights, self.turned_inputs, self.outputs, how, budget_bytes)  # type: ignore[arg-type]

    def _moments_written(self, factors: Mapping[str, Factor], budget_bytes: int) -> Tensor:
        factor = factors[self.weight]
        (o, i) = self.values.shape
        total = torch.zeros_like(self.values)
        for start, stop in blocks(factor.count, budget_bytes // (3 * o * i * _ITEM_BYTES)):
            total += self._turned_written(factor.written(start, stop), factors, start, stop).square_().sum(0)
        return total

    def _turned_written(self, written: Tensor, factors: Mapping[str, Factor], start: int, stop: int) -> Tensor:
        """Written-out gradients of the weight ``(b, p)`` in the eigenbasis, with those of the bias ``(b, o, i)``."""
        left, right = self.outputs.to(written.dtype), self.inputs.to(written.dtype)
        rows = written.reshape((stop - start) * len(left), -1)
        pushed = rows @ right[: rows.shape[1]]
        if self.bias is not None:
            pushed.addr_(factors[self.bias].block(start, stop).dense().flatten(), right[-1])
        return left.T @ pushed.view(stop - start, len(left), -1)


class _Moments:
    """Sums of inputs and of their outer products, made once for those that several layers share (an attention's
    queries, keys, values)."""

    def __init__(self) -> None:
        # Inputs are held: their address must not be used again.
        self._known: dict[tuple[int, ...], tuple[Tensor, Tensor, Tensor]] = {}

    def of(self, right: Tensor) -> tuple[Tensor, Tensor]:
        """For ``right (any, i)``: ``(i, i)`` and ``(i,)``."""
        key = (right.data_ptr(), *right.shape, *right.stride())
        if key not in self._known:
            self._known[key] = right, right.T @ right, right.sum(0)
        return self._known[key][1:]


class Kronecker:
    """Block-diagonal approximation of G; build with ``kronecker_factors``."""

    def __init__(self, curvature: GaussNewton, layers: dict[str, _Layer], diagonal: dict[str, Tensor]) -> None:
        self.curvature, self.layers, self.diagonal = curvature, layers, diagonal

    def solve(self, v: Tensor) -> Tensor:
        """``(C + damping I)^-1 v`` for ``v (m, P)``."""
        return self.apply(v, self._inverse)

    def solve_queries(self, queries: QueryGradients) -> QueryGradients:
        """The same of queries. One that is an outer product in a layer is turned into the eigenbasis by its sides, at
        no cost to speak of."""
        found: dict[str, Tensor] = {}
        for name, values in self.diagonal.items():
            if name in queries.parts:
                found[name] = queries.parts[name].dense() * self._inverse(values).flatten().to(
                    self.curvature.layout.dtype
                )
        for layer in self.layers.values():
            if layer.weight in queries.parts:
                blocked = [
                    self._solved(layer, queries.take(start, stop))
                    for start, stop in blocks(len(queries), layer.together)
                ]
                found |= {name: torch.cat([each[name].flatten(1).T for each in blocked], 1).T for name in blocked[0]}
        shapes = self.curvature.layout.shapes
        return QueryGradients(
            {name: Dense(values, shapes[name]) for name, values in found.items()}, len(queries), queries.budget_bytes
        )

    def _solved(self, layer: _Layer, queries: QueryGradients) -> dict[str, Tensor]:
        """Of a few queries, one layer."""
        part = queries.parts[layer.weight]
        known = queries.of_samples or layer.bias is None
        if isinstance(part, Outer) and part.sizes[0] == 1 and known and (part.single or way_of(part, 1) != WRITTEN):
            sides = part.oriented
            turned = layer.turned_sides(sides.left[:, 0], sides.right[:, 0])
        else:
            turned = layer.in_basis(part.dense(), None if layer.bias is None else queries.parts[layer.bias].dense())
        return layer.turned_back(turned, self._inverse)

    def apply(self, v: Tensor, gain: Gain) -> Tensor:
        """A function of the approximation times ``v (m, P)``: ``gain`` maps eigenvalues of G to what they are replaced
        by."""
        parts = self.curvature.layout.split(v)
        found = {
            name: parts[name].flatten(1) * gain(values).flatten().to(v.dtype) for name, values in self.diagonal.items()
        }
        for layer in self.layers.values():
            found |= layer.turned_back(
                layer.in_basis(parts[layer.weight], None if layer.bias is None else parts[layer.bias]), gain
            )
        return torch.cat([found[name].reshape(len(v), -1) for name in self.curvature.layout.sizes], 1)

    def _inverse(self, values: Tensor) -> Tensor:
        return 1 / (values + self.curvature.shift)


def _between(matrices: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """``left M right`` for each M of ``matrices (o, m, i)``, as two plain matrix products."""
    o, m, i = matrices.shape
    pushed = left @ _without_underflow(matrices).view(o, m * i)
    return (_without_underflow(pushed).view(-1, i) @ right).view(len(left), m, -1)


def _without_underflow(values: Tensor) -> Tensor:
    """Zero for numbers whose product with an eigenvector's smallest entry would be denormal: a CPU takes several times
    longer over those, and directions in which the inputs never vary are full of them."""
    return (
        torch.hardshrink(values, torch.finfo(values.dtype).tiny / SMALLEST) if values.device.type == "cpu" else values
    )


@torch.no_grad()
def kronecker_factors(curvature: GaussNewton, corrected: bool) -> Kronecker:
    """Fit the factors to the training set.

    A linear or convolution layer (the latter on its patches) is one block with its bias: ``A x S`` with ``A`` the mean
    over samples of sum_t a_t a_t^T and ``S`` the mean over samples, positions and labels of g_t g_t^T. K-FAC keeps the
    products of their eigenvalues; ``corrected`` (EK-FAC) replaces them with the second moments of the gradients in that
    eigenbasis, which makes the trace exact. Other layers with a closed form (normalisation, embeddings, grouped
    convolutions) keep the diagonal. Cost: one forward pass over the training set and a backward pass per class but one,
    and the eigenvectors of (i, i) and (o, o) matrices; EK-FAC needs the gradients a second time and takes the passes
    again for those that fit neither four times the curvature's ``keep_bytes`` nor half the engine's budget.
    ``UserError`` naming the layer for a parameter without closed form. Source: Martens and Grosse 2015, arXiv
    1503.05671; Grosse and Martens 2016, arXiv 1602.01407 (convolutions); George et al. 2018, arXiv 1806.03884 (EK-FAC);
    Grosse et al. 2023, arXiv 2308.03296 (for influence).
    """
    _require_closed(curvature.engine.plan(*next(curvature.samples())))
    kept = _Kept(min(_KEPT * curvature.keep_bytes, curvature.engine.budget_bytes // 2) if corrected else 0)
    sums = _Sums(curvature, kept)
    for positions in curvature.batches():
        sums.add(positions)
    layers = sums.layers
    for layer in layers.values():
        _diagonalise(layer, curvature)
    diagonal = sums.means()
    if corrected:
        _correct(curvature, layers, kept)
        found = [*diagonal.values(), *(layer.values for layer in layers.values())]
        curvature.keep_trace(sum(float(values.sum()) for values in found))
    known = {*diagonal, *layers, *sums.biases}
    absent = {
        name: torch.zeros(shape, dtype=torch.float64, device=curvature.layout.device)
        for name, shape in curvature.layout.sizes.items()
        if name not in known
    }
    return Kronecker(curvature, layers, diagonal | absent)


@final
class _Sums:
    """What the factors are the means of, summed batch by batch over the training set."""

    def __init__(self, curvature: GaussNewton, kept: "_Kept") -> None:
        self.layers: dict[str, _Layer] = {}
        self._curvature = curvature
        self._kept = kept
        self._diagonal: dict[str, Tensor] = {}

    @property
    def biases(self) -> set[str | None]:
        """Names of the biases that belong to a layer's block."""
        return {layer.bias for layer in self.layers.values()}

    def means(self) -> dict[str, Tensor]:
        """The diagonal of the parameters outside of the blocks."""
        biases = self.biases
        return {name: values / self._curvature.n for name, values in self._diagonal.items() if name not in biases}

    def add(self, positions: np.ndarray) -> None:
        """Count a batch of training samples."""
        pull = self._curvature.roots(positions, self._curvature.labels)
        known = _Moments()
        for k, factors in enumerate(pull):
            blocked = _blocked(factors)
            for name, factor in blocked.items():
                # The inputs do not depend on the label; where there is one row, its gradients say what counted.
                self._block(name, factor, k == 0, known, met=len(pull) == 1)
                self.layers[name].turned = factor is not factors[name]
            biases = self.biases
            for name in factors.keys() - blocked.keys() - biases:
                more = _second_moment(factors[name], self._curvature.engine.budget_bytes)
                self._diagonal[name] = self._diagonal[name] + more if name in self._diagonal else more
            self._kept.row(k, len(pull), blocked, {name: factors[name] for name in factors.keys() & biases})
        for shared in pull.shared:
            layer = self._layer(shared.weight, shared.lefts.shape[2], shared.inputs.shape[1])
            layer.add_inputs(shared.inputs, known)
            layer.add_outputs(shared.lefts.flatten(0, 1))
        self._kept.batch(positions, pull.shared)

    def _block(self, name: str, factor: Outer | Convolution, inputs: bool, known: _Moments, met: bool) -> None:
        """Count a layer's output gradients, and its inputs where asked to; ``met``: at the positions alone that the
        loss depends on, so that padding does not count."""
        layer = self._layer(name, *factor.sizes[2:])
        if met and isinstance(factor, Outer) and factor.sizes[1] > 1:
            left, right = factor.left[:, 0].flatten(0, 1), factor.right[:, 0].flatten(0, 1)
            there = (left != 0).any(1)
            layer.add_inputs(right[there], known)
            layer.add_outputs(left[there])
            return
        if inputs:
            part = factor if isinstance(factor, Outer) else factor.block(0, factor.count)
            layer.add_inputs(part.right[:, 0].flatten(0, 1), known)
        if isinstance(factor, Outer):
            layer.add_outputs(factor.left[:, 0].flatten(0, 1))
        else:
            layer.outputs += factor.outputs_moment()

    def _layer(self, name: str, o: int, i: int) -> _Layer:
        if name not in self.layers:
            self.layers[name] = _new_layer(self._curvature, name, o, i)
        return self.layers[name]


def _blocked(factors: Mapping[str, Factor]) -> dict[str, Outer | Convolution]:
    """The gradients of linear and convolution layers, outputs' side left."""
    return {
        name: factor.oriented if isinstance(factor, Outer) else factor
        for name, factor in factors.items()
        if isinstance(factor, Outer | Convolution)
        and factor.sizes[0] == 1
        and not (isinstance(factor, Convolution) and factor.turned)
    }


def _require_closed(plan: Plan) -> None:
    for route in plan.routes:
        if route.path not in (CLOSED, AT_USE):
            raise UserError(
                f"Layer {route.module or 'the model'!r} ({route.layer}) has no Kronecker factors: parameter "
                f"{route.parameter!r}, {route.reason}.",
                "K-FAC and EK-FAC know layers by their inputs and output gradients.",
                "Use influence-cg or nystroem, which take any layer, or set requires_grad=False on that parameter.",
            )


def _new_layer(curvature: GaussNewton, name: str, o: int, i: int) -> _Layer:
    bias = name.removesuffix("weight") + "bias"
    has_bias = name.endswith("weight") and bias in curvature.layout.sizes
    width = i + 1 if has_bias else i
    empty = torch.zeros(0, dtype=torch.float64, device=curvature.layout.device)
    return _Layer(
        name,
        bias if has_bias else None,
        empty.new_zeros(width, width),
        empty.new_zeros(o, o),
        empty.new_zeros(o, width),
    )


def _diagonalise(layer: _Layer, curvature: GaussNewton) -> None:
    """Means into eigenvectors and the eigenvalues of the Kronecker product."""
    inside, layer.inputs = eigenvectors(layer.inputs / curvature.n, curvature.owe)
    outside, layer.outputs = eigenvectors(layer.outputs / max(1, layer.positions), curvature.owe)
    layer.values = torch.outer(outside.clamp_min(0), inside.clamp_min(0))  # (o, i)


class _Kept:
    """Gradients of the first batches, as long as they fit ``room`` bytes: batches that need no second pass."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.batches: list[list[dict[str, Factor]]] = []  # each with its rows
        self.shared: list[Shared] = []
        self.left: list[np.ndarray] = []  # positions of the batches that did not fit
        self.sample_bytes = 1  # that the gradients of a sample take in all rows
        self._batch: list[dict[str, Factor]] = []
        self._fits = True
        self._need = 0

    def row(self, k: int, rows: int, weights: Mapping[str, Factor], biases: Mapping[str, Factor]) -> None:
        """Row k of ``rows`` of a batch: layers with several positions, written out where they will be and that is
        smaller."""
        if k == 0:
            self._need = sum(_held_bytes(factor, rows) for factor in weights.values())
            self._fits = self.room >= self._need
            count = next((factor.count for factor in weights.values()), 1)
            self.sample_bytes = max(self.sample_bytes, self._need // count)
        if self._fits:
            self._batch.append({**reduced(weights, rows), **biases})
            self._need += sum(factor.nbytes for factor in biases.values())

    def batch(self, positions: np.ndarray, shared: list[Shared]) -> None:
        """The batch is complete."""
        need = self._need + sum(layer.lefts.nbytes + layer.inputs.nbytes for layer in shared)
        if self._fits and need <= self.room:
            self.room -= need
            self.batches.append(self._batch)
            self.shared += shared
        else:
            self.left.append(positions)
        self._batch = []
        self._fits = True
        self._need = 0


def way_of(factor: Factor, rows: int) -> str:
    """The cheapest way to the second moments of a layer's gradients."""
    return way(factor.sizes, rows) if isinstance(factor, Outer | Convolution) else WRITTEN


def reduced(weights: Mapping[str, Factor], rows: int) -> dict[str, Factor]:
    """Gradients of one row: those that will be written out written out, where that is smaller."""
    return {
        name: Dense(factor.written(0, factor.count), factor.shape)
        if way_of(factor, rows) == WRITTEN and _written_bytes(factor) < factor.nbytes
        else factor
        for name, factor in weights.items()
    }


def _written_bytes(factor: Factor) -> int:
    return factor.count * factor.numel * getattr(factor, "itemsize", 4)


def _held_bytes(factor: Factor, rows: int) -> int:
    """Of all rows: inputs are there once."""
    assert isinstance(factor, Outer | Convolution)
    sides = factor.nbytes + (rows - 1) * factor.left_bytes
    return min(sides, rows * _written_bytes(factor)) if way_of(factor, rows) == WRITTEN else sides


def _correct(curvature: GaussNewton, layers: dict[str, _Layer], kept: _Kept) -> None:
    """Second moments of the per-sample gradients in each layer's eigenbasis instead of products of eigenvalues; those
    that were not kept are made anew, few samples at a time."""
    budget_bytes = curvature.engine.budget_bytes
    for layer in layers.values():
        layer.values = torch.zeros_like(layer.values)

    def add(rows: list[dict[str, Factor]], shared: list[Shared]) -> None:
        for name in layers.keys() & (rows[0].keys() if rows else ()):
            layers[name].values += layers[name].second_moments(rows, budget_bytes) / curvature.n
        for one in shared:
            layers[one.weight].values += layers[one.weight].moments(one) / curvature.n

    for rows in kept.batches:
        add(rows, [])
    add([], kept.shared)
    biases = {layer.bias for layer in layers.values()}
    for positions in kept.left:
        parts = -(-len(positions) * kept.sample_bytes // max(1, budget_bytes // 2))
        for part in np.array_split(positions, min(parts, len(positions))):
            pull = curvature.roots(part, curvature.labels, within=layers)
            count = len(pull)
            add([_of_layers(factors, layers, biases, count) for factors in pull], pull.shared)


def _of_layers(
    factors: Mapping[str, Factor], layers: Mapping[str, _Layer], biases: set[str | None], rows: int
) -> dict[str, Factor]:
    """What of a row the second moments of layers are made of."""
    weights = {name: factor for name, factor in _blocked(factors).items() if name in layers}
    return {**reduced(weights, rows), **{name: factors[name] for name in factors.keys() & biases}}


def _second_moment(factor: Factor, budget_bytes: int) -> Tensor:
    """Sum over samples of the squared gradient, entry by entry ``(p,)``, in float64."""
    if isinstance(factor, Rows):
        return (
            factor.values.new_zeros(factor.shape).index_add_(0, factor.ids, factor.values.square()).flatten().double()
        )
    pieces = blocks(factor.count, budget_bytes // (2 * factor.numel * 8))
    return torch.stack([factor.written(start, stop).square().sum(0).double() for start, stop in pieces]).sum(0)
