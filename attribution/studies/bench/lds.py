"""Linear datamodeling score (LDS): do summed influences rank random subsets as retraining on them does?

For query q and subset S the estimator predicts ``sum of influence(i, q) over i in S``: more helpful samples, lower
loss. The LDS of q is Spearman's correlation over the subsets of that prediction with minus the loss of q after
retraining on S; the LDS of the estimator is the mean over the queries (Park et al. 2023, TRAK, arXiv 2303.14186,
section 2). 1 is perfect, 0 is what chance gives. Retraining is itself noisy, so even a perfect estimator stays under 1:
``ceiling`` says where.
"""

from collections.abc import Callable

import numpy as np

from attribution.statistics.intervals import Interval
from attribution.statistics.ranking import average_ranks

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]
RESAMPLES = 1000


def summed(members: np.ndarray, influence: np.ndarray) -> np.ndarray:
    """What an estimator predicts for every subset ``(m, q)``: the influence (n, q) of its members (m, n), added up.

    NaN counts as 0 (a query that is itself a training row).
    """
    return np.asarray(members.astype(np.float64) @ np.nan_to_num(influence.astype(np.float64)))


def cross_fitted(members: np.ndarray, outputs: np.ndarray, fit: Fit, folds: int = 5) -> np.ndarray:
    """What an estimator that is fitted to these very subsets predicts for each ``(m, q)`` when that one's fold is held
    out.

    ``fit(members, outputs)`` gives linear coefficients (n, q). Judged on the subsets it was fitted to, it would be
    right by heart. Up to a constant, the same in all folds: the mean of the other folds would lean away from the
    held-out answers and count against the fit.
    """
    fold = np.arange(len(members)) % folds
    found = np.empty_like(outputs, dtype=np.float64)
    for held in np.unique(fold):
        x = members[fold != held].astype(np.float64)
        y = outputs[fold != held]
        found[fold == held] = (members[fold == held] - members.mean(0)) @ fit(x, y)
    return found


def per_query(predicted: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """LDS of every query ``(q,)``.

    ``predicted`` (m, q) as from ``summed``, ``outputs`` (m, q): what should rise with the predicted help (minus the
    loss, or the margin). 0 for a query with equal predictions everywhere, NaN for equal outputs.
    """
    predicted, actual = _standard(predicted), _standard(outputs)
    found = (predicted * actual).mean(0)
    return np.where(np.isfinite(predicted).all(0), found, np.where(np.isfinite(actual).all(0), 0.0, np.nan))


def draws(predicted: np.ndarray, outputs: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Resampled LDS ``(resamples,)``: subsets and queries both drawn with replacement (the pigeonhole bootstrap, Owen
    2007).

    The same seed draws the same subsets and queries, so the draws of two estimators can be subtracted. Ranks are those
    among all subsets.
    """
    m, q = outputs.shape
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(m, np.full(m, 1 / m), size=resamples) / m  # (r, m)
    columns = generator.integers(q, size=(resamples, q))
    a, b = _standard(predicted), _standard(outputs)
    known = np.isfinite(b).all(0)
    a = np.nan_to_num(a)
    b = np.nan_to_num(b)
    mean_a, mean_b = weights @ a, weights @ b  # (r, q)
    covariance = weights @ (a * b) - mean_a * mean_b
    scale = np.sqrt((weights @ (a * a) - mean_a**2) * (weights @ (b * b) - mean_b**2))
    each = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 1e-9)
    each[:, ~known] = np.nan
    return np.asarray(np.nanmean(np.take_along_axis(each, columns, axis=1), axis=1))


def lds(
    predicted: np.ndarray, outputs: np.ndarray, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean LDS over the queries, with a percentile interval over subsets and queries."""
    value = float(np.nanmean(per_query(predicted, outputs)))
    return interval(value, draws(predicted, outputs, resamples, seed), level)


def interval(value: float, drawn: np.ndarray, level: float = 0.95) -> Interval:
    """The percentile interval of resampled values around an estimate."""
    low, high = np.nanquantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(value, float(low), float(high), level)


def ceiling(first: np.ndarray, second: np.ndarray) -> float:
    """The LDS that a perfect estimator would reach on the mean of two independent retrainings, mean over the queries.

    ``first`` and ``second`` (m, q) are the outputs of the two repeats. With r their rank correlation, the mean of both
    has reliability 2 r / (1 + r) (Spearman-Brown), and its correlation with the truth is the root of that.
    """
    r = np.nanmean((_standard(first) * _standard(second)).mean(0))
    return float(np.sqrt(max(0.0, 2 * r / (1 + r)))) if r > -1 else 0.0


def _standard(values: np.ndarray) -> np.ndarray:
    """Ranks along the first axis with mean 0 and variance 1; NaN in a column of equal values."""
    ranks = np.stack([average_ranks(column) for column in values.T], axis=1)
    ranks = ranks - ranks.mean(0)
    spread = ranks.std(0)
    return np.divide(ranks, spread, out=np.full_like(ranks, np.nan), where=spread > 0)
