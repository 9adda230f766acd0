"""What differs between two sets of samples: columns of a table, regions of the representation, targets; each with an
interval."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.modalities.space import Space, coded, raw_columns
from attribution.studies.shift.study import ShiftConfig
from attribution.studies.shift.targets import KIND, groups_of, nickname

if TYPE_CHECKING:
    import pandas as pd

    from attribution.tasks.base import Task

COLUMNS = ["kind", "name", "train", "test", "difference", "low", "high", "importance", "unit", "words", "row"]


def differences(
    dataset: "Dataset",
    labels: np.ndarray,
    space: Space,
    train: np.ndarray,
    test: np.ndarray,
    importance: dict[str, float],
    config: ShiftConfig,
) -> "pd.DataFrame":
    """The table of ``ShiftResult.differences``; within a kind the largest difference in standard errors comes first."""
    import pandas as pd

    lines = [
        *_columns(dataset, train, test, importance, config.level),
        *_regions(space, labels, dataset.task, train, test, config),
        *_targets(labels, dataset.task, train, test, config.level),
    ]
    table = pd.DataFrame(lines, columns=[*COLUMNS, "sureness"])
    order = {"column": 0, "region": 1, "label": 2, "value": 2}
    table["place"] = table["kind"].map(order)
    table = table.sort_values(["place", "sureness"], ascending=[True, False], kind="stable")
    return table[COLUMNS].reset_index(drop=True)


def _columns(
    dataset: "Dataset", train: np.ndarray, test: np.ndarray, importance: dict[str, float], level: float
) -> list[dict[str, Any]]:
    names = raw_columns(dataset.samples)
    lines = []
    for column in names:
        values, categories = coded(dataset.samples[column])
        name = column.removeprefix("col:")
        if categories:
            words = dataset.samples[column].astype("string").to_numpy(dtype=object, na_value="missing")
            line = _most_changed(words[train], words[test], level, len(names))
        else:
            line = _means(values[train], values[test], level, len(names))
        lines.append({"kind": "column", "name": name, "importance": importance.get(name, math.nan), "row": -1, **line})
    return lines


def _means(train: np.ndarray, test: np.ndarray, level: float, tests: int) -> dict[str, Any]:
    """Difference of the means in pooled standard deviations (Cohen's d), with its normal interval."""
    train, test = train[np.isfinite(train)], test[np.isfinite(test)]
    if len(train) < 2 or len(test) < 2:
        return {
            **_line(math.nan, math.nan, math.nan, 0.0, level, tests),
            "unit": "standard deviations",
            "words": "hardly ever known",
        }
    spread = math.sqrt((train.var(ddof=1) + test.var(ddof=1)) / 2)
    d = (test.mean() - train.mean()) / spread if spread > 0 else 0.0
    error = math.sqrt(1 / len(train) + 1 / len(test) + d * d / (2 * (len(train) + len(test))))
    line = _line(float(train.mean()), float(test.mean()), d, error if spread > 0 else 0.0, level, tests)
    words = (
        f"mean {train.mean():.4g} in training, {test.mean():.4g} in test: {d:+.2f} standard deviations "
        f"({line['low']:+.2f} to {line['high']:+.2f})"
    )
    return {**line, "unit": "standard deviations", "words": words}


def _most_changed(train: np.ndarray, test: np.ndarray, level: float, tests: int) -> dict[str, Any]:
    """The category whose share differs most surely."""
    names = np.unique(np.concatenate([train, test]).astype(str))
    lines = [
        (name, _shares((train == name).sum(), len(train), (test == name).sum(), len(test), level, tests * len(names)))
        for name in names
    ]
    name, line = max(lines, key=lambda pair: pair[1]["sureness"])
    return {**line, "unit": "share", "words": f"{name}: {_change(line)}"}


def _regions(
    space: Space, labels: np.ndarray, task: "Task", train: np.ndarray, test: np.ndarray, config: ShiftConfig
) -> list[dict[str, Any]]:
    """Clusters of both sets by k-means, named after their targets."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    rows = np.concatenate([train, test])
    points = StandardScaler().fit_transform(space.dense[rows])
    different = len(np.unique(points.round(9), axis=0))  # no more clusters than there are different samples
    k = min(config.regions, len(rows) // 20, different)
    if k < 2:
        return []
    fitted = KMeans(k, n_init=3, random_state=config.seed).fit(points)
    lines = []
    for region in np.unique(fitted.labels_):
        inside = fitted.labels_ == region
        members = rows[inside]
        nearest = members[np.argmin(((points[inside] - fitted.cluster_centers_[region]) ** 2).sum(1))]
        line = _shares(
            np.isin(members, train).sum(), len(train), np.isin(members, test).sum(), len(test), config.level, k
        )
        name = f"{region + 1}: {nickname(task, labels[members])}"
        lines.append(
            {
                "kind": "region",
                "name": name,
                **line,
                "importance": math.nan,
                "unit": "share",
                "words": _change(line),
                "row": int(nearest),
            }
        )
    return lines


def _targets(
    labels: np.ndarray, task: "Task", train: np.ndarray, test: np.ndarray, level: float
) -> list[dict[str, Any]]:
    groups = groups_of(task, labels, train)
    lines = []
    for name, inside in groups:
        line = _shares(inside[train].sum(), len(train), inside[test].sum(), len(test), level, len(groups))
        rest = {"importance": math.nan, "unit": "share", "words": _change(line), "row": -1}
        lines.append({"kind": KIND[task.kind], "name": name, **line, **rest})
    return lines


def _shares(hits: int, n: int, test_hits: int, test_n: int, level: float, tests: int) -> dict[str, Any]:
    """Difference of two shares with the interval of Agresti and Caffo (2000): one success and one failure are added to
    each."""
    a, b = (hits + 1) / (n + 2), (test_hits + 1) / (test_n + 2)
    error = math.sqrt(a * (1 - a) / (n + 2) + b * (1 - b) / (test_n + 2))
    line = _line(hits / n, test_hits / test_n, test_hits / test_n - hits / n, error, level, tests)
    shift = (b - a) - line["difference"]
    return {**line, "low": line["low"] + shift, "high": line["high"] + shift}


def _line(train: float, test: float, difference: float, error: float, level: float, tests: int) -> dict[str, Any]:
    from scipy import stats

    reach = float(stats.norm.ppf(1 - (1 - level) / 2 / tests)) * error
    sureness = abs(difference) / error if error > 0 else 0.0
    return {
        "train": train,
        "test": test,
        "difference": difference,
        "low": difference - reach,
        "high": difference + reach,
        "sureness": sureness,
    }


def _change(line: dict[str, Any]) -> str:
    low, high = 100 * line["low"], 100 * line["high"]
    return (
        f"{100 * line['train']:.1f} % of training, {100 * line['test']:.1f} % of test: {100 * line['difference']:+.1f} "
        f"points ({low:+.1f} to {high:+.1f})"
    )
