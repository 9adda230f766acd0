"""Chance that belongs to a sample's id, so that it survives any order and any cut into batches."""

import hashlib
from collections.abc import Sequence

import numpy as np


def uniform(names: Sequence[str], seed: int) -> np.ndarray:
    """A number in [0, 1) per name ``(n,)`` float64, fixed by name and seed."""
    words = [
        int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "little") for name in names
    ]
    return (np.array(words, dtype=np.uint64) >> np.uint64(11)) / 2.0**53
