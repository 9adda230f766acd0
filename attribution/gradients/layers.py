"""Closed forms: how each layer type's inputs and output gradients become the factors of its per-sample parameter
gradients.

One function per type, filed by ``@handles``; a new layer type is one more function. A function receives the module, its
calls in this forward pass (a layer may be used twice) and the number of samples b, and returns one ``Factor`` for each
of its own parameters. Tensors have the sample axis first, either as ``(b, ...)`` or flattened sample by sample with
positions as ``(b * t, ...)``; a layer that is fed otherwise is found by the probe (``probe.py``) and takes the
fallback.
"""

from collections.abc import Callable
from typing import NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows


class Call(NamedTuple):
    """One use of a layer: what went in, the gradient of the summed loss with respect to what came out, and, of a
    ``Norm``, what came out (None where that is not known)."""

    inputs: Tensor
    gradient: Tensor
    outputs: Tensor | None = None

    def to(self, dtype: torch.dtype) -> "Call":
        """In another precision, without the outputs: theirs was lower."""
        return Call(self.inputs.to(dtype) if self.inputs.is_floating_point() else self.inputs, self.gradient.to(dtype))


Handler = Callable[[nn.Module, list[Call], int], dict[str, Factor]]
_HANDLERS: dict[type[nn.Module], Handler] = {}


def handles(*types: type[nn.Module]) -> Callable[[Handler], Handler]:
    """Decorator that files a closed form for module types."""

    def put(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(types, handler))
        return handler

    return put


def handler_of(module: nn.Module) -> Handler | None:
    """The closed form for a module's type or its nearest base type, None if there is none."""
    own = _HANDLERS.get(type(module))
    return own or next((_HANDLERS[kind] for kind in type(module).__mro__ if kind in _HANDLERS), None)


def _summed(terms: list[Tensor], b: int, parameter: Tensor) -> Dense:
    """Per-sample sums of terms ``(b [* t], ..., *parameter.shape)`` over everything but sample and parameter."""
    sums = [term.reshape(b, -1, parameter.numel()).sum(1) for term in terms]
    return Dense(sums[0] if len(sums) == 1 else torch.stack(sums).sum(0), tuple(parameter.shape))


@handles(nn.Linear)
def linear(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """``y = x W^T + c``: dL/dW = G^T A, dL/dc = sum of G over positions."""
    assert isinstance(module, nn.Linear)
    outputs, inputs = module.weight.shape
    left = [call.gradient.reshape(b, 1, -1, outputs) for call in calls]
    right = [call.inputs.reshape(b, 1, -1, inputs) for call in calls]
    outer = (
        Outer(left[0], right[0], (outputs, inputs))
        if len(calls) == 1
        else Outer(torch.cat(left, 2), torch.cat(right, 2), (outputs, inputs))
    )
    if module.bias is None:
        return {"weight": outer}
    summed = outer.left.reshape(b, outputs) if outer.single else outer.left[:, 0].sum(1)
    return {"weight": outer, "bias": Dense(summed, (outputs,))}


@handles(nn.Conv1d, nn.Conv2d)
def convolution(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """A linear layer on patches, groups apart; dL/dbias = sum of G over positions."""
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    pictures = len(module.kernel_size) + 2
    if any(call.inputs.dim() != pictures or len(call.inputs) % b for call in calls):
        raise RuntimeError(f"{type(module).__name__} got {tuple(calls[0].inputs.shape)} for {b} samples")
    factors: dict[str, Factor] = {"weight": Convolution(module, [(call.inputs, call.gradient) for call in calls], b)}
    if module.bias is not None:
        factors["bias"] = _summed([call.gradient.flatten(2).sum(2) for call in calls], b, module.bias)
    return factors


@handles(nn.Embedding)
def embedding(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """A row's gradient is the sum of G over the places where its id stood; ``padding_idx`` gets none.

    A table that a sample's positions nearly fill (positions, characters) is written out, which is less than its
    activations.
    """
    assert isinstance(module, nn.Embedding)
    shape = (rows, width) = tuple(module.weight.shape)
    ids = torch.cat([call.inputs.reshape(b, -1) for call in calls], 1).long()
    gradients = torch.cat([call.gradient.reshape(b, -1, width) for call in calls], 1)
    if rows > 2 * ids.shape[1]:
        return {"weight": Rows.gather(ids, gradients, shape, module.padding_idx)}
    keys = torch.arange(b, device=ids.device)[:, None] * rows + ids
    summed = (
        gradients.new_zeros(b * rows, width).index_add_(0, keys.flatten(), gradients.flatten(0, 1)).view(b, rows, width)
    )
    if module.padding_idx is not None:
        summed[:, module.padding_idx] = 0
    return {"weight": Dense(summed.view(b, -1), shape)}


Norm = (
    nn.LayerNorm
    | nn.RMSNorm
    | nn.GroupNorm
    | nn.BatchNorm1d
    | nn.BatchNorm2d
    | nn.BatchNorm3d
    | nn.InstanceNorm1d
    | nn.InstanceNorm2d
)
_LOST = 4.0  # biases up to so many weights: z is of the order of 1, so little is lost where y - bias cancels


@handles(*get_args(Norm))
def norm(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """``y = weight * z + bias`` per channel or per element, z the normalised inputs: dL/dweight = sum G z, dL/dbias =
    sum G."""
    assert isinstance(module, Norm)
    if module.weight is None:
        return {}
    bias = getattr(module, "bias", None)
    sums = [_reduced(module, call.gradient, b) for call in calls]
    found = {
        "weight": [_with_normalised(module, bias, call, total, b) for call, total in zip(calls, sums, strict=True)]
    }
    if bias is not None:
        found["bias"] = sums
    return {
        name: Dense(terms[0] if len(terms) == 1 else torch.stack(terms).sum(0), module.weight.shape)
        for name, terms in found.items()
    }


def _with_normalised(module: Norm, bias: Tensor | None, call: Call, total: Tensor, b: int) -> Tensor:
    """Per-sample sums of G z ``(b, p)``; ``total`` are those of G.

    From the outputs where there are any, z = (y - bias) / weight, which costs half of normalising again, unless a
    weight is so small beside its bias that digits would be lost. They are there on a CPU alone: elsewhere to ask that
    would hold up the device.
    """
    weight = module.weight
    if call.outputs is None or not _invertible(weight, bias):
        return _reduced(module, _normalised(module, call.inputs).mul_(call.gradient), b)
    products = _reduced(module, call.gradient * call.outputs, b)
    if bias is not None:
        products.addcmul_(total, bias.flatten(), value=-1)
    return products.div_(weight.flatten())


def _invertible(weight: Tensor, bias: Tensor | None) -> bool:
    """Whether z can be had from ``weight * z + bias`` at the price of a few roundings, of which half precision has none
    to spare."""
    if weight.itemsize < 4:
        return False
    least = torch.finfo(weight.dtype).tiny
    return bool((weight.abs() > (least if bias is None else (bias.abs() / _LOST).clamp_min(least))).all())


def _reduced(module: Norm, values: Tensor, b: int) -> Tensor:
    """Sums of ``values``, shaped like the outputs, over everything but sample and parameter ``(b, p)``."""
    p = module.weight.numel()
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return values.reshape(b, -1, p).sum(1)
    return values.reshape(b, -1, p, values[0, 0].numel()).sum((1, 3))


def _normalised(module: Norm, inputs: Tensor) -> Tensor:
    """z, anew."""
    if isinstance(module, nn.LayerNorm):
        return F.layer_norm(inputs, list(module.normalized_shape), None, None, module.eps)
    if isinstance(module, nn.RMSNorm):
        return F.rms_norm(inputs, list(module.normalized_shape), None, module.eps)
    if isinstance(module, nn.GroupNorm):
        return F.group_norm(inputs, module.num_groups, None, None, module.eps)
    mean, var = module.running_mean, module.running_var
    if isinstance(module, nn.InstanceNorm1d | nn.InstanceNorm2d):
        return F.instance_norm(inputs, mean, var, None, None, mean is None, 0.0, module.eps)
    return F.batch_norm(inputs, mean, var, None, None, False, 0.0, module.eps)
