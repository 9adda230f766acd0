"""From the words of a label column to the targets of a task: classes, numbers, or sets of labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets import label_sets, numbers, roles
from attribution.datasets.answers import look_for_answers
from attribution.datasets.kinds import modality
from attribution.datasets.labels import labelled, note_joined, refuse_quantity, refuse_several, tidy_labels
from attribution.datasets.source import Source, check_classes, class_names
from attribution.datasets.splits import assign_splits, check_fractions, split_order
from attribution.datasets.splits_by import by_group, by_time
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.choice import chosen
from attribution.tasks.targets import Targets

if TYPE_CHECKING:
    import pandas as pd

    from attribution.tasks.base import Task


@dataclass(frozen=True)
class Arranged:
    """``samples`` in row order with their ``split`` and ``target`` (the value) and ``stratum`` (a part that
    stands for many), the ``task`` they are targets of, and where the splits come from (``splits``, a sentence)."""

    samples: "pd.DataFrame"
    task: "Task"
    splits: str


def read_classes(source: Source, config: "DataConfig", targets: "Targets") -> Source:
    """The source with one form per class; quantities and several labels in one are refused unless asked for."""
    if config.task == "auto":
        refuse_several(labelled(source))
    numbers_are_classes = config.number_classes or config.task != "auto"
    more = refuse_quantity(labelled(source), numbers_are_classes)
    source = tidy_labels(source)
    more += note_joined(sorted(set(labelled(source).samples["label"])))
    classes = class_names(labelled(source))  # measurements as labels are told before columns that repeat them
    if not modality(source.modality).files:
        more += look_for_answers(labelled(source))
    return replace(source, classes=classes, problems=[*source.problems, *more])


def read_texts(source: Source, config: "DataConfig", targets: "Targets") -> Source:
    """The source as it is, where its samples are texts to learn."""
    wanted = chosen(config)
    if modality(source.modality).task != wanted.name:
        raise UserError(
            f"The task is {wanted.name}, and the samples are {modality(source.modality).title}.",
            "It learns the words of conversations or texts.",
            "Give chats (docs/language-models.md), or leave the task out.",
        )
    return source


READ: dict[str, Callable[[Source, "DataConfig", "Targets"], Source]] = {
    "class": read_classes,
    "number": numbers.read_numbers,
    "set": label_sets.read_sets,
    "text": read_texts,
}


def understood(source: Source, config: "DataConfig") -> Source:
    """The source with its labels checked and in one form; ``classes`` are the names there are, () for numbers."""
    targets = chosen(config).targets
    return READ[targets.kind](source, config, targets)


def _split(
    given: np.ndarray, strata: np.ndarray, source: Source, there: np.ndarray, config: "DataConfig", kind: str
) -> tuple[np.ndarray, str]:
    """The splits of the samples that have a target: by whole groups, by time, or drawn per stratum."""
    if config.split_by and config.time:
        raise UserError(
            f"Splits cannot follow both {config.split_by} and {config.time}.", "They differ.", "Leave one of them out."
        )
    check_fractions(config)
    if config.split_by:
        groups = roles.kept_column(source, config.split_by, "split_by").astype(str).to_numpy()
        return by_group(given, groups[there], strata, config)
    if config.time:
        column = roles.kept_column(source, config.time, "time")
        times = roles.numbers_of(source, column, config.time)
        return by_time(given, times[there], column.to_numpy()[there], config)
    return assign_splits(given, strata, config, kind)


def arrange(source: Source, config: "DataConfig") -> Arranged:
    """Splits and targets of an understood source. What has no target is in the training part, and waits for one."""
    task = chosen(config, source.classes)
    values = task.targets.encode(source.samples["label"].tolist())
    there = ~task.targets.bare(values)
    splits = np.full(len(values), "train", dtype="<U5")
    given = source.samples["split"].to_numpy(dtype=object)[there]
    splits[there], said = _split(given, task.targets.strata(values[there]), source, there, config, task.kind)
    if task.kind == "class":
        check_classes(labelled(source), source.classes, values[there], splits[there])
    if task.kind == "number":
        scale = numbers.scale(labelled(source), values[there], splits[there])
        task = chosen(config, (), **scale) if getattr(task.settings, "standardise", True) else task
    samples = source.samples.assign(split=splits)
    samples["target"] = values
    samples["stratum"] = np.where(there, task.targets.strata(values), -1)
    return Arranged(samples.iloc[split_order(splits)], task, said)
