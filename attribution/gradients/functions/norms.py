"""Normalisations that a module calls on its own weights (timm's with an activation, channels last): the scale and the
shift apart, so that each meets the batch element by element."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from attribution.gradients.trace import Trace, meets

_LAST = ("input", "normalized_shape", "weight", "bias", "eps", "cudnn_enable")
_GROUPS = ("input", "num_groups", "weight", "bias", "eps", "cudnn_enable")
_BATCH = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
_INSTANCE = ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
_ORDERS: dict[Any, tuple[str, ...]] = {
    F.layer_norm: _LAST,
    torch.layer_norm: _LAST,
    F.rms_norm: ("input", "normalized_shape", "weight", "eps"),
    torch.rms_norm: ("input", "normalized_shape", "weight", "eps"),
    F.group_norm: _GROUPS,
    torch.group_norm: _GROUPS,
    F.batch_norm: _BATCH,
    F.instance_norm: _INSTANCE,
}


@meets(*_ORDERS)
def normalised(trace: Trace, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``weight * z + bias``, z being normalised without either."""
    order = _ORDERS[func]
    named = {**dict(zip(order, args, strict=False)), **kwargs}
    scale, shift = named.pop("weight", None), named.pop("bias", None)
    named.pop("cudnn_enable", None)
    with trace:
        output = func(**named)
        last = "normalized_shape" in order
        for value, combine in ((scale, torch.mul), (shift, torch.add)):
            if value is not None:
                output = combine(output, value if last else value.reshape(-1, *[1] * (output.dim() - 2)))
    return output  # type: ignore[no-any-return]
