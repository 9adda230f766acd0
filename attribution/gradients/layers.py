"""Closed forms: how each layer type's inputs and output gradients become the factors of its per-sample parameter gradients.

One function per type, filed by ``@handles``; a new layer type is one more function. A function receives the module, its calls in this
forward pass (a layer may be used twice) and the number of samples b, and returns one ``Factor`` for each of its own parameters. Tensors
have the sample axis first, either as ``(b, ...)`` or flattened sample by sample with positions as ``(b * t, ...)``; a layer that is fed
otherwise is found by the probe (``probe.py``) and takes the fallback.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows


class Call(NamedTuple):
    """One use of a layer: what went in and the gradient of the summed loss with respect to what came out."""

    inputs: Tensor
    gradient: Tensor


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


def handled_types() -> list[str]:
    """Names of all layer types with a closed form, sorted."""
    return sorted(kind.__name__ for kind in _HANDLERS)


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

    A table that a sample's positions nearly fill (positions, characters) is written out, which is less than its activations.
    """
    assert isinstance(module, nn.Embedding)
    shape = (rows, width) = tuple(module.weight.shape)
    ids = torch.cat([call.inputs.reshape(b, -1) for call in calls], 1).long()
    gradients = torch.cat([call.gradient.reshape(b, -1, width) for call in calls], 1)
    if rows > 2 * ids.shape[1]:
        return {"weight": Rows.gather(ids, gradients, shape, module.padding_idx)}
    keys = torch.arange(b, device=ids.device)[:, None] * rows + ids
    summed = gradients.new_zeros(b * rows, width).index_add_(0, keys.flatten(), gradients.flatten(0, 1)).view(b, rows, width)
    if module.padding_idx is not None:
        summed[:, module.padding_idx] = 0
    return {"weight": Dense(summed.view(b, -1), shape)}


def _affine(module: nn.Module, calls: list[Call], normalised: list[Tensor], b: int, channels_last: bool) -> dict[str, Factor]:
    """``y = weight * z + bias`` per channel or per element: dL/dweight = sum G z, dL/dbias = sum G."""
    factors: dict[str, Factor] = {}
    products = [call.gradient * z for call, z in zip(calls, normalised, strict=True)]
    for name, terms in (("weight", products), ("bias", [call.gradient for call in calls])):
        parameter = getattr(module, name, None)
        if parameter is not None:
            ordered = terms if channels_last else [term.reshape(*term.shape[:2], -1).sum(2) for term in terms]
            factors[name] = _summed(ordered, b, parameter)
    return factors


@handles(nn.LayerNorm)
def layer_norm(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """Affine part of layer normalisation."""
    assert isinstance(module, nn.LayerNorm)
    normalised = [F.layer_norm(call.inputs, list(module.normalized_shape), None, None, module.eps) for call in calls]
    return _affine(module, calls, normalised, b, channels_last=True)


@handles(nn.RMSNorm)
def rms_norm(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """Scale of root-mean-square normalisation."""
    assert isinstance(module, nn.RMSNorm)
    normalised = [F.rms_norm(call.inputs, list(module.normalized_shape), None, module.eps) for call in calls]
    return _affine(module, calls, normalised, b, channels_last=True)


@handles(nn.GroupNorm)
def group_norm(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """Affine part of group normalisation."""
    assert isinstance(module, nn.GroupNorm)
    normalised = [F.group_norm(call.inputs, module.num_groups, None, None, module.eps) for call in calls]
    return _affine(module, calls, normalised, b, channels_last=False)


@handles(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
def batch_norm(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """Affine part of batch normalisation with its running statistics."""
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
    mean, var = module.running_mean, module.running_var
    normalised = [F.batch_norm(call.inputs, mean, var, None, None, False, 0.0, module.eps) for call in calls]
    return _affine(module, calls, normalised, b, channels_last=False)


@handles(nn.InstanceNorm1d, nn.InstanceNorm2d)
def instance_norm(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """Affine part of instance normalisation, with running statistics where it tracks them."""
    assert isinstance(module, nn.InstanceNorm1d | nn.InstanceNorm2d)
    mean, var = module.running_mean, module.running_var
    normalised = [F.instance_norm(call.inputs, mean, var, None, None, mean is None, 0.0, module.eps) for call in calls]
    return _affine(module, calls, normalised, b, channels_last=False)
