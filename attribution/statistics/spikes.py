"""Spikes in a curve: points far above their neighbours on both sides."""

import numpy as np

from attribution.statistics.robust import NORMAL, spread

AROUND = 10  # neighbours on each side that a point is held against
LEAST = 3  # of them, on each side, below which a point is not judged: a curve falls fast where it begins
FAR = 6.0  # spreads above its neighbours from which a point is a spike


def above(values: np.ndarray, around: int = AROUND) -> np.ndarray:
    """How far each of the values (s,) stands above its neighbours, in robust spreads of them, (s,) float64; NaN where
    fewer than ``LEAST`` of them are on one side.

    Held against the mean of the medians before and after it, which a falling curve does not move and single
    neighbours that are spikes themselves do not either. A spread is the scaled median absolute deviation of the ``2
    around`` neighbours from those medians, or of the whole curve from its own where that is larger, so that a quiet
    stretch makes no spikes (Hampel 1974). O(s around) time.
    """
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    if n < 2 * LEAST + 1:
        return np.full(n, np.nan)
    gone = np.full(around, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([gone, values, gone]), 2 * around + 1)
    before = windows[:, :around]
    after = windows[:, around + 1 :]
    judged = (np.isfinite(before).sum(1) >= LEAST) & (np.isfinite(after).sum(1) >= LEAST)
    found = np.full(n, np.nan)
    middles = np.nanmedian(before[judged], axis=1), np.nanmedian(after[judged], axis=1)
    rest = values[judged] - (middles[0] + middles[1]) / 2
    off = [np.abs(side[judged] - middle[:, None]) for side, middle in zip((before, after), middles, strict=True)]
    local = NORMAL * np.nanmedian(np.concatenate(off, axis=1), axis=1)
    found[judged] = rest / np.maximum(local, spread(rest[np.isfinite(rest)]) if np.isfinite(rest).any() else 1.0)
    return found


def spikes(values: np.ndarray, far: float = FAR) -> np.ndarray:
    """Places of the values (s,) that stand more than ``far`` spreads above their neighbours, the farthest first,
    int64."""
    distance = above(values)
    places = np.flatnonzero(distance > far)
    return places[np.argsort(-distance[places], kind="stable")]
