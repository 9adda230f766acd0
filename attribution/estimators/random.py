"""Random scores: the control that every estimator has to beat."""

import hashlib
from collections.abc import Sequence

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock

_STREAMS = np.array([0x9E3779B97F4A7C15, 0x3C6EF372FE94F82A], dtype=np.uint64)  # golden-ratio increments: one word each


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mix(state: np.ndarray) -> np.ndarray:
    """The splitmix64 finaliser: neighbouring states become independent-looking 64-bit words."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@register("random")
class RandomControl(Estimator):
    """influence(i, q) is standard normal, drawn from a hash of sample id, query name and seed."""

    title = "Random (control)"
    family = "control"
    asks_model = False
    by_weights = False
    summary = "Chance. Any finding that this also makes is no finding."
    formula = "N(0, 1), fixed by sample id, query and seed"
    cost = "None."
    source = "A control, after the practice of randomisation tests."
    control = True

    def options(self) -> dict[str, int]:
        return {"seed": self.seed}

    def query_bytes(self) -> int:
        return 8

    def prepare(self, queries: Sequence[Query]) -> None:
        self._columns = np.array([_hash(f"{self.seed}/{query.name}") for query in queries], dtype=np.uint64)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        ids = np.array([_hash(str(name)) for name in self.trained.dataset.ids[rows]], dtype=np.uint64)
        state = _mix(ids)[:, None] ^ self._columns[None, :]  # (b, q)
        first, second = ((_mix(state + stream) >> np.uint64(11)) / 2.0**53 for stream in _STREAMS[:, None, None])
        normal = np.sqrt(-2 * np.log(1 - first)) * np.cos(2 * np.pi * second)  # Box-Muller
        return ScoreBlock(torch.from_numpy(normal.astype(np.float32)))
