"""Language models as the house asks them: rows of tokens in, what the model says of each token out."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

GOLDEN = 0x9E3779B97F4A7C15  # splitmix64 (Steele, Lea and Flood 2014)
MASK = (1 << 64) - 1


class LanguageModel(nn.Module, ABC):
    """``forward(x)``, x int64 ``(b, 2, T)``: token ids, and what each position is (-1 padding, 0 read, 1 trained).

    Returns ``(b, T, 4)``, for position t of a row: log probability of its token given those before it; that of a token
    drawn from the model's own distribution there; 1 where it is trained, else 0; 1 where the token is the likeliest.
    All are 0 where it is not trained, and at the first position, before which there is nothing. A drawn token depends
    on the row alone, so it is the same in every batch. Padding stands on the right and changes
    nothing.

    A subclass says ``hidden`` and ``logits``.
    """

    @abstractmethod
    def hidden(self, ids: Tensor, there: Tensor) -> Tensor:
        """States ``(b, t, d)`` after the last layer for token ids ``(b, t)``; ``there`` (b, t) bool: not padding."""

    @abstractmethod
    def logits(self, hidden: Tensor) -> Tensor:
        """Of the next token ``(b, t, V)``."""

    def forward(self, x: Tensor) -> Tensor:
        return self.represent(x)[0]

    def represent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs, and each row's mean state over its trained tokens ``(b, d)``, of all tokens where none is."""
        ids, kinds = x[:, 0], x[:, 1]
        length = max(2, int((kinds >= 0).sum(1).max())) if len(x) else 2
        ids, kinds = ids[:, :length], kinds[:, :length]
        hidden = self.hidden(ids, kinds >= 0)  # (b, t, d)
        found = self.answers(hidden, ids, kinds)
        outputs = nn.functional.pad(found, (0, 0, 0, x.shape[2] - length))
        return outputs, mean_state(hidden, kinds)

    def answers(self, hidden: Tensor, ids: Tensor, kinds: Tensor) -> Tensor:
        """What is said of each token ``(b, t, 4)`` by the states before it."""
        logits = self.logits(hidden[:, :-1])
        logs = logits - logits.logsumexp(-1, keepdim=True)  # (b, t - 1, V)
        counts = (kinds[:, 1:] == 1).to(logs.dtype)
        gold = logs.gather(-1, ids[:, 1:, None])[..., 0] * counts
        with torch.no_grad():
            drawn = drawn_tokens(logs, torch.where(kinds >= 0, ids, -1))
            likeliest = (logs.max(-1).indices == ids[:, 1:]).to(logs.dtype) * counts
        said = torch.stack([gold, logs.gather(-1, drawn[..., None])[..., 0] * counts, counts, likeliest], dim=-1)
        return nn.functional.pad(said, (0, 0, 1, 0))

    @torch.no_grad()
    def next_tokens(self, x: Tensor, count: int, end: int) -> list[list[int]]:
        """The likeliest ``count`` tokens after each row, one after the other, up to the token ``end`` (left out)."""
        ids = x[:, 0].clone()
        there = x[:, 1] >= 0
        lengths = there.sum(1)
        wide = int(lengths.max()) + count
        ids = nn.functional.pad(ids[:, :wide], (0, max(0, wide - ids.shape[1])))
        going = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        found: list[list[int]] = [[] for _ in range(len(ids))]
        for _ in range(count):
            if not bool(going.any()):
                break
            far = int(lengths.max())
            places = torch.arange(far, device=ids.device)[None] < lengths[:, None]
            hidden = self.hidden(ids[:, :far], places)
            last = hidden[torch.arange(len(ids), device=ids.device), lengths - 1]  # (b, d)
            chosen = self.logits(last[:, None])[:, 0].max(-1).indices
            going &= chosen != end
            for row in torch.nonzero(going)[:, 0].tolist():
                found[row].append(int(chosen[row]))
                ids[row, int(lengths[row])] = chosen[row]
            lengths = lengths + going.to(lengths.dtype)
            if int(lengths.max()) >= ids.shape[1]:
                break
        return found


def mean_state(hidden: Tensor, kinds: Tensor) -> Tensor:
    """Mean of the states over trained tokens ``(b, d)``; over all that are there in a row without any."""
    trained = kinds == 1
    counted = torch.where(trained.any(1, keepdim=True), trained, kinds >= 0).to(hidden.dtype)
    return (hidden * counted[..., None]).sum(1) / counted.sum(1, keepdim=True).clamp_min(1)


def drawn_tokens(logs: Tensor, ids: Tensor) -> Tensor:
    """One token for each place ``(b, t)`` from log probabilities ``(b, t, V)`` of the token after ``ids[:, :-1]``, by a
    number that the row's tokens (-1: padding) and the place fix: rows that begin alike draw apart."""
    chance = torch.as_tensor(chances(ids.cpu().numpy())[:, :-1], dtype=torch.float64, device=logs.device)
    total = logs.double().exp().cumsum(-1)
    found = torch.searchsorted(total, (chance * total[..., -1])[..., None])[..., 0]
    return found.clamp_max(logs.shape[-1] - 1)


def chances(ids: np.ndarray) -> np.ndarray:
    """A number of 0 to 1 for every place of the rows ``(b, t)``, as chance would give it; of -1, which ends a row,
    nothing depends."""
    state = np.full(len(ids), 0x243F6A8885A308D3, dtype=np.uint64)
    found = np.empty(ids.shape)
    with np.errstate(over="ignore"):
        for place in range(ids.shape[1]):
            taken = mixed((state ^ ids[:, place].astype(np.uint64)) + np.uint64(GOLDEN))
            state = np.where(ids[:, place] >= 0, taken, state)
        for place in range(ids.shape[1]):
            state = mixed(state + np.uint64(GOLDEN))
            found[:, place] = ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return found


def mixed(bits: np.ndarray) -> np.ndarray:
    """Every bit of the result depends on every bit given (splitmix64)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
