"""Whether the test set looks like the training set: a classifier that tries to tell them apart, and what gives them
away."""

import math
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import ShiftConfig, fingerprint
from attribution.statistics.intervals import Interval, auc_with_variance
from attribution.storage.artefact import Artefact
from attribution.storage.files import file_hash
from attribution.storage.sums import finish
from attribution.storage.tables import read_table, write_table
from attribution.studies.mislabels.out_of_fold import assign_folds
from attribution.studies.shift.spaces import Space, space_of

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.run import Run

FORMAT = 1  # raise when the same request would give another result than before
SLIGHT, CLEAR = 0.6, 0.75  # AUC: from here "sometimes" and "usually"; words only, nothing is decided by them


class ShiftResult(Artefact):
    """One comparison of the test with the training set: ``NAME/shifts/SHIFT``.

    ``config`` holds the request, space, counts, ``auc`` and ``control`` (intervals; control is training against
    validation, None without a validation set), p_value, seconds_s.
    """

    what = "comparison of test and training data"

    @property
    def space(self) -> str:
        """What the classifier was given: inputs or representation."""
        return str(self.config["space"])

    @property
    def auc(self) -> Interval:
        """Chance that a test sample looks more like one than a training sample does; 0.5 is no difference."""
        return Interval.from_json(self.config["auc"])

    @property
    def control(self) -> Interval | None:
        """The same for validation against training samples: what the split itself, or the model's memory of its
        training data, gives away."""
        found = self.config["control"]
        return Interval.from_json(found) if found else None

    @property
    def p_value(self) -> float:
        """One-sided: how often an AUC this large would come about by chance if both sets were drawn alike."""
        return float(self.config["p_value"])

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """The extremes: row, split, p_test (0..1: how test-like it looks to a classifier that did not train on it, were
        both sets of one size), rank (1 = most test-like of the training samples, most train-like of the test
        samples)."""
        return self._table("samples")

    @cached_property
    def differences(self) -> "pd.DataFrame":
        """What differs, the surest difference first: kind (column, region or label), name, train, test (mean or share
        of one), difference with low and high (in standard deviations for a numeric column, else in shares), importance
        (drop of the AUC without the column; NaN if not measured), unit, words, row (a typical sample of a region, else
        -1). Intervals are widened for the number of lines of their kind (Bonferroni)."""
        return self._table("differences")

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        return verdict(self.auc, self.config["counts"])

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")


def verdict(auc: Interval, counts: dict[str, int]) -> str:
    """Can it tell, in words with the AUC and its interval."""
    if not math.isfinite(auc.low):
        return f"{counts['test']:,} test samples are too few to tell."
    figures = f"AUC {auc.estimate:.2f} ({auc.low:.2f} to {auc.high:.2f})"
    if auc.low <= 0.5:
        return f"A classifier cannot tell your test set from your training set: {figures}."
    word = "barely" if auc.estimate < SLIGHT else "sometimes" if auc.estimate < CLEAR else "usually"
    return f"A classifier can {word} tell your test set from your training set: {figures}."


def compare(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run | None",
    config: ShiftConfig,
    out: Path,
    progress: Progress | None = None,
) -> ShiftResult:
    """Adversarial validation of the active training against the active test samples; the result is in ``out/ID``.

    A cross-fitted classifier (logistic regression; boosted trees on the columns of a table) is trained to say which
    samples are test samples; copies of one sample share a fold. The AUC is the mean over the folds, its interval from
    DeLong's variance of each. ``run`` gives the representation when that is asked for; it has seen the training
    samples, so part of what tells them apart may be memory: the same is measured for the validation set as a control.
    Costs 2 x folds small fits. ``UserError`` when a split is too small. Source: Qian et al., Managing dataset shift by
    adversarial validation, arXiv 2112.10078.
    """
    work = progress or Progress()
    started_s = time.perf_counter()
    kind = "inputs" if config.space == "auto" else config.space
    if kind not in ("inputs", "representation") or (kind == "representation" and run is None):
        raise UserError(
            f"There is no comparison by {config.space!r}.", "", "Use inputs, or representation with a trained model."
        )
    why = "The test samples are compared with the training samples, two of each in every fold."
    rows = {name: active_rows(dataset, labels, name, why, least=4) for name in ("train", "test")}
    rows["val"] = dataset.rows("val")[labels.active[dataset.rows("val")]]
    for name in ("train", "test"):
        if len(rows[name]) < 2 * config.folds:
            do = f"Use at most {len(rows[name]) // 2} folds."
            raise UserError(
                f"There are {len(rows[name])} {name} samples.", f"{config.folds} folds need {2 * config.folds}.", do
            )
    request: dict[str, Any] = {"format": FORMAT, "space": kind, "version": labels.version, "run": run.id if run else ""}
    request |= {"weights": file_hash(Path(run.checkpoints[-1][0]))} if run else {}
    request |= {name: getattr(config, name) for name in ("folds", "regions", "shown", "level", "seed")}
    result = ShiftResult(Path(out) / fingerprint(request))
    if result.finished:
        return result
    result.folder.mkdir(parents=True, exist_ok=True)
    space = space_of(dataset, run, kind)
    both = np.concatenate([rows["train"], rows["test"]])
    is_test = np.isin(both, rows["test"])
    p, auc, importance = _cross_fit(dataset, space, both, is_test, config, work.part(0.0, 0.6))
    control = None
    if len(rows["val"]) >= 2 * config.folds:
        pair = np.concatenate([rows["train"], rows["val"]])
        control = _cross_fit(
            dataset, space, pair, np.isin(pair, rows["val"]), config, work.part(0.6, 0.9), columns=False
        )[1]
    from attribution.studies.shift.differences import differences

    table = differences(dataset, labels.values, space, rows["train"], rows["test"], importance, config)
    write_table(result.folder / "differences.parquet", table)
    write_table(result.folder / "samples.parquet", _extremes(both, is_test, p, config.shown))
    counts = {name: len(found) for name, found in rows.items()}
    facts = {
        "auc": auc.to_json(),
        "control": control.to_json() if control else None,
        "p_value": _p_value(auc),
        "counts": counts,
    }
    finish(result.folder, {**request, **facts, "classifier": space.words, "seconds_s": time.perf_counter() - started_s})
    work.update(1, 1, "done")
    return result


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
