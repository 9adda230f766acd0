"""The order in which a training visits its samples, worked out again from its seed; no torch."""

from collections.abc import Sequence

import numpy as np


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed for one epoch, so that a resumed training needs no saved random state."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def permutation(n: int, seed: int) -> np.ndarray:
    """What ``torch.randperm(n)`` gives under a CPU generator of this 32-bit seed, (n,) int64: a Fisher-Yates shuffle by
    the Mersenne Twister. O(n) time."""
    twister = np.random.MT19937()
    twister._legacy_seeding(seed)  # type: ignore[attr-defined]
    steps = twister.random_raw(max(n - 1, 0)).astype(np.int64) % (n - np.arange(n - 1))
    order = list(range(n))
    for place, step in enumerate(steps.tolist()):
        order[place], order[place + step] = order[place + step], order[place]
    return np.array(order, dtype=np.int64)


def cuts(n: int, size: int, least: int = 1) -> list[int]:
    """Where ``n`` samples are cut into batches of ``size``, both ends among them; a rest smaller than ``least`` joins
    the batch before it."""
    found = [*range(0, n, max(size, least)), n]
    if len(found) > 2 and found[-1] - found[-2] < least:
        del found[-2]
    return found


def batches_again(active: np.ndarray, seed: int, size: int, least: int = 1) -> Sequence[np.ndarray]:
    """The batches of an epoch of this seed (``epoch_seed``): places among all training samples, of which some are
    ``active`` (n,) bool."""
    order = permutation(len(active), seed)
    order = order[np.asarray(active, dtype=bool)[order]]
    return np.split(order, cuts(len(order), size, least)[1:-1])
