"""What the Influence page shows: estimators in plain words, the distribution chart, filtered lists of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.estimators import estimators, in_place
from attribution.estimators.base import ORDER_ONLY, unit_of
from attribution.project.lookup import InfluenceView
from attribution.studies.influence.settings import words
from attribution.tasks.base import Task
from attribution.tasks.classification import PLAIN
from attribution.views.numbers import count, percent, three_digits

if TYPE_CHECKING:
    from attribution.training.run import Run


@dataclass(frozen=True)
class EstimatorWords:
    """An estimator for people: its title, what its numbers mean, the formula, the unit ("" for none) and the source."""

    name: str
    title: str
    meaning: str
    formula: str
    unit: str
    source: str
    by_rate: bool = False


def estimators_in_order(task: "Task | None" = None) -> list[EstimatorWords]:
    """Every registered estimator that answers for ``task`` (plain classification), in the words of its own file and the
    task's units, the everyday ones first, the control last."""
    task = task or PLAIN
    first = in_place("offered")

    def place(name: str) -> tuple[bool, int, str]:
        return estimators.get(name).control, first.index(name) if name in first else len(first), name

    found = [(name, estimators.get(name)) for name in sorted(estimators.names(), key=place)]
    return [
        EstimatorWords(name, plug.title, plug.summary, plug.formula, plug.unit_for(task), plug.source, plug.by_rate)
        for name, plug in found
        if plug.serves(task.kind)
    ]


def usual_settings(estimator: str) -> Any:
    """What an estimator can be asked for, with the usual values: its settings dataclass."""
    return estimators.get(estimator).Settings()


def unit_words(words: EstimatorWords, run: "Run") -> str:
    """The unit of an estimator's numbers for this model, with what follows from it: "Unit: nats."; "" for none."""
    unit = unit_of(words.unit, words.by_rate, str(run.config.get("weight_unit", "nats")))
    if unit != ORDER_ONLY:
        return f"Unit: {unit}." if unit else ""
    why = (
        "at which learning rates your checkpoints were trained is not known (new projects take --checkpoint-lr)"
        if run.loaded
        else "AdamW takes steps of a size of its own"
    )
    return f"Unit: none, order only, because {why}: compare samples with each other, not with a loss."


def settings_words(view: "InfluenceView") -> str:
    """With which settings, and of which model, an answer was asked: "Usual settings: steps 5, step 0.2. Model
    3f2a91."."""
    used = (
        words({name: value for name, value in view.options.items() if not isinstance(value, list | dict)})
        if view.options
        else ""
    )
    asked = words(view.settings)
    start = asked[:1].upper() + asked[1:] if not view.settings else f"Other settings than usual ({asked})"
    return f"{start}{': ' + used if used else ''}. Model {view.run[:6]}."


def at_hand(names: Sequence[str], asked: str) -> list[str]:
    """The estimators that stand in the row of buttons, of all ``names`` in order: the everyday ones, the control, and
    the one asked for."""
    first = in_place("offered")
    return [name for name in names if name in (*first, asked) or estimators.get(name).control]


def queries(
    predictions: pd.DataFrame,
    *,
    wrong_only: bool = True,
    label: int | None = None,
    confidence: tuple[float, float] = (0.0, 1.0),
    most_confident_first: bool = True,
) -> np.ndarray:
    """Rows of ``predictions`` (indexed by row; ``label``, ``correct``, ``confidence``) that pass the filters, the
    surest mistakes first."""
    keep = (predictions["confidence"] >= confidence[0]) & (predictions["confidence"] <= confidence[1])
    if wrong_only:
        keep &= ~predictions["correct"].astype(bool)
    if label is not None:
        keep &= predictions["label"] == label
    found = predictions[keep]
    if most_confident_first:
        found = found.sort_values("confidence", ascending=False, kind="stable")
    return found.index.to_numpy(dtype=np.int64)


def search(text: str, ids: np.ndarray, texts: np.ndarray | None, rows: np.ndarray, limit: int = 50) -> np.ndarray:
    """Rows among ``rows`` whose id or text contains ``text`` (case-insensitive); an exact id comes first. At most
    ``limit``."""
    wanted = text.strip().lower()
    if not wanted:
        return np.empty(0, np.int64)
    hits = [
        int(row)
        for row in rows
        if wanted in str(ids[row]).lower() or (texts is not None and wanted in str(texts[row] or "").lower())
    ]
    hits.sort(key=lambda row: str(ids[row]).lower() != wanted)
    return np.array(hits[:limit], dtype=np.int64)


def step(rows: np.ndarray, current: int | None, by: int) -> int | None:
    """The row ``by`` places after ``current`` in ``rows``, staying inside; the first one when ``current`` is not in the
    list."""
    if not len(rows):
        return None
    at = np.flatnonzero(rows == current)
    place = int(at[0]) + by if len(at) else 0
    return int(rows[min(max(place, 0), len(rows) - 1)])


def place(rows: np.ndarray, current: int | None) -> str:
    """ "3 of 259", or "259 in the list" when the current one is outside it."""
    at = np.flatnonzero(rows == current)
    return f"{count(int(at[0]) + 1)} of {count(len(rows))}" if len(at) else f"{count(len(rows))} in the list"


def distribution_words(mean: float, std: float, shown: Sequence[float]) -> str:
    """How far the strongest shown sample stands out, in standard deviations over the training set."""
    if not len(shown) or std <= 0:
        return ""
    top = max(shown, key=abs)
    return (
        f"The strongest sample shown has influence {three_digits(top, signed=True)}, "
        f"{three_digits(abs(top - mean) / std)} standard deviations from the average training sample "
        f"({three_digits(mean, signed=True)})."
    )


def agreement(first: "InfluenceView", second: "InfluenceView") -> float:
    """Share of the samples that one estimator puts at either end which another puts at the same end, 0 to 1; NaN for
    none."""
    shared = [
        np.isin(first.helpful["row"], second.helpful["row"]),
        np.isin(first.harmful["row"], second.harmful["row"]),
    ]
    both = np.concatenate(shared)
    return float(both.mean()) if len(both) else float("nan")


def agreement_sentence(view: "InfluenceView", others: Sequence[tuple[str, "InfluenceView"]]) -> str:
    """How far the other estimators that were asked the same name the same samples; "" when none was asked."""
    if not others:
        return ""
    shares = ", ".join(f"{title} names {percent(agreement(view, other))} of them" for title, other in others)
    return (
        f"Do others agree? Of the {count(len(view.helpful))} most helpful and {count(len(view.harmful))} most "
        f"harmful samples, {shares}."
    )


def cost_s(scores: Sequence[Any], estimator: str) -> float:
    """Seconds that a finished score run took (median), of this estimator if there is one, else of any; NaN without one.

    The pass over the training set dominates, so the number of queries hardly matters.
    """
    own = [score for score in scores if score.estimator == estimator]
    seconds = [float(score.config["seconds_s"]) for score in own or scores]
    return float(np.median(seconds)) if seconds else float("nan")
