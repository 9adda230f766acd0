"""What is near to a page's question where the question does not apply: errors by part of the targets, and what the
model knows only by training on it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.views.numbers import share_interval

if TYPE_CHECKING:
    from attribution.studies.mislabels.result import FlagResult
    from attribution.tasks.base import Task


def by_part(task: "Task", said: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """How the model does in each part of the targets (class, band of values, label), with 95 % intervals, and what is
    measured: the mean absolute error of numbers, else the share right in percent. ``said``: lines of
    ``Project.predictions``. Columns: name (with the count), estimate, low, high."""
    number = task.kind == "number"
    lines = []
    for name, inside in task.targets.groups(said["label"].to_numpy()).items():
        mine = said[inside]
        if not len(mine):
            continue
        estimate, low, high = _mean_error(mine["error"]) if number else _share_right(mine["correct"])
        lines.append({"name": f"{name} ({len(mine):,})", "estimate": estimate, "low": low, "high": high})
    unit = f", {task.target_unit}" if number and task.target_unit else ""
    return pd.DataFrame(lines), f"mean absolute error{unit}" if number else "right, %"


def _mean_error(errors: pd.Series) -> tuple[float, float, float]:
    size = errors.abs()
    half = 1.96 * float(size.std()) / len(size) ** 0.5 if len(size) > 1 else 0.0
    return float(size.mean()), max(0.0, float(size.mean()) - half), float(size.mean()) + half


def _share_right(right: pd.Series) -> tuple[float, float, float]:
    low, high = share_interval(int(right.sum()), len(right))
    return 100 * float(right.mean()), 100 * low, 100 * high


def known_by_training(task: "Task", flags: "FlagResult", said: pd.DataFrame, count: int) -> pd.DataFrame:
    """The training samples whose value the model comes near to only because it was trained on it, the largest
    difference first: row, ``trained`` and ``held_out``, how far the model and one that never saw the value are off in
    the target's unit. ``said``: ``Project.predictions``."""
    rows = flags.detectors["row"].to_numpy(dtype=np.int64)
    mine = said.loc[rows]
    held_out = task.said_kept(np.asarray(flags.out_of_fold), mine["label"].to_numpy())["prediction"]
    found = pd.DataFrame(
        {
            "row": rows,
            "trained": mine["error"].abs().to_numpy(),
            "held_out": np.abs(held_out - mine["label"].to_numpy()),
        }
    )
    order = np.argsort(-(found["held_out"] - found["trained"]).to_numpy(), kind="stable")
    return found.iloc[order[:count]].reset_index(drop=True)
