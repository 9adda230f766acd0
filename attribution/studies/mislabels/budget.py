"""How many wrong labels are left in the review queue and what going on would find: a small Bayesian model of the queue.

Along the queue, wrong labels thin out. The model says how: a score orders the samples, standard normal for right
labels; for wrong ones normal with another mean and spread, except for a share that looks like right ones and lies
anywhere. Four unknowns: the share of wrong labels, how far apart the two are, the spread, and the share that cannot be
seen. A calibration (``findings.calibration``) says what the last three are like on planted errors; the decisions made
so far speak for themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from attribution.statistics.intervals import Interval
from attribution.storage.drawn import Drawn

PARTICLES = 600
MOVES = 3  # random-walk steps after each tempering step
GRID = np.linspace(-5.0, 10.0, 121)  # scores at which the two distributions are computed
NAMES = ("log share", "distance", "log spread", "logit unseen")
# Mean and covariance of the last three without a calibration.
UNCALIBRATED = (np.array([2.7, 0.0, -4.0]), np.diag([1.0, 0.4, 1.5]) ** 2)
DISCREPANCY = np.diag([0.7, 0.3, 1.0]) ** 2  # how far real errors may differ from planted ones
ESTIMATE_SPREAD = 0.3  # of the logarithm of the expected number, at least


@dataclass(frozen=True)
class Budget(Drawn):
    """What a review found and what it would find. ``n`` samples in the queue, ``reviewed`` of them decided, ``wrong``
    of these wrong.

    ``left`` are the wrong labels among the rest, ``next_yield`` those among the next ``step`` of the queue, ``unseen``
    those of ``left`` that the ranking cannot tell from right ones; each with a 90 % interval unless another level was
    asked. ``curve`` has a line per position: position, reviewed (count), found, expected, low, high (cumulative wrong
    labels if the review goes on in order).
    """

    drawn_by: ClassVar[str] = "mislabels"

    n: int
    reviewed: int
    wrong: int
    step: int
    left: Interval
    next_yield: Interval
    unseen: Interval
    curve: Any
    calibrated: bool
    level: float

    def stop(self, least: float) -> bool:
        """Whether the next ``step`` reviews are expected to find fewer than ``least`` wrong labels."""
        return self.reviewed < self.n and self.next_yield.estimate < least

    def sentence(self, nouns: str = "labels") -> str:
        """What is left and what the next reviews would find."""
        return (
            f"About {in_words(self.left)} wrong {nouns} are left; the next {min(self.step, self.n - self.reviewed)} "
            f"reviews would find about {in_words(self.next_yield)}."
        )


def in_words(found: Interval) -> str:
    """A number of samples: "12 (3 to 24)"."""
    return f"{found.estimate:.0f} ({found.low:.0f} to {found.high:.0f})"


def of_draws(draws: np.ndarray, level: float) -> Interval:
    """The mean of posterior draws (s,) with their quantiles, each of which is one of the draws: counts stay whole."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(float(draws.mean()), float(low), float(high), level)


@dataclass(frozen=True)
class _Bins:
    """The queue cut into bins of positions: edges (m + 1,) in samples, reviewed, wrong and waiting counts (m,)."""

    edges: np.ndarray
    reviewed: np.ndarray
    wrong: np.ndarray

    @property
    def waiting(self) -> np.ndarray:
        return np.diff(self.edges) - self.reviewed


@dataclass(frozen=True)
class Fitted:
    """What is known of a queue: its ``bins``, ``draws`` (s, 4) of the four unknowns given the decisions, and whether a
    calibration informed them. ``chance`` goes on where the fit ended."""

    bins: _Bins
    draws: np.ndarray
    calibrated: bool
    chance: np.random.Generator

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Share of wrong labels in each bin (s, m), and the share of these that cannot be seen."""
        share, unseen = _shares(self.draws, self.bins.edges / self.bins.edges[-1])
        return np.clip(share, 0, 1), unseen


def budget(
    n: int, positions: np.ndarray, wrong: np.ndarray, *, step: int = 50, level: float = 0.9, **known: Any
) -> Budget:
    """What is left of a queue of ``n`` after decisions at ``positions`` (k,) (1 = most suspicious), ``wrong`` (k,)
    bool; ``known`` is what ``fitted`` takes besides.

    Same input, same output. Cost: under half a second. Within a bin of positions, the reviewed samples count as drawn
    at random.
    """
    found = fitted(n, positions, wrong, step=step, **known)
    bins, chance = found.bins, found.chance
    share, unseen_share = found.shares
    future = chance.binomial(bins.waiting.astype(np.int64), share)  # (s, m)
    unseen = chance.binomial(future, unseen_share)
    upcoming = np.minimum(np.cumsum(bins.waiting), step) - np.minimum(np.cumsum(bins.waiting) - bins.waiting, step)
    following = chance.binomial(upcoming.astype(np.int64), share).sum(1)
    return Budget(
        n=n,
        reviewed=int(bins.reviewed.sum()),
        wrong=int(bins.wrong.sum()),
        step=step,
        left=of_draws(future.sum(1), level),
        next_yield=of_draws(following, level),
        unseen=of_draws(unseen.sum(1), level),
        curve=_curve(bins, future, level),
        calibrated=found.calibrated,
        level=level,
    )


def fitted(
    n: int,
    positions: np.ndarray,
    wrong: np.ndarray,
    *,
    expected: dict[str, float] | None = None,
    planted: Sequence[np.ndarray] = (),
    planted_n: int = 0,
    step: int = 50,
    seed: int = 0,
) -> Fitted:
    """The model of a queue of ``n`` given decisions at ``positions`` (k,), ``wrong`` (k,) bool.

    ``expected`` is the search's estimate of all wrong labels (low, mid, high), a prior that decisions overrule;
    ``planted`` are the positions (m,) that planted errors of each kind took in a calibration queue of ``planted_n``;
    ``step`` positions after the reviewed ones are a bin's edge.
    """
    bins = _binned(n, np.asarray(positions, dtype=np.int64), np.asarray(wrong, dtype=bool), step)
    chance = np.random.default_rng(seed)
    rate = min(max((expected["mid"] if expected else 0.03 * n), 1.0) / n, 0.5)
    mean, covariance = UNCALIBRATED
    kinds = tuple(tuple(np.asarray(kind).tolist()) for kind in planted if len(kind))
    if kinds:
        mean, covariance = _calibrated(kinds, planted_n or n, rate, seed)
    prior = np.zeros((4, 4))
    prior[0, 0] = _rate_spread(expected) ** 2
    prior[1:, 1:] = covariance
    centre = np.concatenate([[math.log(rate)], mean])
    draws = _posterior(centre, prior, lambda theta: _review_fit(theta, bins), chance)
    return Fitted(bins, draws, bool(kinds), chance)


def _rate_spread(expected: dict[str, float] | None) -> float:
    """How far the logarithm of the number of wrong labels may be from the search's estimate, or from a guess."""
    if not expected:
        return 1.3
    if not expected["low"] > 0:
        return ESTIMATE_SPREAD
    return max(ESTIMATE_SPREAD, 1.5 * math.log(max(expected["high"], 1.0) / max(expected["low"], 0.5)) / 3.92)


def _binned(n: int, positions: np.ndarray, wrong: np.ndarray, step: int) -> _Bins:
    """Bins that start small where wrong labels are dense and grow by a seventh, at least 5 samples wide; one edge where
    the reviewed prefix ends."""
    edges = [0]
    while edges[-1] < n:
        edges.append(min(n, edges[-1] + max(5, round(0.15 * edges[-1]))))
    taken = np.zeros(n, dtype=np.int64)
    taken[positions - 1] = 1
    bad = np.zeros(n, dtype=np.int64)
    bad[positions[wrong] - 1] = 1
    prefix = int(np.argmin(taken)) if not taken.all() else n
    cut = np.unique([*edges, prefix, min(n, prefix + step)])
    starts = cut[:-1]
    return _Bins(cut, np.add.reduceat(taken, starts), np.add.reduceat(bad, starts))


def _survival(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return np.asarray(ndtr(-x))


def _wrong_above(theta: np.ndarray, upto: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of all wrong labels (s, m), and of the unseen ones, among the first ``upto`` (m,) (a share of one) of the
    queue."""
    rate = np.minimum(np.exp(theta[:, :1]), 0.6)
    distance = theta[:, 1:2]
    spread = np.exp(theta[:, 2:3])
    unseen = 1 / (1 + np.exp(-theta[:, 3:4]))
    right = np.broadcast_to(_survival(GRID), (len(theta), len(GRID)))
    seen = (1 - unseen) * _survival((GRID - distance) / spread) + unseen * right
    every = (1 - rate) * right + rate * seen  # falls from 1 to 0 along the grid
    # One interpolation for all draws: each draw's rising shares are lifted above those of the one before.
    lift = 2.0 * np.arange(len(theta))[:, None]
    along = (every[:, ::-1] + lift).ravel()
    asked = (upto[None, :] + lift).ravel()
    shape = (len(theta), len(upto))
    found = np.interp(asked, along, seen[:, ::-1].ravel()).reshape(shape)
    hidden = np.interp(asked, along, right[:, ::-1].ravel()).reshape(shape)
    found[:, upto >= 1], hidden[:, upto >= 1] = 1.0, 1.0
    found[:, upto <= 0], hidden[:, upto <= 0] = 0.0, 0.0
    return found, hidden * unseen


def _shares(theta: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of wrong labels in each bin (s, m), and the share of these that cannot be seen."""
    found, hidden = _wrong_above(theta, edges)
    rate = np.minimum(np.exp(theta[:, :1]), 0.6)
    width = np.diff(edges)
    mass = np.maximum(np.diff(found, axis=1), 1e-12)
    return rate * mass / width, np.clip(np.diff(hidden, axis=1) / mass, 0, 1)


def _review_fit(theta: np.ndarray, bins: _Bins) -> np.ndarray:
    """Log-likelihood (s,) of the decisions."""
    seen = bins.reviewed > 0
    if not seen.any():
        return np.zeros(len(theta))
    share, _ = _shares(theta, bins.edges / bins.edges[-1])
    share = np.clip(share[:, seen], 1e-9, 1 - 1e-6)
    hits = bins.wrong[seen]
    misses = (bins.reviewed - bins.wrong)[seen]
    return np.asarray((hits * np.log(share) + misses * np.log1p(-share)).sum(1))


@lru_cache(maxsize=128)
def _calibrated(planted: tuple[tuple[int, ...], ...], n: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3) of distance, log spread and logit unseen, from where planted errors of each kind
    came to lie.

    Real errors may be like one kind or another or between them: the covariance holds the spread of the kinds' means,
    too.
    """
    rate = min(rate + sum(len(kind) for kind in planted) / n, 0.6)
    found = [_of_kind(np.array(kind, dtype=np.int64), n, rate, seed) for kind in planted]
    means = np.stack([draws.mean(0) for draws in found])
    between = means - means.mean(0)
    within = np.mean([np.cov(draws.T) for draws in found], axis=0)
    return means.mean(0), within + between.T @ between / len(means) + DISCREPANCY


def _of_kind(places: np.ndarray, n: int, rate: float, seed: int) -> np.ndarray:
    """Draws (s, 3) of distance, log spread and logit unseen given the places of one kind of planted errors."""
    bins = _binned(n, places, np.ones(len(places), dtype=bool), 50)

    def fit(theta: np.ndarray) -> np.ndarray:
        full = np.column_stack([np.full(len(theta), math.log(rate)), theta])
        found, _ = _wrong_above(full, bins.edges / n)
        return np.asarray((bins.wrong * np.log(np.maximum(np.diff(found, axis=1), 1e-12))).sum(1))

    return _posterior(*UNCALIBRATED, fit, np.random.default_rng(seed))


def _posterior(mean: np.ndarray, covariance: np.ndarray, fit: Any, chance: np.random.Generator) -> np.ndarray:
    """Draws (PARTICLES, d) from a normal prior times a likelihood, by tempered sequential Monte Carlo (Del Moral et al.
    2006).

    The likelihood is let in by steps that keep half of the particles effective; after each, random-walk moves scaled to
    the particles.
    """
    root, inverse = np.linalg.cholesky(covariance), np.linalg.inv(covariance)
    theta = mean + chance.normal(size=(PARTICLES, len(mean))) @ root.T
    value = fit(theta)
    heat = 0.0

    def prior(points: np.ndarray) -> np.ndarray:
        off = points - mean
        return np.asarray(-0.5 * np.einsum("si,ij,sj->s", off, inverse, off))

    while heat < 1:
        step = _next_step(value, 1 - heat)
        weight = np.exp(step * (value - value.max()))
        pick = chance.choice(PARTICLES, PARTICLES, p=weight / weight.sum())
        theta = theta[pick]
        value = value[pick]
        heat = min(1.0, heat + step)
        scale = np.linalg.cholesky(np.cov(theta.T) + 1e-9 * np.eye(len(mean))) * (1.7 / math.sqrt(len(mean)))
        for _ in range(MOVES):
            moved = theta + chance.normal(size=theta.shape) @ scale.T
            fitted = fit(moved)
            take = np.log(chance.random(PARTICLES)) < heat * (fitted - value) + prior(moved) - prior(theta)
            theta[take], value[take] = moved[take], fitted[take]
    return theta


def _next_step(value: np.ndarray, most: float) -> float:
    """The largest step of the likelihood's exponent that leaves half of the particles effective."""

    def effective(step: float) -> float:
        weight = np.exp(step * (value - value.max()))
        return float(weight.sum() ** 2 / (weight**2).sum())

    if effective(most) >= PARTICLES / 2:
        return most
    low = 0.0
    high = most
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= PARTICLES / 2 else (low, middle)
    return max(low, 1e-4)


def _curve(bins: _Bins, future: np.ndarray, level: float) -> Any:
    import pandas as pd

    found = np.concatenate([[0], np.cumsum(bins.wrong)])
    total = np.concatenate([np.zeros((len(future), 1)), np.cumsum(future, axis=1)], axis=1) + found
    low, high = np.quantile(total, [(1 - level) / 2, (1 + level) / 2], axis=0)
    reviewed = np.concatenate([[0], np.cumsum(bins.reviewed)])
    return pd.DataFrame(
        {
            "position": bins.edges,
            "reviewed": reviewed,
            "found": found,
            "expected": total.mean(0),
            "low": low,
            "high": high,
        }
    )
