"""What a dataset's targets are, in words: classes with their counts, the spread of numbers, labels and how often
each."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.names import UNLABELLED
from attribution.views.numbers import plural

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.tasks.base import Task

SHOWN = 12  # names of classes in a line


def task_words(task: "Task") -> str:
    """What is predicted: "10 classes (cat, dog, ...)", "a number in mm", "any of 5 labels (...)"."""
    if task.kind == "number":
        return f"a number{' in ' * bool(task.target_unit)}{task.target_unit}"
    if task.kind == "text":
        return task.title.lower()
    names = f"{len(task.classes)} {'classes' if task.kind == 'class' else 'labels'} ({', '.join(task.classes[:SHOWN])})"
    return names if task.kind == "class" else f"any of {names}"


def target_lines(dataset: "Dataset") -> list[str]:
    """The training samples of each class or label, or the spread of their numbers; and how many wait for a target."""
    task = dataset.task
    values = dataset.labels[dataset.rows("train")]
    bare = task.targets.bare(values)
    waiting = [f"{UNLABELLED:<24} {plural(int(bare.sum()), 'training sample')}"] if bare.any() else []
    known = values[~bare]
    if task.kind == "number":
        low, first, middle, third, high = np.quantile(known, (0, 0.25, 0.5, 0.75, 1))
        unit = f" {task.target_unit}".rstrip()
        spread = f"{low:.6g} to {high:.6g}{unit}, half of them {first:.6g} to {third:.6g}, median {middle:.6g}"
        return [f"{plural(len(known), 'training sample')}: {spread}", *waiting]
    if task.kind == "text":
        return [plural(len(known), "training sample"), *waiting]
    if task.kind == "set":
        counts = task.targets.for_model(known).sum(axis=0).astype(int)
    else:
        counts = np.bincount(known, minlength=len(task.classes))
    lines = [
        f"{name:<24} {plural(int(count), 'training sample')}"
        for name, count in zip(task.classes, counts, strict=True)
        if count
    ]
    return waiting + lines
