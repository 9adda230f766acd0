"""The groups of targets whose shares in two sets are compared: classes, labels of sets, fifths of numbers."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from attribution.tasks.base import Task

PARTS = 5  # ranges of the training numbers, of equal share
KIND = {"class": "label", "number": "value", "set": "label", "text": "text"}  # of a line in ``ShiftResult.differences``


def groups_of(task: "Task", values: np.ndarray, train: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Names and members (n,) bool of the groups of ``values`` (n,); ``train`` are the rows that numbers are cut by."""
    if task.kind == "number":
        return _ranges(values, values[train])
    if task.kind == "text":
        return []
    if task.kind == "set":
        members = task.targets.for_model(values).astype(bool)  # (n, labels)
        return [(name, members[:, place]) for place, name in enumerate(task.classes)]
    return [(name, values == place) for place, name in enumerate(task.classes)]


def nickname(task: "Task", values: np.ndarray) -> str:
    """What samples with these targets (m,) are mostly: "mostly cat (80 %)", "around 152 mm"."""
    if task.kind == "number":
        return f"around {np.nanmedian(values):.3g} {task.target_unit}".rstrip()
    if task.kind == "text":
        return ""
    found, counts = np.unique(values, return_counts=True)
    return f"mostly {task.targets.word(found[counts.argmax()])} ({100 * counts.max() / counts.sum():.0f} %)"


def _ranges(values: np.ndarray, known: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Fifths of the ``known`` values, fewer where many are equal."""
    edges = np.unique(np.nanquantile(known, np.linspace(0, 1, PARTS + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right")
    ends = [f"{edge:.4g}" for edge in edges]
    names = [f"below {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f"{ends[-1]} and more"]
    return [(name, (place == at) & ~np.isnan(values)) for at, name in enumerate(names)]
