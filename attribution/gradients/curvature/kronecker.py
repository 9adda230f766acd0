"""K-FAC and EK-FAC: the curvature as one Kronecker product per layer, inverted in its eigenbasis."""

from collections.abc import Callable
from dataclasses import dataclass

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

    def sides(self, factor: Factor) -> tuple[Tensor, Tensor]:
        """Output gradients ``(b, t, o)`` and inputs ``(b, t, i)`` in float64."""
        assert isinstance(factor, Outer | Convolution)
        part = factor.block(0, factor.count)
        left, right = part.left[:, 0].double(), part.right[:, 0].double()
        return left, right if self.bias is None else torch.cat([right, torch.ones_like(right[..., :1])], 2)


class Kronecker:
    """Block-diagonal approximation of G; build with ``kronecker_factors``."""

    def __init__(self, curvature: GaussNewton, layers: dict[str, _Layer], diagonal: dict[str, Tensor]) -> None:
        self.curvature, self.layers, self.diagonal = curvature, layers, diagonal

    def solve(self, v: Tensor) -> Tensor:
        """``(C + damping I)^-1 v`` for ``v (m, P)``."""
        return self.apply(v, lambda values: 1 / (values + self.curvature.shift))

    def apply(self, v: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of the approximation times ``v (m, P)``: ``gain`` maps eigenvalues of G to what they are replaced by."""
        parts = self.curvature.layout.split(v.double())
        found = {name: parts[name] * gain(values).reshape(parts[name].shape[1:]) for name, values in self.diagonal.items()}
        for layer in self.layers.values():
            weight = parts[layer.weight]
            joint = weight.flatten(2) if weight.dim() > 2 else weight  # (m, o, i)
            if layer.bias is not None:
                joint = torch.cat([joint, parts[layer.bias][..., None]], 2)
            turned = layer.outputs.T @ joint @ layer.inputs * gain(layer.values)
            joint = layer.outputs @ turned @ layer.inputs.T
            if layer.bias is not None:
                found[layer.bias] = joint[..., -1]
                joint = joint[..., :-1]
            found[layer.weight] = joint.reshape(weight.shape)
        return torch.cat([found[name].reshape(len(v), -1) for name in self.curvature.layout.sizes], 1).to(v.dtype)


@torch.no_grad()
def kronecker_factors(curvature: GaussNewton, corrected: bool) -> Kronecker:
    """Fit the factors to the training set.

    A linear or convolution layer (the latter on its patches) is one block with its bias: ``A x S`` with ``A`` the mean over samples of
    sum_t a_t a_t^T and ``S`` the mean over samples, positions and labels of g_t g_t^T. K-FAC keeps the products of their eigenvalues;
    ``corrected`` (EK-FAC) replaces them with the second moments of the gradients in that eigenbasis, which makes the trace exact. Other
    layers with a closed form (normalisation, embeddings, grouped convolutions) keep the diagonal. Cost: one backward pass over the training
    set per class (two for EK-FAC), and the eigenvectors of (i, i) and (o, o) matrices. ``UserError`` naming the layer for a parameter
    without closed form. Source: Martens and Grosse 2015, arXiv 1503.05671; Grosse and Martens 2016, arXiv 1602.01407 (convolutions);
    George et al. 2018, arXiv 1806.03884 (EK-FAC); Grosse et al. 2023, arXiv 2308.03296 (for influence).
    """
    plan = curvature.engine.plan(*next(curvature.samples()))
    _require_closed(plan)
    layers: dict[str, _Layer] = {}
    biases: dict[str, str] = {}
    diagonal: dict[str, Tensor] = {}
    for first, x, y, weights in curvature.labelled():
        for _, _, name, factor in curvature.engine.factors(x, y):
            if isinstance(factor, Outer | Convolution) and factor.sizes[0] == 1:
                layer = layers.get(name) or _new_layer(curvature, name, factor)
                layers[name] = layer
                if layer.bias is not None:
                    biases[layer.bias] = name
                _accumulate(layer, factor, weights.double(), first)
            else:
                add = _second_moment(factor, weights, curvature.engine.budget_bytes)
                diagonal[name] = diagonal[name] + add if name in diagonal else add
        curvature.count(3 * len(x))
    for layer in layers.values():
        _diagonalise(layer, curvature.n)
    if corrected:
        _correct(curvature, layers)
    kept = {name: values.double() / curvature.n for name, values in diagonal.items() if name not in biases}
    unseen = {n: torch.zeros(s, dtype=torch.float64, device=curvature.layout.device) for n, s in curvature.layout.sizes.items()}
    absent = {name: zeros for name, zeros in unseen.items() if name not in kept and name not in layers and name not in biases}
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


def _accumulate(layer: _Layer, factor: Factor, weights: Tensor, first: bool) -> None:
    left, right = layer.sides(factor)
    if first:  # the inputs do not depend on the label
        flat = right.flatten(0, 1)
        layer.inputs += flat.T @ flat
        layer.positions += len(flat)
    layer.outputs += (left * weights[:, None, None]).flatten(0, 1).T @ left.flatten(0, 1)


def _diagonalise(layer: _Layer, n: int) -> None:
    """Means into eigenvectors and the eigenvalues of the Kronecker product."""
    inside, layer.inputs = torch.linalg.eigh(layer.inputs / n)
    outside, layer.outputs = torch.linalg.eigh(layer.outputs / layer.positions)
    layer.values = torch.outer(outside.clamp_min(0), inside.clamp_min(0))  # (o, i)


def _correct(curvature: GaussNewton, layers: dict[str, _Layer]) -> None:
    """Second moments of the per-sample gradients in each layer's eigenbasis instead of products of eigenvalues."""
    for layer in layers.values():
        layer.values = torch.zeros_like(layer.values)
    for _, x, y, weights in curvature.labelled():
        for _, _, name, factor in curvature.engine.factors(x, y):
            if name in layers:
                layers[name].values += _moments(layers[name], factor, weights.double(), curvature) / curvature.n
        curvature.count(3 * len(x))


def _moments(layer: _Layer, factor: Factor, weights: Tensor, curvature: GaussNewton) -> Tensor:
    """Sum over samples of weight times the squared gradient in the eigenbasis ``(o, i)``."""
    left, right = layer.sides(factor)
    left, right = left @ layer.outputs, right @ layer.inputs  # (b, t, o), (b, t, i)
    if left.shape[1] == 1:
        return (left[:, 0].square() * weights[:, None]).T @ right[:, 0].square()
    total = left.new_zeros(left.shape[2], right.shape[2])
    for start, stop in blocks(len(left), curvature.engine.budget_bytes // (2 * total.nbytes)):
        written = left[start:stop].mT @ right[start:stop]  # (b, o, i)
        total += torch.einsum("boi,b->oi", written.square_(), weights[start:stop])
    return total


def _second_moment(factor: Factor, weights: Tensor, budget_bytes: int) -> Tensor:
    """Sum over samples of weight times the squared gradient, entry by entry ``(p,)``."""
    if isinstance(factor, Rows):
        squared = weights[factor.samples, None] * factor.values.square()
        return factor.values.new_zeros(factor.shape).index_add_(0, factor.ids, squared).flatten()
    total = weights.new_zeros(factor.numel)
    for start, stop in blocks(factor.count, budget_bytes // (2 * factor.numel * weights.itemsize)):
        total += weights[start:stop] @ factor.written(start, stop).square()
    return total
