"""What the gap measures share: the mean probability of the positive class, in the best-off group minus in the
worst-off."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import UserError
from attribution.measures.base import Measure
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.datasets.dataset import Dataset
    from attribution.gradients.capture import Loss
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


def positive_class(classes: tuple[str, ...], name: str) -> int:
    """Index of the positive class: the named one, or the last; ``UserError`` listing the classes for an unknown
    name."""
    if not name:
        return len(classes) - 1
    if name not in classes:
        raise UserError(
            f"There is no class {name!r}.", "A gap is about one class.", f"Choose one of: {', '.join(classes)}."
        )
    return classes.index(name)


def groups_of(dataset: "Dataset", rows: np.ndarray) -> np.ndarray:
    """The group of every row (n,) as text, "" where it has none; ``UserError`` when the data have no group column at
    all."""
    groups = dataset.samples["group"].fillna("").astype(str).to_numpy(dtype=object)
    if not (groups != "").any():
        raise UserError(
            "The data have no group column.",
            "A fairness gap compares groups of samples, for example by sex.",
            "Import the data with the column that names the group (`--group COLUMN`), or ask for loss, margin, "
            "fgsm or pgd.",
        )
    found: np.ndarray = groups[np.asarray(rows, dtype=np.int64)]
    return found


@cache
def probability_of(task: "Task", index: int) -> "Loss":
    """``(outputs, targets) -> (b,)`` probability of class ``index``; the same function for the same class, so that
    engines are shared."""

    def probability(outputs: "Tensor", targets: "Tensor") -> "Tensor":
        return task.confidence(outputs, targets.new_full(targets.shape, index))  # (b,)

    return probability


@dataclass(frozen=True)
class GapSettings(Settings):
    """What a gap is about."""

    positive: str = opt("", "The class that the gap is about; empty: the last one.")


class GroupGap(Measure):
    """Largest minus smallest group mean of p(positive), over the rows that ``counts`` keeps; with two groups, the
    absolute difference.

    The probability is the differentiable stand-in for the decision: with it the gap moves smoothly, where a rate of
    decisions only jumps. Groups without such a row are left out. Which two groups are furthest apart is decided by the
    model at hand.
    """

    unit = "probability"
    needs = "a group column and at least two groups among the rows"
    group_only = True
    Settings = GapSettings
    settings: GapSettings
    kinds = ("class",)
    instead = "loss or margin, on the group's samples alone"

    def counts(self, labels: np.ndarray, positive: int) -> np.ndarray:
        """Which rows the rates are taken over (n,) bool."""
        raise NotImplementedError

    def per_sample(self, trained: "TrainedModel") -> "Loss":
        return probability_of(trained.task, positive_class(trained.task.classes, self.settings.positive))

    def rates(self, trained: "TrainedModel", rows: np.ndarray, checkpoint: int = -1) -> dict[str, tuple[float, int]]:
        """Mean probability of the positive class and number of rows counted, by group."""
        members = self._members(trained, rows)
        p = self.values(trained, rows, checkpoint)
        return {name: (float(p[inside].mean()), int(inside.sum())) for name, inside in members.items()}

    def _members(self, trained: "TrainedModel", rows: np.ndarray) -> dict[str, np.ndarray]:
        """Which rows count, by group name (n,) bool; ``UserError`` for fewer than two groups."""
        classes = trained.task.classes
        positive = positive_class(classes, self.settings.positive)
        groups = groups_of(trained.dataset, rows)
        counted = (groups != "") & self.counts(trained.labels.values[rows], positive)
        names = sorted(set(groups[counted]))
        if len(names) < 2:
            there = f"only of group {names[0]}" if names else "of no group"
            raise UserError(
                f"Among the {len(rows):,} rows that {self.name} is asked of, those that count are {there}.",
                f"It needs {self.needs}; the positive class is {classes[positive]}.",
                "Ask about more rows, for example all validation samples as a group, or choose another positive class.",
            )
        return {name: counted & (groups == name) for name in names}

    def weights(self, trained: "TrainedModel", rows: np.ndarray, checkpoint: int = -1) -> np.ndarray:
        members = self._members(trained, rows)
        rates = self.rates(trained, rows, checkpoint)
        high = max(rates, key=lambda name: (rates[name][0], name))
        low = min(rates, key=lambda name: (rates[name][0], name))
        weights = np.zeros(len(rows))
        if high != low:
            weights[members[high]] = 1 / rates[high][1]
            weights[members[low]] = -1 / rates[low][1]
        return weights
