"""``nn.MultiheadAttention``, whose packed projection a function reads: the same steps one by one, samples first."""

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from attribution.gradients.trace import Trace, Unknown, meets

_SIGNATURE = inspect.signature(F.multi_head_attention_forward)


@meets(F.multi_head_attention_forward)
def attention(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
    """Projection, heads, attention, projection; ``query``, ``key`` and ``value`` are ``(positions, b, width)``."""
    bound = _SIGNATURE.bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    for name in ("bias_k", "bias_v", "static_k", "static_v", "add_zero_attn", "use_separate_proj_weight"):
        if given[name] is not None and given[name] is not False:
            raise Unknown(f"with {name}")
    if given["query"].dim() != 3 or (given["training"] and given["dropout_p"] > 0):
        raise Unknown("without a batch, or with dropout")
    with trace:
        query, key, value = _projected(given)
        heads = given["num_heads"]
        q, k, v = (side.unflatten(-1, (heads, -1)).transpose(1, 2) for side in (query, key, value))
        scores = q @ k.mT * q.shape[-1] ** -0.5  # (b, heads, queries, keys)
        mask = _mask(given, scores)
        scores = scores if mask is None else scores + mask
        weights = (scores - scores.logsumexp(-1, keepdim=True)).exp()
        mixed = (weights @ v).transpose(1, 2).flatten(2)
        output = F.linear(mixed, given["out_proj_weight"], given["out_proj_bias"]).transpose(0, 1)
        if not given["need_weights"]:
            return output, None
        return output, weights.mean(1) if given["average_attn_weights"] else weights


def _projected(given: dict[str, Any]) -> tuple[Tensor, ...]:
    """Queries, keys and values ``(b, positions, width)``."""
    weight, bias = given["in_proj_weight"], given["in_proj_bias"]
    sides = [given[name].transpose(0, 1) for name in ("query", "key", "value")]
    if given["query"] is given["key"] and given["key"] is given["value"]:
        return F.linear(sides[0], weight, bias).chunk(3, -1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(F.linear(side, w, c) for side, w, c in zip(sides, weight.chunk(3), biases, strict=True))


def _mask(given: dict[str, Any], scores: Tensor) -> Tensor | None:
    """What is added to the scores ``(b, heads, queries, keys)``, or something that broadcasts to it."""
    total = None
    for name in ("attn_mask", "key_padding_mask"):
        mask = given[name]
        if mask is None:
            continue
        if name == "key_padding_mask":
            mask = mask[:, None, None]
        elif mask.dim() == 3:
            mask = mask.unflatten(0, (-1, given["num_heads"]))
        if mask.dtype == torch.bool:
            mask = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(mask, float("-inf"))
        total = mask if total is None else total + mask
    return total
