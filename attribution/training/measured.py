"""What is measured of a split from a model's outputs: the task's figures, and the dynamics of each sample."""

from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from attribution.tasks.base import Task
from attribution.tasks.classification import PLAIN
from attribution.training.dynamics import OF_KIND, STEPS


def measure(task: "Task", outputs: Tensor, values: np.ndarray, epoch: int, split: str) -> list[dict[str, Any]]:
    """One line of the metrics table (epoch, split, loss, the task's other figures, n) from CPU ``outputs (n, ...)`` and
    ``Labels.values``; no line for an empty split."""
    return figures_of(task, task.said(outputs, values), values, epoch, split) if len(values) else []


def figures_of(
    task: "Task", said: dict[str, np.ndarray], values: np.ndarray, epoch: int, split: str
) -> list[dict[str, Any]]:
    """The same from what is said of the samples."""
    found = {one.name: float(one.value(np.asarray(one.terms(said, values)).mean(-1))) for one in task.figures}
    loss = found.pop("loss", float(np.mean(said["loss"])))
    return [{"epoch": epoch, "split": split, "loss": loss, **found, "n": len(values)}]


def dynamics_of(
    task: "Task", said: dict[str, np.ndarray], values: np.ndarray, rows: np.ndarray, epoch: int
) -> pd.DataFrame:
    """The dynamics of one epoch (columns and types as ``OF_KIND``) from what is said of these rows."""
    columns = {**said, "row": rows, "epoch": np.full(len(rows), epoch)}
    if task.kind == "number":
        columns["error"] = said["prediction"] - values
    return pd.DataFrame({name: columns[name].astype(kind) for name, kind in OF_KIND[task.kind].items()})


def steps_of(losses: list[list[float]]) -> pd.DataFrame:
    """The loss of every step (columns and types as ``STEPS``) from those of each epoch."""
    epochs = np.repeat(np.arange(1, len(losses) + 1), [len(part) for part in losses])
    each = [loss for part in losses for loss in part]
    return pd.DataFrame({"step": np.arange(1, len(epochs) + 1), "epoch": epochs, "loss": each}).astype(STEPS)


def epoch_message(metrics: list[dict[str, Any]], epochs: int, task: "Task" = PLAIN) -> str:
    """How far a training is, in plain words, with the task's foremost figure on the validation samples (training
    samples without a validation split)."""
    if not metrics:
        return f"epoch 1 of {epochs}"
    newest = {entry["split"]: entry for entry in metrics}
    split, word = ("val", "validation") if "val" in newest else ("train", "training")
    return f"epoch {metrics[-1]['epoch']} of {epochs}, {word} {figure_words(newest[split], task)}"


def figure_words(entry: dict[str, Any], task: "Task", decimals: int = 1) -> str:
    """The foremost figure of a line of metrics: "accuracy 93.1 %", "RMSE 4.25 mm"."""
    first = task.figures[0]
    return first.words(entry[first.name], decimals)
