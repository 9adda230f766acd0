"""Linear layers: an outer product of what came back and what went in."""

import torch
from torch import nn

from attribution.gradients.factors import Dense, Factor, Outer
from attribution.gradients.layers import Call, handles


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
