"""Predictions of somebody's own model as a run keeps them, checked against the targets that they are about."""

from typing import Any

import numpy as np

from attribution.errors import UserError
from attribution.tasks.base import Task
from attribution.tasks.targets import Numbers

SUM = 1e-2  # by which probabilities of one sample may differ from 1 together
SMALLEST = 1e-7  # probabilities become logits between this and 1 minus this


def kept_from(task: Task, values: np.ndarray, targets: np.ndarray, ids: Any) -> np.ndarray:
    """What a run keeps (``Task.kept``) float32 of predictions ``values (n, ...)`` float64: probabilities of the
    classes, or of the labels of sets; numbers in their unit. ``targets (n,)`` and ``ids (n,)`` are the samples'.
    ``UserError`` for what are no such predictions, or plainly those of other samples."""
    if isinstance(task.targets, Numbers):
        return _numbers(values, task.targets)
    if task.kind == "set":
        _check_range(task, values, ids)
        held = values.clip(SMALLEST, 1 - SMALLEST)
        return np.asarray(np.log(held) - np.log1p(-held), dtype=np.float32)
    if len(task.classes) == 2 and values.reshape(len(values), -1).shape[1] == 1:
        values = np.stack([1 - values.reshape(-1), values.reshape(-1)], axis=1)
    _check_range(task, values, ids)
    _check_sums(values, ids)
    _check_order(task, values, targets)
    return np.asarray(values / values.sum(1, keepdims=True), dtype=np.float32)


def values_from(task: Task, targets: Any) -> np.ndarray:
    """Targets as somebody's own loss takes them, an array (n,) or (n, ...), as ``Labels.values`` (n,): class indices
    (also one-hot), sets of labels by columns of zeros and ones, numbers as they stand."""
    given = np.asarray(targets)
    if task.kind == "number":
        return np.asarray(given.reshape(len(given), -1)[:, 0], dtype=np.float64)
    if task.kind == "set":
        return np.asarray((given > 0.5) @ (1 << np.arange(given.shape[1], dtype=np.int64)), dtype=np.int64)
    wide = given.ndim == 2 and given.shape[1] > 1
    return np.asarray(given.argmax(1) if wide else given.reshape(-1), dtype=np.int64)


def _numbers(values: np.ndarray, targets: Numbers) -> np.ndarray:
    if values.reshape(len(values), -1).shape[1] != 1:
        raise UserError(
            f"The predictions have the shape {values.shape}.",
            "One number is predicted per sample.",
            "Give an array (n,), in the unit of the target.",
        )
    return np.asarray(targets.standardised(values.reshape(-1))[:, None], dtype=np.float32)


def _check_range(task: Task, values: np.ndarray, ids: Any) -> None:
    if values.ndim != 2 or values.shape[1] != len(task.classes):
        raise UserError(
            f"The predictions have the shape {values.shape}; the data has {len(task.classes)} classes.",
            "Each sample has a probability for each of them.",
            f"Give an array ({len(ids)}, {len(task.classes)}) with columns in this order: {', '.join(task.classes)}.",
        )
    bad = np.flatnonzero(((values < -1e-6) | (values > 1 + 1e-6)).any(1))
    if len(bad):
        low, high = values[bad[0]].min(), values[bad[0]].max()
        raise UserError(
            f"The predictions of {ids[bad[0]]} reach from {low:.4g} to {high:.4g}.",
            "Probabilities lie between 0 and 1; these look like logits.",
            "Put them through a softmax first (of labels in sets: a sigmoid).",
        )


def _check_sums(values: np.ndarray, ids: Any) -> None:
    sums = values.sum(1)
    bad = np.flatnonzero(np.abs(sums - 1) > SUM)
    if len(bad):
        raise UserError(
            f"The probabilities of {ids[bad[0]]} sum to {sums[bad[0]]:.4g} ({len(bad):,} of {len(values):,} samples do "
            "not sum to 1).",
            "Every sample has one class.",
            "Give the probabilities of all classes; with several labels a sample, make the project with --task "
            "multilabel.",
        )


def _check_order(task: Task, values: np.ndarray, targets: np.ndarray) -> None:
    """Predictions that know less of the labels than one guess for all, and much less than their own sureness says,
    belong to other samples or classes."""
    there = np.flatnonzero(~task.targets.bare(targets))
    labels = targets[there]
    p = values[there]
    right = float((p.argmax(1) == labels).mean()) if len(there) else 1.0
    common = float(np.bincount(labels).max() / len(there)) if len(there) else 0.0
    sure = float(p.max(1).mean()) if len(there) else 0.0
    if right < common and right < sure / 2:
        raise UserError(
            f"The predictions are right for {100 * right:.1f} % of the samples, {100 * sure:.0f} % sure on average.",
            "Their lines belong to other samples, or their columns to other classes.",
            f"Give ids=, or a column id; columns go in this order: {', '.join(task.classes)}.",
        )
