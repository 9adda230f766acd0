"""What the users of ``scripts/`` have in their folders: small data, networks and weights, made here and nowhere read
from a network. ``FOLDERS[NAME]()`` writes those of one script into the working directory."""

from collections.abc import Callable

import numpy as np

FOLDERS: dict[str, Callable[[], None]] = {}
N = 90


def has(make: Callable[[], None]) -> Callable[[], None]:
    """Decorator that files the maker of what one script's user has under the script's name."""
    FOLDERS[make.__name__] = make
    return make


def clouds(d: int = 16, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, d) float32 around a centre for each class, and the classes (N,)."""
    chance = np.random.default_rng(seed)
    y = np.arange(N) % classes
    x = chance.normal(size=(classes, d))[y] + chance.normal(size=(N, d))
    return x.astype(np.float32), y


@has
def embeddings() -> None:
    x, y = clouds()
    np.savez("embeddings.npz", X=x, y=y)
