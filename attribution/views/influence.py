"""What the Influence page shows: estimators in plain words, the distribution chart, filtered lists of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.estimators import estimators, in_place
from attribution.estimators.base import FAMILIES, ORDER_ONLY, unit_of
from attribution.project.lookup import InfluenceView
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence.settings import words
from attribution.tasks.base import Task
from attribution.tasks.classification import PLAIN
from attribution.views.numbers import count, percent, three_digits

if TYPE_CHECKING:
    from attribution.training.run import Run

FIRST = 6  # of a side's strongest samples: those on its first page
LAYERS_HELP = {item.name: item.metadata["help"] for item in fields(ScoreConfig)}["layers"]
CONTRAST = "contrast"  # the measure that holds what the model says against the label


@dataclass(frozen=True)
class EstimatorWords:
    """An estimator for people: its title, what its numbers mean, the formula, the unit ("" for none), the source, what
    it costs, its family (a key of ``FAMILIES``), whether it can be asked of the loss alone, and whether it asks the
    model itself."""

    name: str
    title: str
    meaning: str
    formula: str
    unit: str
    source: str
    by_rate: bool = False
    cost: str = ""
    family: str = "other"
    loss_only: bool = False
    control: bool = False
    asks_model: bool = True


def estimators_in_order(task: "Task | None" = None) -> list[EstimatorWords]:
    """Every registered estimator that answers for ``task`` (plain classification), in the words of its own file (a
    query is called a question) and the task's units, the everyday ones first, the control last."""
    task = task or PLAIN
    first = in_place("offered")

    def place(name: str) -> tuple[bool, int, str]:
        return estimators.get(name).control, first.index(name) if name in first else len(first), name

    found = [(name, estimators.get(name)) for name in sorted(estimators.names(), key=place)]
    return [
        EstimatorWords(
            name,
            plug.title,
            _everyday(plug.summary),
            plug.formula,
            plug.unit_for(task),
            plug.source,
            plug.by_rate,
            _everyday(plug.cost),
            plug.family if plug.family in FAMILIES else "other",
            plug.loss_only,
            plug.control,
            plug.asks_model,
        )
        for name, plug in found
        if plug.serves(task.kind)
    ]


EVERYDAY = {"queries": "questions", "query": "question", "per class": "per output", "classes": "outputs"}


def _everyday(words: str) -> str:
    """A plug-in's words for people with any kind of target, who ask questions."""
    for word, plain in EVERYDAY.items():
        words = words.replace(word, plain)
    return words


def by_weights(estimator: str) -> bool:
    """Whether an estimator compares gradients, so that it can be asked of a part of the weights."""
    return bool(estimators.get(estimator).by_weights)


def usual_settings(estimator: str) -> Any:
    """What an estimator can be asked for, with the usual values: its settings dataclass."""
    return estimators.get(estimator).Settings()


def unit_words(words: EstimatorWords, run: "Run", measure: str = "loss") -> str:
    """The unit of an estimator's numbers for this model, with what follows from it: "Unit: nats."; "" for none."""
    own = words.unit.replace("nats", "logits") if measure == CONTRAST else words.unit
    unit = unit_of(own, words.by_rate, str(run.config.get("weight_unit", "nats")))
    if unit != ORDER_ONLY:
        return f"Unit: {unit}." if unit else ""
    why = (
        "at which learning rates your checkpoints were trained is not known (new projects take --checkpoint-lr)"
        if run.loaded
        else "AdamW takes steps of a size of its own"
    )
    return f"Unit: none, order only, because {why}: compare samples with each other, not with a loss."


def places(view: "InfluenceView", helps: bool) -> dict[int, int]:
    """The place of every training row on one side of an answer, 1 the strongest; of those kept alone where the whole
    column is not kept any more."""
    whole = view.score.column(view.column)
    if whole is None:
        kept = view.helpful if helps else view.harmful
        return {int(row): int(rank) for row, rank in zip(kept["row"], kept["rank"], strict=True)}
    rows, values = whole
    order = np.argsort(-values if helps else values, kind="stable")
    return {int(row): place for place, row in enumerate(rows[order], start=1)}


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
        f"The strongest sample shown stands {three_digits(abs(top - mean) / std)} standard deviations from the average "
        f"training sample (influence {three_digits(top, signed=True)}, on average {three_digits(mean, signed=True)})."
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
        f"Do others agree? Of the {count(len(view.helpful))} that pull most one way and the {count(len(view.harmful))} "
        f"that pull most the other way, {shares}."
    )


@dataclass(frozen=True)
class Shared:
    """Two estimators' strongest samples of one side: rows that both name, and those that one of them does, each in
    the order of rank; ``ranks`` are the places that each gives a row."""

    both: list[int]
    first: list[int]
    second: list[int]
    ranks: tuple[dict[int, int], dict[int, int]]


def shared(first: pd.DataFrame, second: pd.DataFrame) -> Shared:
    """From one side of two answers (``InfluenceView.helpful`` or ``.harmful``)."""
    one, other = (dict(zip(table["row"].tolist(), table["rank"].tolist(), strict=True)) for table in (first, second))
    both = sorted(one.keys() & other.keys(), key=lambda row: (one[row] + other[row], row))
    return Shared(
        both, [row for row in one if row not in other], [row for row in other if row not in one], (one, other)
    )


def shared_sentence(found: Shared, titles: tuple[str, str]) -> str:
    """How far two estimators name the same samples on one side."""
    counts = tuple(len(ranks) for ranks in found.ranks)
    if not all(counts):
        named = [title for title, n in zip(titles, counts, strict=True) if n]
        return f"Only {named[0]} names samples here." if named else "Neither names a sample here."
    if not found.both:
        return f"They have no sample in common among their {count(counts[0])} and {count(counts[1])} strongest."
    first = {row for row, rank in found.ranks[0].items() if rank <= FIRST}
    again = len(first & found.ranks[1].keys())
    return (
        f"Both name {count(len(found.both))} of their {count(max(counts))} strongest. Of the first "
        f"{count(len(first))} of {titles[0]}, {titles[1]} names {count(again)}."
    )
