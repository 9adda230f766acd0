"""Convolutions: linear layers on patches."""

import torch
from torch import Tensor, nn

from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor
from attribution.gradients.layers import Call, handles


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


def _summed(terms: list[Tensor], b: int, parameter: Tensor) -> Dense:
    """Per-sample sums of terms ``(b [* t], ..., *parameter.shape)`` over everything but sample and parameter."""
    sums = [term.reshape(b, -1, parameter.numel()).sum(1) for term in terms]
    return Dense(sums[0] if len(sums) == 1 else torch.stack(sums).sum(0), tuple(parameter.shape))
