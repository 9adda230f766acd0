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
from attribution.statistics.ranking import average_ranks
from attribution.storage.places import Places
from attribution.storage.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.mislabels.result import FlagResult
    from attribution.tasks.base import Task
    from attribution.training.run import Run

KINDS = ("mislabelled", "hard", "rare", "leaked", "duplicate", "memorized")
ORDINARY = "ordinary"
ENOUGH = 0.5  # a sample outside the queue has a class only from this strength on
TAIL = 0.05  # rare is looked for among this share of samples with the most distant neighbours
KEPT_FROM = 100_000  # samples
FORMAT = 1  # of the kept tables: raise when the rule changes
BLOCK = 8192  # rows whose neighbours' representations are held at once

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
        return _sentences(entry, kind, self.classes, self.held_out)


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
    found = _signals(flags, run, len(classes))
    rows = flags.detectors["row"].to_numpy()
    place = Places(rows)
    found["memorization"] = _spread_over(place, len(rows), relations.memorized)
    strengths = {
        "mislabelled": _mean([found[name] for name in ("models", "neighbors", "epochs", "distinct", "sure")]),
        "hard": _mean(
            [
                found["torn_models"],
                found["torn_neighbors"],
                found["variability"],
                1 - found["distinct"],
                found["contradicts"] - found["sure"],
            ]
        ),
        "rare": found["distance"] * (1 - found["claimed"]),
        "leaked": _spread_over(place, len(rows), dict.fromkeys(relations.leaked, 1.0)),
        "duplicate": _spread_over(place, len(rows), dict.fromkeys(relations.duplicate, 1.0)),
    }
    alone = ~found["judged"]
    strengths = {
        name: np.where(alone, 0.0, value) if name in ("mislabelled", "hard") else value
        for name, value in strengths.items()
    }
    strengths["rare"] = np.where(alone, 1.0, strengths["rare"])
    strengths["memorized"] = np.clip(found["memorization"], 0, 1) * (1 - strengths["mislabelled"])
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


def _spread_over(place: Places, n: int, values: Mapping[int, float]) -> np.ndarray:
    """``values`` by row as (n,) float64 in the order of ``place``; 0 where there is none."""
    found = np.zeros(n)
    rows = np.fromiter(values.keys(), dtype=np.int64, count=len(values))
    known = place.known(rows)
    found[place.of(rows[known])] = np.fromiter(values.values(), dtype=np.float64, count=len(values))[known]
    return found


def _signals(flags: "FlagResult", run: "Run", c: int) -> dict[str, np.ndarray]:
    table = flags.detectors
    rows, given, suggested = (table[name].to_numpy().astype(np.int64) for name in ("row", "label", "suggested"))
    n = np.arange(len(rows))
    models = np.asarray(flags.out_of_fold, dtype=np.float64)
    votes = _votes(rows, given, flags.neighbors, c)
    belief = (models + votes) / 2
    contradicts = belief.argmax(1) != given
    confused = _confusion(given, belief.argmax(1), c)
    pair_rank = _pair_ranks(confused)[given, suggested]
    epochs, confidence, spread = _over_epochs(run, rows)
    distance = _distances(np.asarray(run.representation()), rows, flags.neighbors)
    p_given = models[n, given]
    p_suggested = models[n, suggested]
    v_given = votes[n, given]
    v_suggested = votes[n, suggested]
    return {
        "label": given,
        "judged": table["judged"].to_numpy(dtype=bool) if "judged" in table else np.ones(len(rows), dtype=bool),
        "suggested": suggested,
        "p_given": p_given,
        "p_suggested": p_suggested,
        "v_given": v_given,
        "claimed": v_suggested,
        "confused": confused[given, suggested],
        "confidence": confidence,
        "spread": spread,
        "neighbor_distance": distance,
        "neighbor_distance_top": 1 - _percentile(distance),
        "contradicts": contradicts.astype(np.float64),
        "models": _against(p_given, p_suggested),
        "neighbors": _against(v_given, v_suggested),
        "epochs": epochs,
        "distinct": 1 - pair_rank,
        "sure": np.where(contradicts, _share_wrong(belief.max(1), contradicts, flags.estimate["mid"]), 0.0),
        "torn_models": 1 - np.abs(p_given - p_suggested) / (p_given + p_suggested + 1e-9),
        "torn_neighbors": 1 - np.abs(v_given - v_suggested) / (v_given + v_suggested + 1e-9),
        "variability": _percentile(spread),
        "distance": np.clip((_percentile(distance) - (1 - TAIL)) / TAIL, 0, 1),
    }


def _against(given: np.ndarray, suggested: np.ndarray) -> np.ndarray:
    """Share of the suggested label in what the two get together; 0.5 where neither gets anything."""
    return (suggested + 0.05) / (given + suggested + 0.1)


def _percentile(values: np.ndarray) -> np.ndarray:
    """Where each value stands among all, 0..1; NaN stays."""
    found = np.full(len(values), np.nan)
    known = np.isfinite(values)
    if known.any():
        found[known] = (average_ranks(values[known]) - 0.5) / known.sum()
    return found


def _mean(signals: list[np.ndarray]) -> np.ndarray:
    """Mean (n,) of the signals that are known."""
    stacked = np.stack(signals)
    known = np.isfinite(stacked)
    return np.where(known, stacked, 0).sum(0) / np.maximum(known.sum(0), 1)


def _votes(rows: np.ndarray, given: np.ndarray, neighbors: np.ndarray, c: int) -> np.ndarray:
    """Share (n, c) of each row's neighbours per label."""
    label = np.zeros(int(rows.max()) + 1, dtype=np.int64)
    label[rows] = given
    votes = np.zeros((len(rows), c))
    np.add.at(votes, (np.arange(len(rows))[:, None], label[neighbors]), 1 / neighbors.shape[1])
    return votes


def _confusion(given: np.ndarray, believed: np.ndarray, c: int) -> np.ndarray:
    """How often the evidence takes one class for the other (c, c): the mean of both directions' shares, 0..1."""
    counts = np.zeros((c, c))
    np.add.at(counts, (given, believed), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return np.asarray((shares + shares.T) / 2)


def _pair_ranks(confused: np.ndarray) -> np.ndarray:
    """Percentile (c, c) of each pair of different classes among all pairs by how often they are confused; 0 on the
    diagonal."""
    ranks = np.zeros(confused.shape)
    pairs = ~np.eye(len(confused), dtype=bool)
    ranks[pairs] = _percentile(confused[pairs])
    return ranks


def _over_epochs(run: "Run", rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of epochs in which another class led, mean and standard deviation of the label's probability; NaN without a
    record."""
    record = run.dynamics()
    if not len(record):
        return (np.full(len(rows), np.nan),) * 3
    groups = record.assign(behind=record["margin"] < 0).groupby("row")
    columns = groups["behind"].mean(), groups["confidence"].mean(), groups["confidence"].std(ddof=0)
    return tuple(column.reindex(rows).to_numpy(dtype=np.float64) for column in columns)  # type: ignore[return-value]


def _distances(representation: np.ndarray, rows: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """Mean cosine distance (n,) of each row to its neighbours in the final model's representation."""
    points = np.asarray(representation, dtype=np.float32)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    parts = []
    for start in range(0, len(rows), BLOCK):
        own, others = points[rows[start : start + BLOCK]], points[neighbors[start : start + BLOCK]]  # (b, d), (b, k, d)
        parts.append(1 - np.einsum("bd,bkd->bk", own, others).mean(1))
    return np.concatenate(parts).astype(np.float64)


def _share_wrong(sureness: np.ndarray, contradicts: np.ndarray, wrong: float) -> np.ndarray:
    """Expected share (n,) of wrong labels among contradictions at each sureness: the rate of wrong labels over that of
    contradictions.

    The rate of contradictions falls with sureness; it is fitted with a non-increasing step function.
    """
    from sklearn.isotonic import IsotonicRegression

    rate = wrong / len(sureness)
    contradicted = IsotonicRegression(increasing=False).fit(sureness, contradicts).predict(sureness)
    return np.asarray(rate / np.maximum(contradicted, max(rate, 1e-12)))


def _two_best(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n,) of the largest and the second largest score; of equal ones, relations between samples come first."""
    order = [KINDS.index(kind) for kind in ("leaked", "duplicate", "memorized", "mislabelled", "hard", "rare")]
    best = np.argsort(-scores[:, order], axis=1, kind="stable")[:, :2]
    return np.array(order)[best[:, 0]], np.array(order)[best[:, 1]]


def _sentences(entry: "pd.Series", kind: str, classes: Sequence[str], held_out: bool) -> list[str]:
    """The signals of mislabelled, hard or rare in words, those that speak loudest first."""
    given, other = classes[int(entry["label"])], classes[int(entry["suggested"])]
    models = "Models that did not train on it" if held_out else "The model"
    shares = (
        f"{models} give{'' if held_out else 's'} {other} {_percent(entry['p_suggested'])} and {given}, its "
        f"label, {_percent(entry['p_given'])}."
    )
    votes = (
        f"{_percent(entry['claimed'])} of its neighbours are labelled {other}, {_percent(entry['v_given'])} {given}."
    )
    pair = f"{given} and {other} are taken for each other in {_percent(entry['confused'])} of cases"
    rank = 1 - float(entry["distinct"])
    # (value of the signal, sentence)
    if kind == "mislabelled":
        lines = [(entry["models"], shares), (entry["neighbors"], votes)]
        if math.isfinite(entry["epochs"]):
            lines.append(
                (
                    entry["epochs"],
                    f"After {_percent(entry['epochs'])} of the epochs another class was ahead of its label.",
                )
            )
        lines.append((entry["distinct"], f"{pair}, less often than {_percent(1 - rank)} of all pairs of classes."))
        if entry["contradicts"]:
            lines.append(
                (
                    entry["sure"],
                    f"Of labels contradicted as surely as this one, about {_percent(min(float(entry['sure']), 0.99))} "
                    "are wrong.",
                )
            )
    elif kind == "hard":
        lines = [(entry["torn_models"], shares), (entry["torn_neighbors"], votes)]
        if math.isfinite(entry["variability"]):
            words = (
                "The model's confidence in its label varied more over training than for "
                f"{_percent(entry['variability'])} of samples."
            )
            lines.append((entry["variability"], words))
        lines.append((rank, f"{pair}, more often than {_percent(rank)} of all pairs of classes."))
        if entry["contradicts"]:
            words = (
                f"Of labels contradicted no more surely than this one, about {_percent(1 - entry['sure'])} are right."
            )
            lines.append((1 - entry["sure"], words))
    elif kind == "rare" and not entry["judged"]:
        lines = [(1.0, f"No other training sample of class {given} differs from it, so nothing can judge its label.")]
    elif kind == "rare":
        top = _percent(max(float(entry["neighbor_distance_top"]), 0.001))
        lines = [
            (1.0, f"Its nearest neighbours are far away: among the {top} most isolated training samples."),
            (0.5, votes),
        ]
    else:
        lines = [(0.0, "No signal stands out.")]
    return [text for _, text in sorted(lines, key=lambda line: -float(line[0]))]


def _percent(share: float) -> str:
    value = 100 * float(share)
    return f"{value:.0f} %" if value >= 10 or value < 0.05 else f"{value:.1f} %"
