"""The comparison itself: figures, tables and counts from the trainings before and after the edits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.statistics.intervals import spearman_interval
from attribution.studies.retrain.answers import said_by
from attribution.studies.retrain.changes import changes, flip_counts, flip_table, target_table
from attribution.studies.retrain.predicted import PredictedEffect
from attribution.studies.retrain.result import Change
from attribution.studies.retrain.study import RetrainConfig
from attribution.tasks import task_of

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.studies.retrain.own import Answered
    from attribution.training.run import Run


@dataclass(frozen=True)
class Proof:
    """The task's figures by name, the deciding one first; the tables that are kept, by name; what influence predicted
    beside what happened; and how many predictions were put right and broken."""

    changes: dict[str, Change]
    tables: dict[str, pd.DataFrame]
    prediction: dict[str, Any]
    flips: dict[str, int | None]

    @property
    def main(self) -> Change:
        """The figure that decides."""
        return next(iter(self.changes.values()))


def prove(
    dataset: "Dataset",
    after: "Labels",
    test: np.ndarray,
    trained: "tuple[Sequence[Run | Answered], Sequence[Run | Answered]]",
    effect: PredictedEffect,
    weighed: str,
    config: RetrainConfig,
) -> Proof:
    """Compare the models trained before and after, one per seed, on the ``test`` rows with the labels of ``after``;
    ``weighed`` is the unit of the predicted effect, "" where none could be predicted."""
    task = task_of(dataset.info)
    values = after.values[test]
    figures = task.figures
    old, new = (said_by(dataset, runs, test, values) for runs in trained)  # (s, n) each
    actual = (new["loss"] - old["loss"]).mean(axis=0)  # (n,)
    flips = flip_table(dataset, test, values, old, new)
    groups = task.targets.groups(values)
    together = dataset.groups(test)
    found = changes(figures, old, new, values, config, together)
    return Proof(
        changes=found,
        tables={
            "by_target": target_table(figures[0], groups, old, new, values, config, together),
            "flips": flips,
            "predicted": pd.DataFrame({"row": test, "predicted": effect.by_test, "actual": actual}),
            "acted": effect.acted,
        },
        prediction=_predicted(effect, actual, config, found["loss"].reading.unit if weighed == "nats" else weighed),
        flips=flip_counts(flips, old),
    )


def _predicted(effect: PredictedEffect, actual: np.ndarray, config: RetrainConfig, unit: str) -> dict[str, Any]:
    """Predicted beside real change of the test losses."""
    if not unit:
        return {}
    return {
        "spearman": spearman_interval(effect.by_test, actual, config.bootstrap, config.level).to_json(),
        "predicted": float(effect.by_test.mean()),
        "actual": float(actual.mean()),
        "unit": unit,
    }
