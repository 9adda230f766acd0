"""How well classes and slices are predicted: precision, recall and F1, and the figure of a part against the rest."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.statistics.intervals import newcombe, wilson

if TYPE_CHECKING:
    import pandas as pd

Z = 1.959964  # 95 %


def by_class(given: Mapping[str, np.ndarray], said: Mapping[str, np.ndarray]) -> "pd.DataFrame":
    """A line per class: name, n, predicted (counts), and precision, recall and f1 (0..1) with ``_low`` and ``_high``
    ends of 95 %.

    ``given`` and ``said`` hold for each class which samples have it, (n,) bool, as ``Targets.groups`` gives them.
    Precision and recall have Wilson's interval. F1 is 2 J / (1 + J) for J = hits / (hits + misses + false alarms), a
    share of independent trials, so its ends are those of J's Wilson interval, carried over. NaN without trials.
    """
    import pandas as pd

    hits = np.array([int((given[name] & said[name]).sum()) for name in given])
    n, predicted = (np.array([int(side[name].sum()) for name in given]) for side in (given, said))
    columns: dict[str, object] = {"name": list(given), "n": n, "predicted": predicted}
    for figure, trials in (("precision", predicted), ("recall", n), ("f1", n + predicted - hits)):
        ends = wilson(hits, trials, Z)
        if figure == "f1":
            ends = tuple(2 * each / (1 + each) for each in ends)  # type: ignore[assignment]
        columns |= dict(zip((figure, f"{figure}_low", f"{figure}_high"), ends, strict=True))
    return pd.DataFrame(columns)


def counts_of(table: "pd.DataFrame", n_classes: int) -> np.ndarray:
    """How often samples with one label (rows) are given a class (columns): (c, c) int64 from ``label`` and
    ``prediction`` of ``Project.predictions``; samples without a label are left out."""
    part = table[table["label"] >= 0]
    found = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(found, (part["label"].to_numpy(np.int64), part["prediction"].to_numpy(np.int64)), 1)
    return found


def most_mistaken(counts: np.ndarray, most: int) -> np.ndarray:
    """The ``most`` classes that are mistaken, or taken for another, most often: ascending places."""
    wrong = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
    return np.sort(np.argsort(-wrong, kind="stable")[:most])


def holm(p: Sequence[float]) -> np.ndarray:
    """P values (k,) adjusted for that k are looked at (Holm 1979): below .05 here is rare for any of them by chance;
    NaN stays."""
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def share_against_rest(inside: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """A share (n,) bool of ``right`` inside a part (n,) bool: value, low, high (Wilson), difference to the rest with
    Newcombe's ends, and p (two-sided, Fisher)."""
    from scipy import stats

    counts = [(int(right[part].sum()), int(part.sum())) for part in (inside, ~inside)]
    (a, n), (b, m) = counts
    ends = wilson(np.array([a]), np.array([n]), Z)
    value, low, high = (float(each[0]) for each in ends)
    apart = newcombe(np.array([a]), np.array([n]), np.array([b]), np.array([m]))
    below, above = (float(each[0]) for each in apart)
    difference = value - b / m if m else math.nan
    p = float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue) if m else math.nan
    return _line(value, low, high, difference, below, above, p)


def figure_against_rest(inside: np.ndarray, terms: np.ndarray, value: "object") -> dict[str, float]:
    """Any figure made of means of ``terms`` (..., n) by ``value``, inside a part (n,) bool and against the rest: the
    same, with ends and p by the delta method (normal)."""
    from scipy import stats

    found, spread = _delta(terms[..., inside], value)
    rest, rest_spread = _delta(terms[..., ~inside], value)
    both = math.hypot(spread, rest_spread)
    p = float(2 * stats.norm.sf(abs(found - rest) / both)) if both > 0 else math.nan
    ends = (found - Z * spread, found + Z * spread, found - rest, found - rest - Z * both, found - rest + Z * both)
    return _line(found, *ends, p)


def _line(
    value: float, low: float, high: float, difference: float, below: float, above: float, p: float
) -> dict[str, float]:
    ends = {"difference": difference, "difference_low": below, "difference_high": above}
    return {"value": value, "low": low, "high": high, **ends, "p": p}


def _delta(terms: np.ndarray, value: "object") -> tuple[float, float]:
    """A figure of means, and its standard error by the slope of ``value`` at them."""
    flat = np.atleast_2d(terms).astype(np.float64)  # (k, n)
    n = flat.shape[1]
    means = flat.mean(1) if n else np.full(len(flat), math.nan)
    shaped = means if np.ndim(terms) > 1 else means[0]
    here = float(value(shaped))  # type: ignore[operator]
    if n < 2:
        return here, math.nan
    slope = np.empty(len(means))
    for place, mean in enumerate(means):
        step = 1e-5 * max(abs(mean), 1e-9)
        moved = means.copy()
        moved[place] += step
        slope[place] = (float(value(moved if np.ndim(terms) > 1 else moved[0])) - here) / step  # type: ignore[operator]
    return here, math.sqrt(max(0.0, float(slope @ np.atleast_2d(np.cov(flat)) @ slope)) / n)
