"""Columns of conversations and texts: turns, roles and length, and what a language model makes of them."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from attribution.browse.kinds import Category, Column, Number
from attribution.datasets.chat.conversation import TURNS


def columns(dataset: Any) -> Iterator[Column]:
    """What is known without a model; read when it is asked for."""
    about = (dataset.info.base_hash, str(dataset.folder))
    yield Number("turns", "How many turns the conversation has.", lambda: _told(*about, _Held(dataset))[0])
    yield Category("roles", "Who speaks in it, in the order in which they begin.", lambda: _roles(about, dataset))
    yield Number("letters", "How long it is, all turns together.", lambda: _told(*about, _Held(dataset))[1])


def judged(see: Any) -> Iterator[Column]:
    """What a model says of a row beside its loss."""
    summary = "How many of its tokens the model learns."
    yield Number("tokens", summary, lambda: see.predictions["tokens"].to_numpy(dtype=np.float64))
    summary = "The share of them that the model would have said itself, 0 to 1."
    yield Number("tokens_right", summary, lambda: see.predictions["tokens_right"].to_numpy(dtype=np.float64))


class _Held:
    """A dataset as an argument that the cache does not look at."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=4)
def _told(base_hash: str, folder: str, held: _Held) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Turns (n,), letters (n,) and roles of every conversation."""
    found = [json.loads(text) for text in held.dataset.column(TURNS)]
    numbers = np.array([[len(turns), sum(len(turn[1]) for turn in turns)] for turns in found], dtype=np.float64)
    numbers = numbers.reshape(-1, 2)
    return numbers[:, 0], numbers[:, 1], [", ".join(dict.fromkeys(turn[0] for turn in turns)) for turns in found]


def _roles(about: tuple[str, str], dataset: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    import pandas as pd

    codes, names = pd.factorize(np.array(_told(*about, _Held(dataset))[2], dtype=object), sort=True)
    return codes, tuple(map(str, names))
