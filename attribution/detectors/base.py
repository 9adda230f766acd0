"""What every detector offers: its words, the tasks it serves, its values and their reasons."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from attribution.detectors.evidence import Evidence
from attribution.tasks.serves import Serves

if TYPE_CHECKING:
    from attribution.tasks.base import Task

__all__ = ["Detector", "Evidence", "Units", "above"]


@dataclass(frozen=True)
class Units:
    """The words for a task's targets in a detector's sentences: their kind, what one is called, and the units of the
    loss, of the margin and of a number ("" where it has none)."""

    kind: str = "class"
    noun: str = "label"
    loss: str = "nats"
    margin: str = "logits"
    target: str = ""

    @staticmethod
    def of(task: "Task") -> "Units":
        """Those of a task."""
        return Units(task.kind, task.targets.noun, task.unit, task.margin_unit, task.target_unit)


class Detector(Serves, ABC):
    """One suspicion per active training row. A subclass is one file: the words below, ``values`` and ``reason``.

    A new one joins searches, the queue and ``combined`` by saying so itself (``default``, ``in_queue``, ``stacked``).
    """

    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # what a high value means and when to trust it
    formula: ClassVar[str]
    cost: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[str] = ""
    default: ClassVar[bool] = False  # part of a search that names no detectors; the others run when they are named
    in_queue: ClassVar[bool] = False  # counted in the order of the review queue
    stacked: ClassVar[bool] = False  # one of those that ``combined`` weighs
    trains: ClassVar[bool] = False  # a model of its own, where batches are drawn by place: row order is part of it
    weak: ClassVar[bool] = False  # at finding wrong labels, as its own words say

    def __init__(self, units: Units | None = None) -> None:
        self.units = units or Units()

    @abstractmethod
    def values(self, evidence: Evidence) -> np.ndarray:
        """Suspicion (n,) float64 in the order of ``evidence.rows``: higher = more suspicious, always finite."""

    @abstractmethod
    def reason(self, value: float, higher_than: float) -> str:
        """One plain sentence for a sample with this value, which is above that of ``higher_than`` percent of the
        training set."""

    def amount(self, value: float) -> str:
        """A difference of two numbers in three digits, with the user's unit."""
        return f"{value:.3g} {self.units.target}".rstrip()


def above(higher_than: float) -> str:
    """ "higher than 99.1 % of the training set"."""
    return f"higher than {min(higher_than, 99.9):.1f} % of the training set"
