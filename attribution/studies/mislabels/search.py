"""The search itself: every detector's word on every training row, one queue, the cases of the first, all written."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.detectors import counted, defaults, detectors
from attribution.detectors.base import Detector, Evidence, Units
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.storage.files import whole_file
from attribution.storage.tables import write_table
from attribution.studies.mislabels.cases import cases
from attribution.studies.mislabels.judges import judge_of
from attribution.studies.mislabels.out_of_fold import TrainFold, assign_folds, out_of_fold
from attribution.studies.mislabels.queue import rule, table
from attribution.studies.mislabels.study import FlagConfig

if TYPE_CHECKING:
    import pandas as pd

    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


def chosen(config: FlagConfig, task: "Task") -> dict[str, Detector]:
    """The detectors to run, by name: those asked for, else the task's defaults. ``UserError`` for one that cannot judge
    such targets."""
    names = list(config.detectors) or defaults(task.kind)
    units = Units.of(task)
    for name in names:
        detectors.get(name).check(task)
    return {name: detectors.get(name)(units) for name in names}


def search(
    trained: "TrainedModel",
    config: FlagConfig,
    found: dict[str, Detector],
    train_fold: TrainFold,
    folder: Path,
    work: Progress,
) -> dict[str, Any]:
    """Run the detectors and write the queue, cases, neighbours and predictions to ``folder``; what ``config.json`` is
    to say of them."""
    folds = held_out_predictions(trained, config, train_fold, folder / "folds", work.part(0.0, 0.7))
    evidence = Evidence(trained, folds, config.neighbors)
    values, skipped = run_all(found, evidence, bool(config.detectors), work.part(0.7, 0.85))
    judge = judge_of(evidence, evidence.asked_held_out, config.seed)
    queue = table(evidence, values, judge)
    suspects = queue.sort_values("position")["row"].to_numpy()[: min(config.cases, int(judge.judged.sum()))]
    pairs = _cases(trained, suspects, work.part(0.85, 1.0))
    _write(folder, queue, pairs, evidence.rows[evidence.nearest[0]], judge.kept)
    combined = counted(values)
    about = {
        "detectors": {name: found[name].title for name in values},
        "skipped": skipped,
        "combined": combined,
        "rule": rule(combined, judge.kind == "class"),
        "held_out": judge.held_out,
        **judge.facts(),
        "n_train": len(evidence.rows),
    }
    units = Units.of(evidence.task)
    if units != Units():
        about["units"] = asdict(units)
    if evidence.recall < 1:
        about["neighbors_recall"] = evidence.recall
    return about


def held_out_predictions(
    trained: "TrainedModel", config: FlagConfig, train_fold: TrainFold, cache: Path, progress: Progress
) -> Callable[[], np.ndarray]:
    """What models that did not train on the row say of it (n, ...): trained, a fold each, when first asked for."""

    def compute() -> np.ndarray:
        rows = trained.rows
        if trained.run.config.get("out_of_fold"):  # the run's own predictions are such
            return np.asarray(trained.run.outputs()[rows])
        given = np.asarray(trained.labels.values[rows])
        strata = trained.task.targets.strata(given)
        folds = assign_folds(strata, trained.dataset.hashes[rows], min(config.folds, len(rows)), config.seed)
        said = np.asarray(trained.run.outputs()[rows])
        return out_of_fold(folds, rows, said.mean(0), train_fold, cache, progress)

    return compute


def run_all(
    found: dict[str, Detector], evidence: Evidence, asked_by_name: bool, progress: Progress
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every detector's values (n,) by name, and why others have none: those are errors if they were asked by name."""
    values: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    for done, (name, detector) in enumerate(found.items()):
        progress.update(done, len(found), detector.title.lower())
        try:
            column = detector.values(evidence)
        except UserError as problem:
            if asked_by_name:
                raise
            skipped[name] = str(problem)
            continue
        if not np.isfinite(column).all():
            bad = evidence.rows[~np.isfinite(column)]
            raise UserError(
                f"{detector.title} is not a finite number for {len(bad):,} samples, the first is "
                f"{evidence.trained.dataset.ids[bad[0]]}.",
                "The model's loss or gradients overflow there.",
                "Look at the training metrics; a lower learning rate usually helps.",
            )
        values[name] = column
    return values, skipped


def _cases(trained: "TrainedModel", suspects: np.ndarray, progress: Progress) -> "pd.DataFrame":
    return cases(trained, suspects if trained.asks_model else suspects[:0], progress)


def _write(folder: Path, queue: "pd.DataFrame", pairs: "pd.DataFrame", neighbors: np.ndarray, kept: np.ndarray) -> None:
    for name, frame in (("detectors", queue), ("cases", pairs)):
        write_table(folder / f"{name}.parquet", frame)
    for name, array in (("neighbors", neighbors.astype(np.int32)), ("out_of_fold", kept.astype(np.float32))):
        with whole_file(folder / f"{name}.npy") as temporary, open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
