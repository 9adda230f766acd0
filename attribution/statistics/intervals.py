"""How sure a number is: intervals for paired differences, over test samples alone or over seeds and test samples."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BLOCK_NUMBERS = 4_000_000  # resampling weights held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that covers the true value in a share ``level`` of repetitions; NaN where nothing
    can be said."""

    estimate: float
    low: float
    high: float
    level: float = 0.95

    @property
    def excludes_zero(self) -> bool:
        """Whether the data tell the value from zero."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> dict[str, Any]:
        """Plain values, NaN as None."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Interval":
        """The inverse of ``to_json``."""
        return Interval(**{name: math.nan if value is None else value for name, value in values.items()})


def paired_bootstrap(differences: np.ndarray, resamples: int = 2000, level: float = 0.95, seed: int = 0) -> Interval:
    """Percentile interval for the mean of paired differences ``(n,)``, resampling the n test samples with replacement.

    Each entry is one test sample's value after minus before, so what both models share cancels (Efron & Tibshirani
    1993, "An introduction to the bootstrap", ch. 13). It answers: would other test samples show the same? It says
    nothing about other seeds.
    """
    return over_seeds_and_samples(np.asarray(differences)[None, :], resamples, level, seed)


def over_seeds_and_samples(values: np.ndarray, resamples: int = 2000, level: float = 0.95, seed: int = 0) -> Interval:
    """Interval for the mean of ``values (seeds, n)``, every seed tested on the same n samples: would other seeds on
    other samples show it?

    See ``crossed``, which is given each seed's mean and its bootstrap over the samples. With one seed only the samples
    are resampled.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.shape[1] == 0:
        return Interval(math.nan, math.nan, math.nan, level)
    return crossed(values.mean(axis=1), resampled_means(values, resamples, seed).T, level)


def resampled_means(
    values: np.ndarray, resamples: int = 2000, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Means ``(..., b)`` of ``values (..., n)`` over n samples drawn with replacement, b times. Samples of one group
    (``groups`` (n,) numbers from 0) are drawn together, as many groups as there are (Davison & Hinkley 1997, 3.8).

    The same n, b and seed draw the same samples: a figure that is no mean itself (a root, a ratio) is made of several
    means of each draw, and what two models share cancels in its difference. NaN for no samples.
    """
    values = np.asarray(values, dtype=np.float64)
    *ahead, n = values.shape
    flat = values.reshape(-1, n)
    drawn = np.full((len(flat), resamples), math.nan)
    if n:
        each = n if groups is None else int(groups.max()) + 1
        for start, counts in _resampled_counts(np.random.default_rng(seed), each, resamples):
            counts = counts if groups is None else counts[:, groups]
            drawn[:, start : start + len(counts)] = flat @ counts.T / (n if groups is None else counts.sum(axis=1))
    return drawn.reshape(*ahead, resamples)


def crossed(by_seed: np.ndarray, drawn: np.ndarray, level: float = 0.95) -> Interval:
    """Interval for the mean over seeds of a figure, from its value per seed ``(s,)`` and on every resample of the
    samples ``(b, s)``.

    Seeds and samples are crossed, so the error of the mean is the sum of a part of the seeds and a part that all seeds
    share because they are tested on the same samples. The seeds' part is Student's t of the s values (three of them say
    little about their own spread: a bootstrap that draws three seeds with replacement has two thirds of it and no t,
    and claimed a change in 23 % of draws without one). The samples' part is the bootstrap's, on each side its
    percentile or its normal half-width if that is wider (losses have long tails), cut to the share of its variance that
    is common to the seeds: the rest is in the seeds' spread already. The half-widths add in squares on each side
    (MOVER: Zou & Donner 2008, Statistics in Medicine 27, 1693). Simulated coverage at 95 %: .95 to .97 where either
    part dominates, up to .98 where they are alike (``tests/test_statistics``). With one seed nothing is known of other
    seeds: the interval is that of the samples alone.
    """
    from scipy import stats

    by_seed, drawn = np.asarray(by_seed, dtype=np.float64), np.asarray(drawn, dtype=np.float64)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    s = len(by_seed)
    estimate = float(by_seed.mean())
    means = drawn.mean(axis=1)
    samples = _percentile(estimate, means, level)
    if s == 1 or len(drawn) < 2:
        return samples
    seeds = float(stats.t.ppf(0.5 + level / 2, s - 1) * by_seed.std(ddof=1) / math.sqrt(s))
    spread = np.cov(drawn.T)  # (s, s)
    common = (spread.sum() - np.trace(spread)) / (s * (s - 1))
    whole = spread.sum() / s**2
    share = math.sqrt(min(1.0, max(0.0, common / whole))) if whole > 0 else 0.0
    usual = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(whole)
    below, above = (share * max(usual, side) for side in (estimate - samples.low, samples.high - estimate))
    return Interval(estimate, estimate - math.hypot(seeds, below), estimate + math.hypot(seeds, above), level)


@dataclass(frozen=True)
class WithAndWithout:
    """A mean over all test samples, over those that are left when some are left out, and the second minus the first."""

    all: Interval
    rest: Interval
    difference: Interval
    n: int
    n_rest: int


def without(
    values: np.ndarray,
    left_out: np.ndarray,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    value: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> WithAndWithout:
    """What leaving samples out does to a mean, or to the ``value`` that is made of it (a root): ``values`` (n,) per
    test sample, ``left_out`` (n,) bool.

    Paired bootstrap: each resample of the test set gives both means, so what they share cancels in the difference.
    """
    values = np.asarray(values, dtype=np.float64)
    kept = ~np.asarray(left_out, dtype=bool)
    n = len(values)
    m = int(kept.sum())
    means = np.full((resamples, 2), math.nan)
    if m:
        for start, counts in _resampled_counts(np.random.default_rng(seed), n, resamples):
            weight = counts[:, kept].sum(1)
            rest = np.divide(
                counts[:, kept] @ values[kept], weight, out=np.full(len(counts), math.nan), where=weight > 0
            )
            means[start : start + len(counts)] = np.stack([counts @ values / n, rest], axis=1)
    means = value(means)
    first, second = value(np.array([values.mean(), values[kept].mean()] if m else [math.nan, math.nan])).tolist()
    return WithAndWithout(
        _percentile(first, means[:, 0], level),
        _percentile(second, means[:, 1], level),
        _percentile(second - first, means[:, 1] - means[:, 0], level),
        n,
        m,
    )


def seed_spread(values: np.ndarray, level: float = 0.95) -> Interval:
    """Student's t interval for the mean of one value per seed ``(seeds,)``, the test set taken as given; NaN bounds for
    one seed."""
    from scipy import stats

    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan, level)
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half, level)


def spearman_interval(
    x: np.ndarray, y: np.ndarray, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Spearman's rank correlation of two ``(n,)`` vectors, with a percentile interval that resamples pairs and ranks
    them anew.

    NaN where it is not defined: fewer than three pairs, or a constant vector.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n = len(x)
    if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Interval(math.nan, math.nan, math.nan, level)
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK_NUMBERS // n)
    found = []
    for start in range(0, resamples, block):
        picked = generator.integers(n, size=(min(block, resamples - start), n))
        found.append(_spearman(x[picked], y[picked]))
    return _percentile(float(_spearman(x[None], y[None])[0]), np.concatenate(found), level)


def bootstrap(
    statistic: Callable[[np.ndarray], float], n: int, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile interval for any statistic of ``n`` samples; ``statistic(indices)`` gets the drawn indices ``(n,)``.

    For figures such as AUROC or average precision, whose resampled value has no closed form. NaN draws (a resample with
    a single class) are left out.
    """
    generator = np.random.default_rng(seed)
    drawn = np.array([statistic(generator.integers(n, size=n)) for _ in range(resamples)], dtype=np.float64)
    return _percentile(float(statistic(np.arange(n))), drawn, level)


def auc_with_variance(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Area under the ROC curve of ``scores`` (n,) against ``truth`` (n,) bool, and its variance (DeLong, DeLong and
    Clarke-Pearson 1988, in the rank form of Sun and Xu 2014); ties count half. NaN when one kind is missing, NaN
    variance below two of a kind."""
    from scipy import stats

    scores = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(truth, dtype=bool)
    yes = scores[truth]
    no = scores[~truth]
    m, n = len(yes), len(no)
    if not m or not n:
        return math.nan, math.nan
    every = stats.rankdata(np.concatenate([yes, no]))
    above = (every[:m] - stats.rankdata(yes)) / n  # share of the others that each sought sample beats, (m,)
    below = 1 - (every[m:] - stats.rankdata(no)) / m  # (n,)
    variance = above.var(ddof=1) / m + below.var(ddof=1) / n if m > 1 and n > 1 else math.nan
    return float(above.mean()), float(variance)


def newcombe(
    hits_a: np.ndarray, n_a: np.ndarray, hits_b: np.ndarray, n_b: np.ndarray, z: float = 1.959964
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the difference of two independent shares, hits_a / n_a - hits_b / n_b, elementwise: (low, high),
    NaN without trials.

    Newcombe 1998 (Statistics in Medicine 17, 873), method 10, from two Wilson score intervals: stays inside -1 to 1 and
    keeps its width at shares of 0 and 1.
    """
    (a, a_low, a_high), (b, b_low, b_high) = wilson(hits_a, n_a, z), wilson(hits_b, n_b, z)
    below, above = np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low)
    return a - b - below, a - b + above


def wilson(hits: np.ndarray, n: np.ndarray, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares ``hits / n`` with the ends of their Wilson score intervals at ``z`` normal deviations, elementwise."""
    hits, n = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / n
        squared = z * z / n
        middle = (share + squared / 2) / (1 + squared)
        half = z * np.sqrt(share * (1 - share) / n + squared / (4 * n)) / (1 + squared)
    return share, middle - half, middle + half


def _resampled_counts(generator: np.random.Generator, n: int, resamples: int) -> Iterator[tuple[int, np.ndarray]]:
    """How often each of n samples is drawn, ``(b, n)``, in blocks of resamples."""
    block = max(1, BLOCK_NUMBERS // n)
    for start in range(0, resamples, block):
        yield start, generator.multinomial(n, np.full(n, 1 / n), size=min(block, resamples - start)).astype(np.float64)


def _spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy import stats

    a, b = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)  # (resamples, n), ties share their mean rank
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), scale, out=np.full(len(x), math.nan), where=scale > 0)


def _percentile(estimate: float, drawn: np.ndarray, level: float) -> Interval:
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(estimate, math.nan, math.nan, level)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(low), float(high), level)
