"""Element by element: a token put before others, positions added, a scale; one copy of the parameter per sample."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from attribution.gradients.trace import Trace, Unknown, meets

_BINARY = [
    f"{before}{name}{after}"
    for name in ("add", "sub", "mul", "truediv", "pow")
    for before, after in (("__", "__"), ("__r", "__"), ("__i", "__"))
]
_NAMED = ["add", "sub", "mul", "div", "true_divide", "multiply", "divide", "subtract", "rsub", "pow", "where"]
_NAMED += [
    "addcmul",
    "addcdiv",
    "lerp",
    "maximum",
    "minimum",
    "masked_fill",
    "add_",
    "sub_",
    "mul_",
    "div_",
    "addcmul_",
]


@meets(*_BINARY, *_NAMED)
def elementwise(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The function, with a copy of the parameter for each sample."""
    values = (*args, *kwargs.values())
    others = [value for value in values if isinstance(value, Tensor) and not trace.holds(value)]
    dim = max(value.dim() for value in others)
    rows = max(value.shape[0] for value in others if value.dim() == dim) if dim else 0

    def grown(value: Any) -> Any:
        return trace.expanded(value, dim, rows) if trace.holds(value) else value

    return func(*(grown(value) for value in args), **{key: grown(value) for key, value in kwargs.items()})


@meets("cat", "concat", "concatenate", "stack")
def joined(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pieces side by side, but not along the samples."""
    pieces = args[0] if args else kwargs["tensors"]
    dim = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % pieces[0].dim()
    if dim == 0:
        raise Unknown("along the samples")
    rows = max(len(piece) for piece in pieces)
    grown = [trace.expanded(piece, piece.dim(), rows) if trace.holds(piece) else piece for piece in pieces]
    return func(grown, dim=dim)


@meets("expand_as", "broadcast_to")
def expanded_as(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A parameter in the shape of a batch."""
    value, like = args
    return trace.expanded(value, like.dim(), len(like)).expand(like.shape)


@meets(("expand",), ("repeat",))
def copies(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A parameter that the model itself expands to one copy per sample; None if it is expanded to something else."""
    value, *given = args
    sizes = list(given[0] if given and isinstance(given[0], tuple | list) else given)
    first = value.shape[0] if value.dim() == len(sizes) else 1
    if kwargs or not trace.holds(value) or not sizes or sizes[0] != trace.b or first != 1:
        return None
    made = trace.expanded(value, len(sizes), trace.b)
    return made.expand(sizes) if func.__name__ == "expand" else made.repeat(1, *sizes[1:])


@meets("prelu")
def leaky(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``x`` where it is positive, else a weight per channel times ``x``."""
    inputs, weight = list(args) + list(kwargs.values())
    with trace:
        channels = weight.reshape(-1, *[1] * (inputs.dim() - 2)) if inputs.dim() > 1 else weight
        return torch.where(inputs > 0, inputs, channels * inputs)


@meets(F.scaled_dot_product_attention)
def biased_attention(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Attention whose bias (of relative positions) is a parameter."""
    query, key, value, *more = args
    if any(trace.holds(side) for side in (query, key, value)):
        raise Unknown("learned queries")
    mask = more.pop(0) if more else kwargs["attn_mask"]
    named = {**kwargs, "attn_mask": trace.expanded(mask, query.dim(), len(query))}
    return func(query, key, value, **named, **dict(zip(("dropout_p", "is_causal"), more, strict=False)))  # type: ignore
