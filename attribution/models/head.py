"""What a frozen head says of tokens, a few positions at a time: the logits of all positions are never there at once."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

CHUNK_BYTES = {"cpu": 32 << 20, "cuda": 512 << 20}  # of logits
BLOCK = 256  # tokens whose probabilities are added up before one is drawn


class Said(NamedTuple):
    """Of each position (n,): log probabilities of its token and of a drawn one, and 1 where its token is likeliest."""

    gold: Tensor
    drawn: Tensor
    likeliest: Tensor


def said(states: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor, chance: Tensor) -> Said:
    """Of ``states (n, d)`` and the ``tokens (n,)`` that follow them, by ``logits = states weight' + bias``; ``chance``
    float64 (n,) in 0..1 fixes the drawn tokens. Gradients reach the states alone.

    Cost: one product with the weights, and one more for gradients; memory of a chunk of logits and of ``(n, d)``.
    """
    if torch._C._are_functorch_transforms_active():  # those do not see through a function of our own
        return plainly((states @ weight.T).float() if bias is None else states @ weight.T + bias, tokens, chance)
    return Said(*_Frozen.apply(states, weight, bias, tokens, chance))


def plainly(logits: Tensor, tokens: Tensor, chance: Tensor) -> Said:
    """The same of logits ``(..., V)`` that are there."""
    logs = logits.log_softmax(-1)
    with torch.no_grad():
        drawn = draw(logs.exp().reshape(-1, logs.shape[-1]), chance.reshape(-1)).reshape(tokens.shape)
        likeliest = (logs.argmax(-1) == tokens).to(logs.dtype)
    gold = logs.gather(-1, tokens[..., None])[..., 0]
    return Said(gold, logs.gather(-1, drawn[..., None])[..., 0], likeliest)


def draw(probabilities: Tensor, chance: Tensor) -> Tensor:
    """A token for each row ``(n,)`` by ``probabilities (n, V)``: the first at which their sum exceeds ``chance``."""
    wide = probabilities.shape[1]
    blocks = -(-wide // BLOCK)
    even = wide // BLOCK * BLOCK
    sums = probabilities[:, :even].unflatten(1, (-1, BLOCK)).sum(-1, dtype=torch.float64)
    if even < wide:
        sums = torch.cat([sums, probabilities[:, even:].sum(-1, True, dtype=torch.float64)], 1)
    total = sums.cumsum(1)  # (n, blocks)
    wanted = chance[:, None].to(total) * total[:, -1:]
    block = torch.searchsorted(total, wanted).clamp_max(blocks - 1)  # (n, 1)
    columns = block * BLOCK + torch.arange(BLOCK, device=block.device)  # (n, BLOCK)
    inside = probabilities.gather(1, columns.clamp_max(wide - 1)).double() * (columns < wide)
    before = (total - sums).gather(1, block)
    found = torch.searchsorted(inside.cumsum(1) + before, wanted)
    return (block * BLOCK + found.clamp_max(BLOCK - 1)).clamp_max(wide - 1)[:, 0]


def _told(logits: Tensor, target: Tensor, chance: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log probabilities of the target and of a drawn token, whether the target is likeliest, and the drawn one, each
    ``(n,)``; the logits become probabilities in place."""
    most, likeliest = logits.max(1, keepdim=True)
    above = logits.gather(1, target) - most
    chances = torch.softmax(logits, -1, out=logits)
    floor = chances.gather(1, likeliest).log()  # of the likeliest token, which never underflows
    drawn = draw(chances, chance)
    right = (likeliest == target)[:, 0].to(logits.dtype)
    return (above + floor)[:, 0], chances.gather(1, drawn[:, None]).log()[:, 0], right, drawn


class _Frozen(torch.autograd.Function):
    """Keeps each position's expected row of the weights, by which both gradients are had without the logits."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor, chance: Tensor) -> Any:
        wanted = ctx.needs_input_grad[0] or forward_ad._current_level >= 0
        n = len(states)
        found: list[tuple[Tensor, ...]] = [(*(weight.new_empty(0) for _ in range(3)), tokens[:0])]
        expected = weight.new_empty(n if wanted else 0, weight.shape[1])
        room_bytes = CHUNK_BYTES.get(states.device.type, CHUNK_BYTES["cuda"])
        size = max(1, min(n, room_bytes // (weight.shape[0] * weight.element_size())))
        kept = weight.new_empty(size, weight.shape[0])
        for start in range(0, n, size):
            part = slice(start, min(n, start + size))
            logits = torch.mm(states[part].to(weight.dtype), weight.T, out=kept[: part.stop - start])
            if bias is not None:
                logits += bias
            found.append(_told(logits, tokens[part, None], chance[part]))
            if wanted:
                torch.mm(logits, weight, out=expected[part])
        gold, other, right, drawn = (torch.cat(parts) for parts in zip(*found, strict=True))
        ctx.save_for_backward(states, weight, bias, tokens, drawn, expected)
        ctx.save_for_forward(states, weight, bias, tokens, drawn, expected)
        ctx.mark_non_differentiable(right)
        return gold, other, right

    @staticmethod
    def backward(ctx: Any, gold: Tensor, other: Tensor, right: Tensor) -> Any:
        states, weight, bias, tokens, drawn, expected = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted
            logits = states.to(weight.dtype) @ weight.T
            expected = (logits if bias is None else logits + bias).softmax(-1) @ weight
        slope = gold[:, None] * (weight[tokens] - expected) + other[:, None] * (weight[drawn] - expected)
        return slope.to(states.dtype), None, None, None, None

    @staticmethod
    def jvp(ctx: Any, along: Tensor, *rest: Any) -> Any:
        _, weight, _, tokens, drawn, expected = ctx.saved_tensors
        along = along.to(weight.dtype)
        gold = ((weight[tokens] - expected) * along).sum(1)
        return gold, ((weight[drawn] - expected) * along).sum(1), None
