"""Usefulness: wrong labels planted in a sandbox copy, and how well every detector and estimator finds them.

The user's labels are never touched: the flips live in a ``Labels`` value, the model trained on them in a folder of its
own. Errors that the labels already hold count as right answers missed, so on such data the figures are lower bounds;
their order still compares.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset, Labels
from attribution.detectors import detectors
from attribution.detectors.base import Evidence
from attribution.detectors.planting import plant as plant_values
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.progress import Progress
from attribution.statistics.ranking import Metric, auroc, average_precision, precision_at, with_interval

if TYPE_CHECKING:
    import pandas as pd

    from attribution.training.trained import TrainedModel

VALIDATION = 100  # validation samples that estimators are asked about
RESAMPLES = 400


@dataclass(frozen=True)
class Found:
    """Suspicion (n,) that one detector or estimator gives, higher = more suspicious, and what it cost alone."""

    name: str
    kind: str
    values: np.ndarray
    seconds_s: float


def plant(dataset: "Dataset", labels: "Labels", share: float, seed: int = 0) -> tuple["Labels", np.ndarray]:
    """A copy of the labels with ``share`` of the active training ones set wrong, classes uniformly; and which ``(n,)``
    bool, in the order of ``labels.train_rows``. ``UserError`` when that is none or all of them."""
    rows = labels.train_rows(dataset)
    count = round(share * len(rows))
    if len(rows) < 2:
        raise UserError(
            f"{len(rows)} training samples are left.",
            "Some labels are set wrong, and detectors look for them.",
            "Keep more samples.",
        )
    if not 0 < count < len(rows):
        raise UserError(
            f"A share of {share:g} of {len(rows):,} labels is {count:,} labels.",
            "Some are set wrong, and detectors are judged by what they find among the rest.",
            f"Set planted_share to between {1 / len(rows):.2g} and {1 - 1 / len(rows):.2g}.",
        )
    chance = np.random.default_rng([seed, 1])
    planted = np.zeros(len(rows), dtype=bool)
    planted[chance.permutation(len(rows))[:count]] = True
    values = labels.values.copy()
    wrong = rows[planted]
    values[wrong] = plant_values(dataset.task.targets, values[wrong], chance)[0]
    return Labels.of(dataset, values, labels.active), planted


def by_detectors(
    trained: "TrainedModel", names: Sequence[str], out_of_fold: Callable[[], np.ndarray]
) -> tuple[list[Found], dict[str, str]]:
    """What the detectors say, each with evidence of its own so that its seconds are its alone; and why others cannot
    (name -> why).

    The out-of-fold predictions are made once; their time counts for every detector that reads them.
    """
    found = []
    skipped = {}
    held: list[tuple[np.ndarray, float]] = []

    def read() -> np.ndarray:
        if not held:
            started_s = time.perf_counter()
            held.append((out_of_fold(), time.perf_counter() - started_s))
        asked.append(True)
        return held[0][0]

    for name in names:
        asked: list[bool] = []
        already_s = held[0][1] if held else 0.0
        started_s = time.perf_counter()
        try:
            detectors.get(name).check(trained.dataset.task)
            values = detectors.get(name)().values(Evidence(trained, read))
        except UserError as problem:
            skipped[name] = str(problem)
            continue
        spent_s = time.perf_counter() - started_s + (already_s if asked else 0.0)
        found.append(Found(name, "detector", np.asarray(values, dtype=np.float64), spent_s))
    return found, skipped


def by_estimators(
    trained: "TrainedModel", names: Sequence[str], seed: int = 0, progress: Progress | None = None
) -> tuple[list[Found], dict[str, str]]:
    """What estimators say: the harm to the worst class of the validation samples, ``-min_c sum over v in c of
    influence(i, v)``; where targets are no classes, the harm alone, ``-sum over v of min(0, influence(i, v))``.

    Summed over all classes the pulls cancel (arXiv 2506.11584). ``VALIDATION`` samples are asked about, drawn evenly
    from the classes.
    """
    validation = _validation(trained, seed)
    if not len(validation):
        return [], dict.fromkeys(names, "There are no validation samples to be harmed.")
    classes = trained.labels.values[validation] if trained.dataset.task.kind == "class" else None
    found = []
    skipped = {}
    for done, name in enumerate(names):
        (progress or Progress()).update(done, len(names), name)
        started_s = time.perf_counter()
        try:
            matrix = influence_matrix(trained, name, [int(row) for row in validation], seed)
        except UserError as problem:
            skipped[name] = str(problem)
            continue
        found.append(Found(name, "estimator", _harm(matrix, classes), time.perf_counter() - started_s))
    return found, skipped


def _harm(matrix: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    """Suspicion (n,) from influences (n, v) on validation samples of these classes (v,)."""
    if classes is None:
        return np.asarray(-np.minimum(matrix, 0).sum(1))
    sums = np.stack([matrix[:, classes == label].sum(1) for label in np.unique(classes)], axis=1)  # (n, c)
    return np.asarray(-sums.min(1))


def influence_matrix(trained: "TrainedModel", name: str, queries: Sequence[int], seed: int = 0) -> np.ndarray:
    """An estimator's influences ``(n, q)`` float64 of the active training rows on these samples, in memory."""
    estimator = estimators.get(name)(trained, seed)
    estimator.prepare([Query(str(row), (row,)) for row in queries])
    size = trained.batch_size
    parts = [
        estimator.score(trained.rows[start : start + size]).influence for start in range(0, len(trained.rows), size)
    ]
    return np.nan_to_num(np.concatenate([part.double().numpy() for part in parts]))


def _validation(trained: "TrainedModel", seed: int) -> np.ndarray:
    """Active validation rows, at most ``VALIDATION``, the classes as even as they can be."""
    rows = trained.dataset.rows("val")
    rows = np.random.default_rng([seed, 2]).permutation(rows[trained.labels.active[rows]])
    labels = trained.dataset.task.targets.strata(trained.labels.values[rows])
    turn = np.zeros(len(rows), dtype=np.int64)
    for label in np.unique(labels):
        turn[labels == label] = np.arange((labels == label).sum())
    return np.sort(rows[np.argsort(turn, kind="stable")[:VALIDATION]])


def table(
    found: Sequence[Found], labels: np.ndarray | None, planted: np.ndarray, budget: float, seed: int = 0
) -> "pd.DataFrame":
    """All figures with 95 % intervals over the samples, over all (label -1) and for every class of the given labels
    ``(n,)``, if they are classes.

    Columns as in ``BenchResult.usefulness``. A class without planted labels, or with nothing else, has no line.
    """
    import pandas as pd

    figures: dict[str, Metric] = {
        "ap": average_precision,
        "auroc": auroc,
        "precision": partial(precision_at, share=budget),
    }
    lines: list[dict[str, Any]] = []
    for each in found:
        for label in (-1, *([] if labels is None else np.unique(labels))):
            chosen = np.ones(len(planted), dtype=bool) if label < 0 else labels == label
            truth = planted[chosen]
            if not truth.any() or truth.all():
                continue
            line: dict[str, Any] = {"name": each.name, "kind": each.kind, "label": int(label)}
            resamples = RESAMPLES if label < 0 else RESAMPLES // 4
            for figure, measure in figures.items():
                got = with_interval(measure, each.values[chosen], truth, resamples=resamples, seed=seed)
                line |= {figure: got.estimate, f"{figure}_low": got.low, f"{figure}_high": got.high}
            lines.append(
                {**line, "samples": int(chosen.sum()), "planted": int(truth.sum()), "seconds_s": each.seconds_s}
            )
    return pd.DataFrame(lines)
