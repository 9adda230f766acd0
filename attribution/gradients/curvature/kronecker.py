"""K-FAC and EK-FAC: the curvature as one Kronecker product per layer, inverted in its eigenbasis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.gradients.contract import blocks
from attribution.gradients.convolution import Convolution
from attribution.gradients.curvature.gauss_newton import GaussNewton
from attribution.gradients.factors import Factor, Outer, Rows
from attribution.gradients.probe import CLOSED, Plan


@dataclass
class _Layer:
    """A linear or convolution layer: gradients ``sum_t g_t a_t^T``, with a constant 1 behind the inputs a_t where there is a bias."""

    weight: str
    bias: str | None
    inputs: Tensor  # sum over samples and positions of a a^T, (i, i); later its eigenvectors
    outputs: Tensor  # the same of g g^T, weighted over labels, (o, o)
    values: Tensor  # eigenvalues of the block (o, i)
    positions: int = 0

    def add_inputs(self, factor: Outer | Convolution) -> None:
        """Count the inputs of a batch."""
        right = (factor.right if isinstance(factor, Outer) else factor.block(0, factor.count).right)[:, 0].flatten(0, 1)  # (b t, i)
        if self.bias is not None:
            right = torch.cat([right, right.new_ones(len(right), 1)], 1)
        self.inputs += right.T @ right
        self.positions += len(right)

    def add_outputs(self, left: Tensor) -> None:
        """Count output gradients ``(any, o)``."""
        self.outputs += left.T @ left

    def moments(self, left: Tensor, right: Tensor) -> Tensor:
        """Sum over samples and rows of the squared gradient in the eigenbasis ``(o, i)``, for one position: ``left (r, b, o)``,
        ``right (b, i)``."""
        turned = (left.flatten(0, 1) @ self.outputs.to(left.dtype)).square_().reshape(left.shape).sum(0)  # (b, o)
        return turned.T @ (_with_one(right, self.bias) @ self.inputs.to(left.dtype)).square_()

    def moments_written(self, factors: dict[str, Factor], budget_bytes: int) -> Tensor:
        """The same for one row of a layer with several positions, gradients written out block by block."""
        factor = factors[self.weight]
        assert isinstance(factor, Outer | Convolution)
        _, _, o, i = factor.sizes
        left, right = self.outputs.to(factor.dtype), self.inputs.to(factor.dtype)
        total = torch.zeros_like(self.values)
        for start, stop in blocks(factor.count, budget_bytes // (3 * o * i * factor.itemsize)):
            joint = factor.written(start, stop).reshape(stop - start, o, i)
            if self.bias is not None:
                joint = torch.cat([joint, factors[self.bias].block(start, stop).dense()[..., None]], 2)
            turned = left.T @ (joint @ right)  # (b, o, i)
            total += turned.square_().sum(0)
        return total


def _one_position(factor: Factor) -> TypeGuard[Outer]:
    return isinstance(factor, Outer) and factor.sizes[0] == factor.sizes[1] == 1


def _with_one(inputs: Tensor, bias: str | None) -> Tensor:
    """Inputs ``(b, i)`` with a constant 1 behind them where there is a bias."""
    return inputs if bias is None else torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1)


class Kronecker:
    """Block-diagonal approximation of G; build with ``kronecker_factors``."""

    def __init__(self, curvature: GaussNewton, layers: dict[str, _Layer], diagonal: dict[str, Tensor]) -> None:
        self.curvature, self.layers, self.diagonal = curvature, layers, diagonal

    def solve(self, v: Tensor) -> Tensor:
        """``(C + damping I)^-1 v`` for ``v (m, P)``."""
        return self.apply(v, lambda values: 1 / (values + self.curvature.shift))

    def apply(self, v: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of the approximation times ``v (m, P)``: ``gain`` maps eigenvalues of G to what they are replaced by."""
        parts = self.curvature.layout.split(v)
        found = {name: parts[name] * gain(values).reshape(parts[name].shape[1:]).to(v.dtype) for name, values in self.diagonal.items()}
        for layer in self.layers.values():
            weight = parts[layer.weight]
            joint = weight.flatten(2) if weight.dim() > 2 else weight  # (m, o, i)
            if layer.bias is not None:
                joint = torch.cat([joint, parts[layer.bias][..., None]], 2)
            left, right = layer.outputs.to(v.dtype), layer.inputs.to(v.dtype)
            turned = left.T @ (joint @ right) * gain(layer.values).to(v.dtype)
            joint = left @ (turned @ right.T)
            if layer.bias is not None:
                found[layer.bias] = joint[..., -1]
                joint = joint[..., :-1]
            found[layer.weight] = joint.reshape(weight.shape)
        return torch.cat([found[name].reshape(len(v), -1) for name in self.curvature.layout.sizes], 1)


@torch.no_grad()
def kronecker_factors(curvature: GaussNewton, corrected: bool) -> Kronecker:
    """Fit the factors to the training set.

    A linear or convolution layer (the latter on its patches) is one block with its bias: ``A x S`` with ``A`` the mean over samples of
    sum_t a_t a_t^T and ``S`` the mean over samples, positions and labels of g_t g_t^T. K-FAC keeps the products of their eigenvalues;
    ``corrected`` (EK-FAC) replaces them with the second moments of the gradients in that eigenbasis, which makes the trace exact. Other
    layers with a closed form (normalisation, embeddings, grouped convolutions) keep the diagonal. Cost: one forward pass over the
    training set and a backward pass per class but one (twice that for EK-FAC), and the eigenvectors of (i, i) and (o, o) matrices.
    ``UserError`` naming the layer for a parameter without closed form. Source: Martens and Grosse 2015, arXiv 1503.05671; Grosse and
    Martens 2016, arXiv 1602.01407 (convolutions); George et al. 2018, arXiv 1806.03884 (EK-FAC); Grosse et al. 2023, arXiv 2308.03296
    (for influence).
    """
    plan = curvature.engine.plan(*next(curvature.samples()))
    _require_closed(plan)
    layers: dict[str, _Layer] = {}
    biases: dict[str, str] = {}
    diagonal: dict[str, Tensor] = {}
    for positions in curvature.batches():
        alone: dict[str, list[Tensor]] = {}  # output gradients of layers with one position, all rows of the batch: one product for all
        for k, factors in enumerate(curvature.roots(positions, curvature.labels)):
            for name, factor in factors.items():
                if isinstance(factor, Outer | Convolution) and factor.sizes[0] == 1:
                    layer = layers.get(name) or _new_layer(curvature, name, factor)
                    layers[name] = layer
                    if layer.bias is not None:
                        biases[layer.bias] = name
                    if k == 0:  # the inputs do not depend on the label
                        layer.add_inputs(factor)
                    if _one_position(factor):
                        alone.setdefault(name, []).append(factor.left[:, 0, 0])
                    else:
                        layer.add_outputs((factor.left if isinstance(factor, Outer) else factor.lefts())[:, 0].flatten(0, 1))
                elif name not in biases:
                    add = _second_moment(factor, curvature.engine.budget_bytes)
                    diagonal[name] = diagonal[name] + add if name in diagonal else add
        for name, lefts in alone.items():
            layers[name].add_outputs(torch.cat(lefts))
    for layer in layers.values():
        _diagonalise(layer, curvature.n)
    if corrected:
        _correct(curvature, layers)
    kept = {name: values / curvature.n for name, values in diagonal.items() if name not in biases}
    unseen = {n: torch.zeros(s, dtype=torch.float64, device=curvature.layout.device) for n, s in curvature.layout.sizes.items()}
    absent = {name: zeros for name, zeros in unseen.items() if name not in kept and name not in layers and name not in biases}
    if corrected:
        curvature.keep_trace(sum(float(values.sum()) for values in (*kept.values(), *(layer.values for layer in layers.values()))))
    return Kronecker(curvature, layers, kept | absent)


def _require_closed(plan: Plan) -> None:
    for route in plan.routes:
        if route.path != CLOSED:
            raise UserError(
                f"Layer {route.module or 'the model'!r} ({route.layer}) has no Kronecker factors: parameter {route.parameter!r}, "
                f"{route.reason}.",
                "K-FAC and EK-FAC know layers by their inputs and output gradients.",
                "Use influence-cg or nystroem, which take any layer, or set requires_grad=False on that parameter.",
            )


def _new_layer(curvature: GaussNewton, name: str, factor: Outer | Convolution) -> _Layer:
    bias = name.removesuffix("weight") + "bias"
    has_bias = name.endswith("weight") and bias in curvature.layout.sizes
    _, _, o, i = factor.sizes
    width = i + 1 if has_bias else i
    empty = torch.zeros(0, dtype=torch.float64, device=curvature.layout.device)
    return _Layer(name, bias if has_bias else None, empty.new_zeros(width, width), empty.new_zeros(o, o), empty.new_zeros(o, width))


def _diagonalise(layer: _Layer, n: int) -> None:
    """Means into eigenvectors and the eigenvalues of the Kronecker product."""
    inside, layer.inputs = torch.linalg.eigh(layer.inputs / n)
    outside, layer.outputs = torch.linalg.eigh(layer.outputs / layer.positions)
    layer.values = torch.outer(outside.clamp_min(0), inside.clamp_min(0))  # (o, i)


def _correct(curvature: GaussNewton, layers: dict[str, _Layer]) -> None:
    """Second moments of the per-sample gradients in each layer's eigenbasis instead of products of eigenvalues."""
    for layer in layers.values():
        layer.values = torch.zeros_like(layer.values)
    for positions in curvature.batches():
        alone: dict[str, tuple[Tensor, list[Tensor]]] = {}
        for factors in curvature.roots(positions, curvature.labels):
            for name, layer in layers.items():
                factor = factors.get(name)
                if factor is not None and _one_position(factor):
                    alone.setdefault(name, (factor.right[:, 0, 0], []))[1].append(factor.left[:, 0, 0])
                elif factor is not None:
                    layer.values += layer.moments_written(factors, curvature.engine.budget_bytes) / curvature.n
        for name, (right, lefts) in alone.items():
            layers[name].values += layers[name].moments(torch.stack(lefts), right) / curvature.n


def _second_moment(factor: Factor, budget_bytes: int) -> Tensor:
    """Sum over samples of the squared gradient, entry by entry ``(p,)``, in float64."""
    if isinstance(factor, Rows):
        return factor.values.new_zeros(factor.shape).index_add_(0, factor.ids, factor.values.square()).flatten().double()
    pieces = blocks(factor.count, budget_bytes // (2 * factor.numel * 8))
    return torch.stack([factor.written(start, stop).square().sum(0).double() for start, stop in pieces]).sum(0)
