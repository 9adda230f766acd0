"""Normalisations: a weight and a bias per channel or element."""

from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attribution.gradients.factors import Dense, Factor
from attribution.gradients.layers import Call, Norm, handles

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
