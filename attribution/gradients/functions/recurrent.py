"""LSTM, GRU and plain recurrent layers, step by step: their weights meet every step's inputs."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from attribution.gradients.trace import Trace, Unknown, meets


@meets("lstm", "gru", "rnn_tanh", "rnn_relu")
def recurrent(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...]:
    """All layers and directions of a recurrent network; outputs and last states as torch gives them."""
    if kwargs or len(args) != 9 or not isinstance(args[3], bool):
        raise Unknown("packed sequences")
    inputs, hidden, weights, has_biases, layers, dropout, training, both, batch_first = args
    count = 4 if has_biases else 2
    if len(weights) != layers * (1 + both) * count or (training and dropout > 0):
        raise Unknown("projected states, or dropout")
    kind = func.__name__
    states = [trace.of_samples(state) for state in (hidden if kind == "lstm" else (hidden,))]
    last: list[list[Tensor]] = [[] for _ in states]
    with trace:
        x = inputs if batch_first else inputs.transpose(0, 1)
        for layer in range(layers):
            directions = []
            for direction in range(1 + both):
                place = layer * (1 + both) + direction
                own = [*weights[place * count : (place + 1) * count], None, None][:4]
                steps, end = _one(kind, x, [state[place] for state in states], own, direction == 1)
                directions.append(steps)
                for found, state in zip(last, end, strict=True):
                    found.append(state)
            x = torch.cat(directions, -1) if both else directions[0]
        output = x if batch_first else x.transpose(0, 1)
        return (output, *(torch.stack(found) for found in last))


def _one(kind: str, x: Tensor, state: list[Tensor], weights: list[Any], backwards: bool) -> tuple[Tensor, list[Tensor]]:
    """One layer in one direction: outputs ``(b, t, h)`` and the last state."""
    into, over, into_bias, over_bias = weights
    given = F.linear(x, into, into_bias)  # (b, t, gates h)
    steps = []
    order = range(x.shape[1])
    for t in reversed(order) if backwards else order:
        state = _STEPS[kind](given[:, t], F.linear(state[0], over, over_bias), state)
        steps.append(state[0])
    return torch.stack(steps[::-1] if backwards else steps, 1), state


def _lstm(given: Tensor, kept: Tensor, state: list[Tensor]) -> list[Tensor]:
    i, f, g, o = (given + kept).chunk(4, -1)
    cell = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(cell), cell]


def _gru(given: Tensor, kept: Tensor, state: list[Tensor]) -> list[Tensor]:
    r, z, n = given.chunk(3, -1)
    r_kept, z_kept, n_kept = kept.chunk(3, -1)
    new = torch.tanh(n + torch.sigmoid(r + r_kept) * n_kept)
    update = torch.sigmoid(z + z_kept)
    return [(1 - update) * new + update * state[0]]


_STEPS = {
    "lstm": _lstm,
    "gru": _gru,
    "rnn_tanh": lambda given, kept, state: [torch.tanh(given + kept)],
    "rnn_relu": lambda given, kept, state: [torch.relu(given + kept)],
}
