"""Whether the test set looks like the training set: a classifier that tries to tell them apart, and what gives them
away."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.modalities.space import Space
from attribution.progress import Progress
from attribution.statistics.intervals import Interval, auc_with_variance
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.mislabels.out_of_fold import assign_folds
from attribution.studies.shift.differences import differences
from attribution.studies.shift.spaces import space_of
from attribution.studies.shift.study import ShiftConfig

if TYPE_CHECKING:
    import pandas as pd


FORMAT = 1  # raise when the same request would give another result than before


def request(context: Context, config: ShiftConfig) -> Request:
    """The space, and with a representation the model that gives it; ``UserError`` when a split is too small."""
    kind = "inputs" if config.space == "auto" else config.space
    run = context.run if kind == "representation" else None
    if kind not in ("inputs", "representation") or (kind == "representation" and run is None):
        raise UserError(
            f"There is no comparison by {config.space!r}.", "", "Use inputs, or representation with a trained model."
        )
    rows = _rows(context, config.folds)
    said: dict[str, Any] = {
        "format": FORMAT,
        "space": kind,
        "version": context.labels.version,
        "run": run.id if run else "",
    }
    said |= {"weights": context.weights} if run else {}
    said |= {name: getattr(config, name) for name in ("folds", "regions", "shown", "level", "seed")}
    return Request(said, ready=(run, rows))


def _rows(context: Context, folds: int) -> dict[str, np.ndarray]:
    """The active rows of each split."""
    dataset, labels = context.dataset, context.labels
    why = "The test samples are compared with the training samples, two of each in every fold."
    rows = {name: active_rows(dataset, labels, name, why, least=4) for name in ("train", "test")}
    for name, found in rows.items():
        if len(found) < 2 * folds:
            do = f"Use at most {len(found) // 2} folds."
            raise UserError(f"There are {len(found)} {name} samples.", f"{folds} folds need {2 * folds}.", do)
    return {**rows, "val": dataset.rows("val")[labels.active[dataset.rows("val")]]}


def compute(context: Context, config: ShiftConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Adversarial validation of the active training against the active test samples.

    A cross-fitted classifier (logistic regression; boosted trees on the columns of a table) is trained to say which
    samples are test samples; copies of one sample share a fold. The AUC is the mean over the folds, its interval from
    DeLong's variance of each. A model's representation has seen the training samples, so part of what tells them apart
    may be memory: the same is measured for the validation set as a control. Costs 2 x folds small fits.
    Source: Qian et al., Managing dataset shift by adversarial validation, arXiv 2112.10078.
    """
    dataset, (run, rows) = context.dataset, asked.ready
    space = space_of(dataset, run, asked.said["space"])
    both = np.concatenate([rows["train"], rows["test"]])
    is_test = np.isin(both, rows["test"])
    p, auc, importance = _cross_fit(dataset, space, both, is_test, config, work.part(0.0, 0.6))
    control = None
    if len(rows["val"]) >= 2 * config.folds:
        pair = np.concatenate([rows["train"], rows["val"]])
        control = _cross_fit(
            dataset, space, pair, np.isin(pair, rows["val"]), config, work.part(0.6, 0.9), columns=False
        )[1]
    table = differences(dataset, context.labels.values, space, rows["train"], rows["test"], importance, config)
    write_table(out / "differences.parquet", table)
    write_table(out / "samples.parquet", _extremes(both, is_test, p, config.shown))
    return {
        "auc": auc.to_json(),
        "control": control.to_json() if control else None,
        "p_value": _p_value(auc),
        "counts": {name: len(found) for name, found in rows.items()},
        "classifier": space.words,
    }


def _cross_fit(
    dataset: "Dataset",
    space: Space,
    rows: np.ndarray,
    sought: np.ndarray,
    config: ShiftConfig,
    progress: Progress,
    columns: bool = True,
) -> tuple[np.ndarray, Interval, dict[str, float]]:
    """Out-of-fold probability (n,) of being sought, with both kinds weighed alike; the AUC; and the AUC lost without
    each column."""
    folds = assign_folds(sought.astype(np.int64), dataset.hashes[rows], config.folds, config.seed)
    p = np.full(len(rows), 0.5)
    areas = []
    variances = []
    lost: dict[str, list[float]] = {}
    chance = np.random.default_rng(config.seed)
    for fold in range(config.folds):
        held = folds == fold
        progress.update(fold, config.folds, f"fold {fold + 1} of {config.folds}")
        if not held.any() or len(np.unique(sought[~held])) < 2:
            continue
        model = space.classifier(config.seed)
        model.fit(space.features[rows[~held]], sought[~held])
        p[held] = model.predict_proba(space.features[rows[held]])[:, 1]
        area, variance = auc_with_variance(p[held], sought[held])
        if math.isfinite(variance):
            areas.append(area)
            variances.append(variance)
            for name, place in (space.columns if columns else {}).items():
                shuffled = np.array(space.features[rows[held]])
                shuffled[:, place] = shuffled[chance.permutation(len(shuffled))][:, place]
                area_without, _ = auc_with_variance(model.predict_proba(shuffled)[:, 1], sought[held])
                lost.setdefault(name, []).append(area - area_without)
    if not areas:
        return p, Interval(math.nan, math.nan, math.nan, config.level), {}
    from scipy import stats

    error = math.sqrt(sum(variances)) / len(variances)
    mean = float(np.mean(areas))
    reach = float(stats.norm.ppf(0.5 + config.level / 2)) * error
    auc = Interval(mean, max(0.0, mean - reach), min(1.0, mean + reach), config.level)
    return p, auc, {name: float(np.mean(drops)) for name, drops in lost.items()}


def _p_value(auc: Interval) -> float:
    from scipy import stats

    error = (auc.high - auc.low) / 2 / stats.norm.ppf(0.5 + auc.level / 2)
    return float(stats.norm.sf((auc.estimate - 0.5) / error)) if error > 0 else float(auc.estimate <= 0.5)


def _extremes(rows: np.ndarray, is_test: np.ndarray, p: np.ndarray, shown: int) -> "pd.DataFrame":
    import pandas as pd

    parts = []
    for split, members, sign in (("train", ~is_test, -1.0), ("test", is_test, 1.0)):
        order = np.lexsort((rows[members], sign * p[members]))[:shown]
        found = {
            "row": rows[members][order],
            "split": split,
            "p_test": p[members][order],
            "rank": np.arange(1, len(order) + 1),
        }
        parts.append(pd.DataFrame(found))
    return pd.concat(parts, ignore_index=True)
