"""How influence is estimated, for people who choose: estimators by family, what Compare says of each, and what they can
be asked of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import in_place
from attribution.estimators.base import FAMILIES
from attribution.measures import measures
from attribution.views.influence import CONTRAST, EstimatorWords
from attribution.views.numbers import MINUS, duration

if TYPE_CHECKING:
    from attribution.studies.bench.result import BenchResult
    from attribution.tasks.base import Task

NO_CONTRAST = "A number has one output, so there is nothing to hold against it: the value is asked about."
LDS = (
    "The number behind LDS says how well an estimator foresees real retraining of this model, −1 to 1, with "
    "its 95 % interval (measured on Compare)."
)
NOT_MEASURED = "How far to trust them is not measured here: Compare does that. Without it the everyday one is on."
WITHOUT_MODEL = (
    "The model is here by its predictions alone, so methods that ask its gradients are left out. Load its weights "
    "(`datablame add-run FILES`) to have them."
)
ASKED_HELP = (
    "**The label**: what training on a sample does to the loss of the label (how surprised the model is by it). **What "
    "the model says against the label**: what it does to the difference of the two logits (the numbers from which the "
    "model makes its probabilities); other classes do not count, and neither does how sure the model is already."
)


@dataclass(frozen=True)
class Trust:
    """What Compare measured on this model: the estimator it recommends ("" for none), how each follows real retraining
    ("LDS 0.45 (0.41 to 0.49)"), and those that do no better than chance."""

    picked: str = ""
    follows: Mapping[str, str] = field(default_factory=dict)
    useless: frozenset[str] = frozenset()

    def words(self, name: str) -> str:
        """How far an estimator can be trusted here."""
        chance = ", no better than chance" if name in self.useless else ""
        return f"{self.follows[name]}{chance}" if name in self.follows else "not measured here"


def trust_of(bench: "BenchResult | None") -> Trust:
    """From a finished comparison of this model's estimators; None: there is none."""
    if bench is None:
        return Trust()
    summary = bench.summary
    table = bench.fidelity[bench.fidelity["measure"] == "loss"]
    follows = {
        str(name): f"LDS {lds:.2f} ({low:.2f} to {high:.2f})".replace("-", MINUS)
        for name, lds, low, high in zip(table["estimator"], table["lds"], table["low"], table["high"], strict=True)
    }
    useless = frozenset(summary.get("no_better_than_random", ()))
    return Trust(str(summary.get("explain", "")), follows, useless)


def has_contrast(task: "Task") -> bool:
    """Whether the targets have answers to hold against each other."""
    return bool(measures.get(CONTRAST).serves(task.kind))


def refused(words: EstimatorWords, measure: str) -> str:
    """Why an estimator cannot be asked of a measure, in words; "" where it can."""
    if measure == "loss" or not words.loss_only:
        return ""
    return (
        "It knows how well the model does on labels, not how its answers stand to each other. Those that compare "
        "gradients can be asked of it, and the forward ones."
    )


def taught(many: str, words: EstimatorWords, trust: Trust) -> str:
    """The second half of the page's first sentence; ``many`` is what the samples are called."""
    if words.name in trust.useless:
        return f"These training {many} may have taught it that; Compare found this method no better than chance."
    if words.control:
        return f"These training {many} are drawn by chance, to compare with."
    return f"These training {many} taught it that."


def families(words: Sequence[EstimatorWords]) -> list[tuple[str, str, list[EstimatorWords]]]:
    """The estimators by what they go by: title, meaning, members; families without any are left out."""
    found = [
        (title, meaning, [one for one in words if one.family == name]) for name, (title, meaning) in FAMILIES.items()
    ]
    return [group for group in found if group[2]]


def standard(trust: Trust, names: Sequence[str], computed: Collection[str], texts: bool = False) -> str:
    """The estimator that is on where nobody chose: the one that Compare recommends, else the everyday one; another of
    the everyday ones where that one was not asked yet and the other was. ``texts``: those that suit texts first."""
    first = in_place("for_texts") if texts else []
    wished = [name for name in (trust.picked, *first, *in_place("offered")) if name in names]
    among = wished or list(names)
    return next((name for name in among if name in computed), among[0])


def mark(words: EstimatorWords, trust: Trust, computed: Collection[str], took_s: float) -> str:
    """What stands beside an estimator's title in the list: recommended, computed, how long it took, how far it can be
    trusted."""
    said = [
        "recommended by Compare" if words.name == trust.picked else "",
        "computed" if words.name in computed else "",
        f"took {duration(took_s)}" if took_s == took_s else "",
        trust.words(words.name) if trust.follows else "",
    ]
    return " · ".join(one for one in said if one)


def cost_s(scores: Sequence[Any], estimator: str) -> float:
    """Seconds that a finished score run of this estimator took (median); NaN without one.

    The pass over the training set dominates, so the number of queries hardly matters.
    """
    seconds = [float(score.config["seconds_s"]) for score in scores if score.estimator == estimator]
    return float(np.median(seconds)) if seconds else float("nan")
