"""Networks that take several inputs by name, fed from the one tensor that a sample is everywhere else.

A network says the names in ``datablame_fields``. A sequence of names cuts ``x (b, k, ...)`` along dimension 1, one
slice each; where there are fewer slices, the first names have one (a tokenizer may give no types). A mapping from name
to shape (or to ``(shape, dtype)``) cuts ``x (b, d)`` into parts of these shapes. A forward pre-hook does it, so that
parameters keep their names, and vmap and ``functional_call`` see the plain network.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attribution.errors import UserError

FIELDS = "datablame_fields"
WORDS = ("input_ids", "attention_mask", "token_type_ids")  # what a tokenizer gives, in the order in which it is packed


class Unpack:
    """Forward pre-hook: one packed tensor becomes the named inputs; calls that pass several already stay as they
    are."""

    def __init__(self, fields: Sequence[str] | Mapping[str, Any]) -> None:
        self.fields = dict(fields) if isinstance(fields, Mapping) else tuple(fields)

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) != 1 or kwargs or not isinstance(args[0], Tensor):
            return None
        return (), unpacked(args[0], self.fields)


def takes_packed(network: nn.Module) -> nn.Module:
    """The network, which from now on unpacks what it is handed, where it says ``datablame_fields``."""
    fields = getattr(network, FIELDS, None)
    if fields and not any(isinstance(hook, Unpack) for hook in network._forward_pre_hooks.values()):
        network.register_forward_pre_hook(Unpack(fields), with_kwargs=True)
    return network


def unpacked(x: Tensor, fields: Sequence[str] | Mapping[str, Any]) -> dict[str, Tensor]:
    """The named inputs in ``x``; ``UserError`` where it is not as wide as they are together."""
    if not isinstance(fields, Mapping):
        x = x.unsqueeze(1) if x.dim() == 2 else x
        _check_width(x, min(len(fields), x.shape[1]), fields)
        return dict(zip(fields, x.unbind(1), strict=False))  # (b, ...) each
    parts = {name: _described(said, x.dtype) for name, said in fields.items()}
    sizes = [math.prod(shape) for shape, _ in parts.values()]
    _check_width(x, sum(sizes), fields)
    cut = x.split(sizes, dim=1)
    return {
        name: part.reshape(len(x), *shape).to(kind)
        for (name, (shape, kind)), part in zip(parts.items(), cut, strict=True)
    }


def packed(inputs: Mapping[str, Any] | Sequence[Any]) -> tuple[Tensor, tuple[str, ...]]:
    """One tensor ``(b, k, ...)`` of named inputs of one shape and kind, and their names (of a sequence: the places)."""
    named = inputs if isinstance(inputs, Mapping) else {str(place): one for place, one in enumerate(inputs)}
    tensors = {name: torch.as_tensor(value) for name, value in named.items()}
    kinds = {(tuple(value.shape), value.dtype) for value in tensors.values()}
    if len(kinds) != 1:
        raise UserError(
            f"The inputs {', '.join(tensors)} differ in shape or type.",
            "They are kept as one tensor.",
            "Flatten and join them, and say datablame_fields = {name: shape, ...} on the network.",
        )
    return torch.stack(list(tensors.values()), dim=1), tuple(tensors)


def _described(said: Any, usual: torch.dtype) -> tuple[tuple[int, ...], torch.dtype]:
    """Shape and dtype of a field: ``(L,)`` or ``((L,), torch.int64)``."""
    if len(said) == 2 and isinstance(said[1], torch.dtype | str):
        kind = getattr(torch, said[1]) if isinstance(said[1], str) else said[1]
        return tuple(said[0]), kind
    return tuple(said), usual


def _check_width(x: Tensor, width: int, fields: Any) -> None:
    if x.dim() < 2 or x.shape[1] != width:
        raise UserError(
            f"The network takes the inputs {', '.join(fields)}, {width:,} wide together; it was handed "
            f"{tuple(x.shape)}.",
            "They are cut out of one tensor, along dimension 1.",
            "Name the transform that gives them, or correct datablame_fields.",
        )
