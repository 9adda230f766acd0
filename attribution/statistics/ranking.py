"""How well a ranking finds what it should: AUROC, average precision, precision in the top share, each with an interval.

Plain NumPy functions. ``scores`` (n,) are higher for what is sought, ``truth`` (n,) is True where it really is. Ties
count half.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from attribution.statistics.intervals import Interval

Metric = Callable[[np.ndarray, np.ndarray], float]


def average_ranks(values: Any) -> np.ndarray:
    """Ranks 1..n as float64 (n,), the smallest value first; equal values share their mean rank."""
    values = np.asarray(values)
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def auroc(scores: Any, truth: Any) -> float:
    """Chance that a sought sample scores above another one, 0..1 (0.5 = no better than chance); NaN when one kind is
    missing."""
    truth = np.asarray(truth, dtype=bool)
    positives = int(truth.sum())
    negatives = int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    rank_sum = average_ranks(scores)[truth].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: Any, truth: Any) -> float:
    """Mean precision over the positions of the sought samples, 0..1; its value for a random order is their share (the
    base rate).

    Samples with equal scores enter together, so the result does not depend on their order. NaN when nothing is sought.
    """
    scores = np.asarray(scores)
    truth = np.asarray(truth, dtype=bool)
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # last position of every group of equal scores
    hits = np.cumsum(truth[order])[ends]
    precision = hits / (ends + 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / truth.sum())


def precision_at(scores: Any, truth: Any, share: float = 0.1) -> float:
    """Share of sought samples among the ``share`` (0..1) with the highest scores, ties in the order given; 0..1."""
    truth = np.asarray(truth, dtype=bool)
    top = np.argsort(-np.asarray(scores), kind="stable")[: max(1, round(share * len(truth)))]
    return float(truth[top].mean())


def with_interval(
    metric: Metric, scores: Any, truth: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """``metric(scores, truth)`` with a percentile bootstrap interval over the samples; costs ``resamples``
    evaluations."""
    scores = np.asarray(scores)
    truth = np.asarray(truth, dtype=bool)
    chance = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        pick = chance.integers(0, len(truth), len(truth))
        draws.append(metric(scores[pick], truth[pick]))
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(metric(scores, truth)), float(low), float(high), level)
