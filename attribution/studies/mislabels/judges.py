"""What a search says of the targets beyond their order, by their kind: suggestions, and how many are wrong."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attribution.detectors.base import Evidence
from attribution.errors import UserError
from attribution.statistics.robust import FAR, standardised
from attribution.studies.mislabels.estimate import estimate
from attribution.studies.mislabels.out_of_fold import judgeable
from attribution.tasks.base import Task

COVERED = 0.9  # of right values, by the interval of a suggested one
DOUBTED = 0.1  # probability under which held-out models contradict a label
BY_CHANCE = (
    "How many are wrong is not estimated: from predictions alone, errors cannot be told from noise with long tails."
)


class Judge(ABC):
    """One search's verdicts on targets of one kind. ``held_out``: by models that did not train on the row, else by the
    one that did, which has learned wrong targets, too."""

    kind: ClassVar[str]

    def __init__(self, evidence: Evidence, held_out: bool, seed: int = 0) -> None:
        self.evidence, self.held_out, self.seed = evidence, held_out, seed

    @cached_property
    def kept(self) -> np.ndarray:
        """What the asked models say (n, ...), as runs keep it."""
        return self.evidence.out_of_fold if self.held_out else self.evidence.kept

    @cached_property
    def said(self) -> dict[str, np.ndarray]:
        """The same in words of the task (``Task.said``)."""
        return self.evidence.held_out if self.held_out else self.evidence.said

    @cached_property
    def judged(self) -> np.ndarray:
        """Which rows (n,) bool can be judged at all; the others come last."""
        return np.ones(len(self.evidence.rows), dtype=bool)

    @property
    @abstractmethod
    def expected(self) -> float:
        """How many of the first in the queue are taken for wrong: there suspicion is a half."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the search's ``config.json`` says of the number of wrong targets."""

    @abstractmethod
    def suggestions(self) -> dict[str, np.ndarray]:
        """Columns of the queue: ``suggested`` (n,), and how sure it is."""


class Labels(Judge):
    """Classes: half the word has the model, half have the neighbours."""

    kind = "class"

    @cached_property
    def judged(self) -> np.ndarray:
        """Those whose class another, different sample carries."""
        return judgeable(self.evidence.targets, self.evidence.trained.dataset.hashes[self.evidence.rows])

    @cached_property
    def belief(self) -> np.ndarray:
        """What each label should be (n, c), by evidence that did not see it."""
        own = self.evidence.held_out_probabilities if self.held_out else self.evidence.probabilities
        return (own + self.evidence.votes) / 2

    @cached_property
    def _estimate(self) -> dict[str, float]:
        return estimate(self.evidence.targets[self.judged], self.belief[self.judged], seed=self.seed)

    @property
    def expected(self) -> float:
        """The estimated number of wrong labels."""
        return self._estimate["mid"]

    def facts(self) -> dict[str, Any]:
        """The estimate."""
        return {"estimate": self._estimate}

    def suggestions(self) -> dict[str, np.ndarray]:
        """The likeliest other label and its probability."""
        label, p = suggest(self.evidence.targets, self.belief)
        return {"suggested": label, "suggested_p": p}


class Numbers(Judge):
    """Numbers: the prediction, give or take what nine of ten errors stay within.

    The interval is a quantile of absolute errors, as in cross-conformal prediction (Vovk 2015; Barber et al. 2021,
    arXiv 1905.02928): it holds for values drawn like the others, whatever the noise's distribution. Wrong values among
    them widen it a little.
    """

    kind = "number"

    @cached_property
    def _errors(self) -> np.ndarray:
        return self.evidence.targets - self.said["prediction"].astype(np.float64)

    @property
    def expected(self) -> float:
        """How many lie ``FAR`` usual spreads from their prediction: a mark on the scale, no estimate."""
        return float((np.abs(standardised(self._errors)) > FAR).sum())

    def facts(self) -> dict[str, Any]:
        """No estimate, and how many stand apart."""
        words = f"further from {self._whose} than {FAR:g} times the usual spread of such errors"
        return {"estimate": None, "apart": {"count": int(self.expected), "words": words, "why": BY_CHANCE}}

    @property
    def _whose(self) -> str:
        return "what models trained without them predict" if self.held_out else "the model's predictions"

    def suggestions(self) -> dict[str, np.ndarray]:
        """The predicted value with an interval."""
        half = float(np.quantile(np.abs(self._errors), COVERED))
        value = self.said["prediction"].astype(np.float64)
        return {"suggested": value, "suggested_low": value - half, "suggested_high": value + half}


class Sets(Judge):
    """Sets of labels: the predicted set."""

    kind = "set"

    @property
    def expected(self) -> float:
        """How many have a label to which held-out models give under ``DOUBTED``: a mark on the scale, no estimate."""
        outputs = self.evidence.task.outputs_kept(self.kept)
        parts = self.evidence.task.parts(outputs, self.evidence.task.tensor(self.evidence.targets))
        worst = self.said["loss"] if parts is None else parts.numpy().max(1)
        return float((worst > -np.log(DOUBTED)).sum())

    def facts(self) -> dict[str, Any]:
        """No estimate, and how many stand apart."""
        who = "models trained without them" if self.held_out else "the model"
        words = f"contradicted by {who}: one of their labels gets under {100 * DOUBTED:g} %"
        return {"estimate": None, "apart": {"count": int(self.expected), "words": words, "why": BY_CHANCE}}

    def suggestions(self) -> dict[str, np.ndarray]:
        """The predicted set and its probability."""
        return {"suggested": self.said["prediction"], "suggested_p": self.said["certainty"].astype(np.float32)}


JUDGES: dict[str, type[Judge]] = {each.kind: each for each in (Labels, Numbers, Sets)}


def judge_of(evidence: Evidence, held_out: bool, seed: int = 0) -> Judge:
    """The judge for the evidence's kind of targets."""
    check(evidence.task)
    return JUDGES[evidence.task.kind](evidence, held_out, seed)


def check(task: "Task") -> None:
    """``UserError`` for targets of which none can be the wrong one."""
    if not task.targets.correctable:
        raise UserError(
            f"There are no wrong labels to look for: the task is {task.name}.",
            "Its rows are texts to learn, and no other target of a row can be suggested.",
            "Sort the rows by loss (Browse), look through datablame hygiene, or ask which rows taught a behaviour.",
        )


def suggest(labels: np.ndarray, belief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest other label (n,) int32 and its probability (n,) float32.

    ``belief`` (n, c): half the word has the model that did not train on the sample, half have its neighbours. The given
    label keeps its share, so a suggestion below 0.5 is weaker than all the other labels together.
    """
    others = belief.copy()
    others[np.arange(len(labels)), labels] = -1
    best = others.argmax(1)
    return best.astype(np.int32), belief[np.arange(len(labels)), best].astype(np.float32)
