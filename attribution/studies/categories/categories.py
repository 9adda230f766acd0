"""What kind of sample a suspect is: mislabelled, hard, rare, leaked, duplicate or memorized, by a small rule over named
signals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import UserError
from attribution.settings.configs import fingerprint
from attribution.storage.places import Places
from attribution.storage.tables import read_table, write_table
from attribution.studies.categories.sentences import sentences
from attribution.studies.categories.signals import signals

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.mislabels.result import FlagResult
    from attribution.tasks.base import Task
    from attribution.training.run import Run

KINDS = ("mislabelled", "hard", "rare", "leaked", "duplicate", "memorized")
ORDINARY = "ordinary"
ENOUGH = 0.5  # a sample outside the queue has a class only from this strength on
KEPT_FROM = 100_000  # samples
FORMAT = 1  # of the kept tables: raise when the rule changes

RULE = (
    "Each class has a strength from 0 to 1, the mean of its signals; the strongest class wins, the next one is the "
    "runner-up. A sample that is not among the suspects is ordinary unless a class reaches 0.5."
)


@dataclass(frozen=True)
class Relations:
    """What other findings say of training rows: a sentence each for leaks and duplicates, a number 0..1 for
    memorization."""

    leaked: Mapping[int, str] = field(default_factory=dict)
    duplicate: Mapping[int, str] = field(default_factory=dict)
    memorized: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Categories:
    """One line per searched training row in ``table``: row, category, runner_up, margin (strength of the first minus
    that of the second), ``strength:KIND`` (0..1) and the signals by name (see ``categorize``)."""

    table: "pd.DataFrame"
    classes: tuple[str, ...]
    relations: Relations
    held_out: bool

    @cached_property
    def _place(self) -> Places:
        return Places(self.table["row"].to_numpy())

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Where these searched rows (k,) stand in ``table``, (k,) int64."""
        return self._place.of(rows)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows each class has, of those that any has: ``KINDS`` first, then ordinary."""
        found = self.table["category"].value_counts()
        return {kind: int(found[kind]) for kind in (*KINDS, ORDINARY) if kind in found}

    def has(self, row: int) -> bool:
        """Whether the row was searched."""
        return int(row) in self._place

    def entry(self, row: int) -> "pd.Series":
        """The row's line of ``table``."""
        return self.table.iloc[self._place[int(row)]]

    def of(self, row: int) -> str:
        """The row's class; "" for one that was not searched."""
        return str(self.entry(row)["category"]) if self.has(row) else ""

    def signals(self, row: int, kind: str = "") -> list[str]:
        """What speaks for a class of this row (by default its own), in short sentences, the strongest signal first."""
        entry = self.entry(row)
        kind = kind or str(entry["category"])
        if kind == "leaked":
            return [self.relations.leaked.get(int(row), "It repeats a test or validation sample.")]
        if kind == "duplicate":
            return [self.relations.duplicate.get(int(row), "It repeats another training sample.")]
        if kind == "memorized":
            return [
                f"Without it in training, the model would be right about it {100 * entry['memorization']:.0f} "
                "points less often."
            ]
        return sentences(entry, kind, self.classes, self.held_out)


def check(task: "Task") -> None:
    """``UserError`` for targets that are no classes."""
    if task.kind != "class":
        raise UserError(
            f"Kinds of suspects are told by pairs of classes, and the targets of this data are not classes "
            f"({task.title.lower()}).",
            "Whether a class is taken for another has no counterpart there.",
            "Read the detectors one by one (Review, `datablame flag`), and look for leaks and duplicates on their own.",
        )


def kept_or_made(
    flags: "FlagResult", run: "Run", classes: Sequence[str], relations: Relations, sources: Sequence[Path]
) -> Categories:
    """``categorize``, whose table is kept beside the search from ``KEPT_FROM`` samples on: there it takes seconds, and
    a page asks for it.

    ``sources`` are the folders that ``relations`` was read from, which name what is in them. Kept numbers are float32.
    """
    if len(flags.detectors) < KEPT_FROM:
        return categorize(flags, run, classes, relations)

    key = fingerprint(FORMAT, run.id, list(classes), [str(path.relative_to(path.parents[1])) for path in sources])
    path = flags.folder / f"categories-{key}.parquet"
    if not path.is_file():
        table = categorize(flags, run, classes, relations).table
        write_table(path, table.astype({name: np.float32 for name in table if table[name].dtype == np.float64}))
    return Categories(read_table(path), tuple(classes), relations, bool(flags.config.get("held_out", True)))


def categorize(
    flags: "FlagResult", run: "Run", classes: Sequence[str], relations: Relations | None = None
) -> Categories:
    """Give every searched training row a class with its runner-up; nothing is trained, under a second for 10,000
    samples.

    Signals, each 0..1, for the given label g and the suggested one s:
    ``models`` and ``neighbors``: the share of s in what held-out models and neighbours give to g and s together;
    ``epochs``: the share of epochs after which another class led; ``distinct``: 1 minus the rank of (g, s) among all
    pairs by how often the evidence takes one for the other; ``sure``: among samples on which the evidence is as sure as
    here and contradicts the label, the expected share of wrong labels (the estimated number of wrong labels over the
    contradictions; it assumes that sure and unsure samples are mislabelled alike); ``torn_models`` and
    ``torn_neighbors``: 1 where g and s get equal shares, 0 where one gets all; ``variability``: percentile of the
    standard deviation over epochs of the label's probability (a data map's axis); ``distance``: how far into the most
    distant 5 % the mean cosine distance to the nearest neighbours reaches; ``claimed``: the share of neighbours
    labelled s; ``memorization``: as measured.

    mislabelled = mean(models, neighbors, epochs, distinct, sure); hard = mean(torn_models, torn_neighbors, variability,
    1 - distinct, 1 - sure where the evidence contradicts the label, else 0); rare = distance (1 - claimed), and 1 for a
    sample whose class has no other different one (it is never called mislabelled or hard); leaked and duplicate = 1
    where a finding says so; memorized = memorization (1 - mislabelled), for a wrong label is learned by heart as well.
    A signal that the run cannot give (no per-epoch record) is left out of the means.
    """
    import pandas as pd

    relations = relations or Relations()
    found = signals(flags, run, len(classes))
    rows = flags.detectors["row"].to_numpy()
    place = Places(rows)
    found["memorization"] = _spread_over(place, len(rows), relations.memorized)
    strengths = _strengths(found, place, relations)
    scores = np.stack([strengths[kind] for kind in KINDS], axis=1)  # (n, 6)
    first, second = _two_best(scores)
    n = np.arange(len(rows))
    flagged = flags.detectors["position"].to_numpy() <= max(10, math.ceil(flags.estimate["high"]))
    names = np.array([*KINDS, ORDINARY])
    category = np.where(flagged | (scores[n, first] >= ENOUGH), names[first], ORDINARY)
    columns = {
        "row": rows,
        "category": category,
        "runner_up": names[second],
        "margin": scores[n, first] - scores[n, second],
    }
    # An ordinary sample's runner-up is the class that it came nearest to, and its margin what that class lacked.
    columns["runner_up"] = np.where(category == ORDINARY, names[first], columns["runner_up"])
    columns["margin"] = np.where(category == ORDINARY, ENOUGH - scores[n, first], columns["margin"])
    table = pd.DataFrame({**columns, **{f"strength:{kind}": strengths[kind] for kind in KINDS}, **found})
    return Categories(table, tuple(classes), relations, bool(flags.config.get("held_out", True)))


def _strengths(found: dict[str, np.ndarray], place: Places, relations: Relations) -> dict[str, np.ndarray]:
    """How strongly each kind is spoken for, (n,) each."""
    n = len(found["judged"])
    alone = ~found["judged"]
    surely = [found[name] for name in ("models", "neighbors", "epochs", "distinct", "sure")]
    doubt = [found[name] for name in ("torn_models", "torn_neighbors", "variability")]
    doubt += [1 - found["distinct"], found["contradicts"] - found["sure"]]
    mislabelled = np.where(alone, 0.0, _mean(surely))
    return {
        "mislabelled": mislabelled,
        "hard": np.where(alone, 0.0, _mean(doubt)),
        "rare": np.where(alone, 1.0, found["distance"] * (1 - found["claimed"])),
        "leaked": _spread_over(place, n, dict.fromkeys(relations.leaked, 1.0)),
        "duplicate": _spread_over(place, n, dict.fromkeys(relations.duplicate, 1.0)),
        "memorized": np.clip(found["memorization"], 0, 1) * (1 - mislabelled),
    }


def _mean(signals: list[np.ndarray]) -> np.ndarray:
    """Mean (n,) of the signals that are known."""
    stacked = np.stack(signals)
    known = np.isfinite(stacked)
    return np.where(known, stacked, 0).sum(0) / np.maximum(known.sum(0), 1)


def _spread_over(place: Places, n: int, values: Mapping[int, float]) -> np.ndarray:
    """``values`` by row as (n,) float64 in the order of ``place``; 0 where there is none."""
    found = np.zeros(n)
    rows = np.fromiter(values.keys(), dtype=np.int64, count=len(values))
    known = place.known(rows)
    found[place.of(rows[known])] = np.fromiter(values.values(), dtype=np.float64, count=len(values))[known]
    return found


def _two_best(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n,) of the largest and the second largest score; of equal ones, relations between samples come first."""
    order = [KINDS.index(kind) for kind in ("leaked", "duplicate", "memorized", "mislabelled", "hard", "rare")]
    best = np.argsort(-scores[:, order], axis=1, kind="stable")[:, :2]
    return np.array(order)[best[:, 0]], np.array(order)[best[:, 1]]
