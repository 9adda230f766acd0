"""Leaks and duplicates for people: the headline, a pair's differences, its evidence as a table, and what a verdict
would do."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.datasets.dataset import Dataset
from attribution.modalities.similarity.image import matched
from attribution.statistics.intervals import Interval, WithAndWithout
from attribution.studies.leaks.cases import agree
from attribution.studies.leaks.result import GRID, Finding, verdict
from attribution.views.comparison import change_words, value_words
from attribution.views.numbers import NONE, count, percent, plural, share_range, three_digits

if TYPE_CHECKING:
    from attribution.tasks.figure import Reading
    from attribution.views.faces import Face

NOTICED = 0.01  # a point of a share, a hundredth of any other score
VERDICTS = {
    "leak": "leak, dropped from training",
    "test": "dropped from the held-out set",
    "legitimate": "legitimate, kept",
    "": "",
}


def headline(cases: pd.DataFrame, verdicts: Sequence[str]) -> str:
    """ "57 likely leaks: 30 exact, 27 altered. 12 decided." """
    exact = int((cases["kind"] == "exact").sum())
    decided = sum(bool(one) for one in verdicts)
    parts = f": {count(exact)} exact, {count(len(cases) - exact)} close" if len(cases) else ""
    return f"{plural(len(cases), 'likely leak')}{parts}. {count(decided)} decided."


def verdicts(cases: pd.DataFrame, states: pd.DataFrame) -> list[str]:
    """Each case's verdict as the ledger has it."""
    return [verdict(rows, others, states) for rows, others in zip(cases["rows"], cases["others"], strict=True)]


def leaked_rows(cases: pd.DataFrame, wanted: Iterable[bool]) -> np.ndarray:
    """The held-out rows of the wanted cases, ascending int64."""
    rows = [row for others, take in zip(cases["others"], wanted, strict=True) if take for row in others]
    return np.unique(np.array(rows, dtype=np.int64))


def exact_copies(cases: pd.DataFrame, verdicts: Sequence[str], active: np.ndarray) -> list[int]:
    """The training rows, still trained on, of the cases with the very same content that nobody has judged."""
    waiting = cases[(cases["kind"] == "exact").to_numpy() & np.array([not one for one in verdicts], dtype=bool)]
    return sorted({int(row) for rows in waiting["rows"] for row in rows if active[row]})


def nothing_held_out(counts: Mapping[str, int]) -> str:
    """That no leak can be found where no sample is held out; "" where some are. ``counts`` are the samples of each
    split."""
    if counts.get("val") or counts.get("test"):
        return ""
    return (
        "No sample is held out for validation or test, so nothing can leak; only duplicates inside training "
        "were looked for."
    )


def not_compared(certain: float | None, recall: float, threshold: float) -> str:
    """What a search that skipped parts of a large table may have missed at a threshold; empty where every pair was
    compared.

    ``certain`` is the ratio up to which it compared each pair, ``recall`` the share found of the nearest rows of some.
    """
    if certain is None or threshold <= certain:
        return ""
    return (
        f"The table is too large to compare every pair of rows: all pairs up to {certain:.2f} usual distances were "
        f"compared. Farther ones can be missing; of the nearest rows of 500 samples, {100 * recall:.1f} % were found."
    )


def matters(found: "WithAndWithout | None", reading: "Reading") -> bool:
    """Whether leaks come before everything else: the score without them surely differs, and by what one would
    notice."""
    if found is None:
        return False
    return abs(found.difference.estimate) >= (NOTICED if reading.unit == "%" else NOTICED * abs(found.all.estimate))


def gap_sentence(found: "WithAndWithout", reading: "Reading") -> str:
    """What leaks that nobody has judged do to the test score."""
    n = found.n - found.n_rest
    lift = "lift" if found.difference.estimate < 0 else "lower"
    all_, rest = (value_words(reading, each.estimate) for each in (found.all, found.rest))
    score = "test score" if reading.unit == "%" else f"test {reading.title}"
    return (
        f"{plural(n, 'test sample')} {'is' if n == 1 else 'are'} repeated in training and "
        f"{lift}{'s' if n == 1 else ''} the {score}: {all_} would be {rest} without {'it' if n == 1 else 'them'}."
    )


def held_out(splits: pd.Series, rows: Iterable[int]) -> str:
    """Where these held-out rows are, in words: "test", "validation", "validation and test"."""
    present = set(splits.iloc[list(rows)])
    return " and ".join(name for split, name in (("val", "validation"), ("test", "test")) if split in present)


def count_at(counts: np.ndarray, threshold: float) -> int:
    """How many cases there are at a threshold of ``GRID``."""
    return int(counts[min(int(np.searchsorted(GRID, threshold - 1e-9)), len(counts) - 1)])


def score_figures(found: "WithAndWithout", confirmed: bool, reading: "Reading") -> list[dict[str, str]]:
    """The test score with and without the leaked samples: ``label``, ``value``, ``delta``, ``help``."""
    which = "confirmed leaks" if confirmed else "all likely leaks"
    level = "95 % interval"  # of a share, as on Overview; the difference is paired
    d = found.difference
    return [
        {
            "label": f"Test {reading.title}",
            "value": value_words(reading, found.all.estimate),
            "delta": _range(reading, found.all, found.n) if found.n_rest else NONE,
            "help": f"On {plural(found.n, 'test sample')}; {level}.",
        },
        {
            "label": f"Without {which}",
            "value": value_words(reading, found.rest.estimate),
            "delta": _range(reading, found.rest, found.n_rest) if found.n_rest else NONE,
            "help": f"On the other {plural(found.n_rest, 'test sample')}; {level}.",
        },
        {
            "label": "Difference",
            "value": change_words(reading, d).split(" (")[0],
            "delta": change_words(reading, d).split(" (")[1].rstrip(")"),
            "help": f"{'Below' if reading.sign > 0 else 'Above'} zero: the leaks flatter the score. Paired "
            f"{percent(d.level)} interval, bootstrap over the test samples.",
        },
    ]


def _range(reading: "Reading", found: "Interval", n: int) -> str:
    """The interval of a figure: Wilson's for a share, as on Overview."""
    if reading.unit == "%":
        return share_range(round(found.estimate * n), n)
    return f"{value_words(reading, found.low)} to {value_words(reading, found.high)}"


def evidence_table(found: Sequence[Finding]) -> pd.DataFrame:
    """One line per piece of evidence: evidence, value, threshold, says, meaning."""
    words = {"copy": "same thing", "no": "not alone", "unknown": "not measured"}
    return pd.DataFrame(
        {
            "evidence": [one.title for one in found],
            "value": [three_digits(one.value) for one in found],
            "threshold": [
                f"{'at least' if one.at_least else 'at most'} {three_digits(one.threshold)}" for one in found
            ],
            "says": [words[one.says] for one in found],
            "meaning": [one.note for one in found],
        }
    )


def evidence_for_ledger(found: Sequence[Finding], row: str, other: str, change: str) -> dict[str, Any]:
    """What was on screen, for the ledger: the pair, and every value with its threshold."""
    told: dict[str, Any] = {"pair": f"{row} = {other}"}
    if change:
        told["change"] = change
    for one in found:
        if np.isfinite(one.value):
            told[one.title] = (
                f"{three_digits(one.value)} ({'>=' if one.at_least else '<='} {three_digits(one.threshold)})"
            )
    return told


def case_table(
    cases: pd.DataFrame, ids: np.ndarray, labels: np.ndarray, face: "Face", found: Sequence[str]
) -> pd.DataFrame:
    """All cases as a table: kind, closeness (ratio), the best pair's ids and targets, samples, verdict."""
    rows = cases["row"].to_numpy(dtype=np.int64)
    others = cases["other"].to_numpy(dtype=np.int64)
    return pd.DataFrame(
        {
            "kind": cases["kind"],
            "distance": cases["ratio"],
            "training sample": ids[rows],
            f"its {face.noun}": [face.word(value) for value in labels[rows]],
            "held-out sample": ids[others],
            f"{face.noun} there": [face.word(value) for value in labels[others]],
            "samples": cases["n"],
            f"{face.nouns} differ": cases["conflict"],
            "verdict": [VERDICTS[one] for one in found],
        }
    )


def difference_picture(dataset: "Dataset", row: int, other: int, change: str) -> np.ndarray:
    """Where two pictures differ after the best match: uint8 (h, w, 1), black where they agree. ``change`` as in
    ``LeakResult.pairs``."""
    first, second = (np.asarray(dataset.inputs[one], dtype=np.float32).mean(2) for one in (row, other))
    a, b = matched(first[None], second[None], change)
    return np.abs(a[0] - b[0]).round().astype(np.uint8)[:, :, None]


def marked_texts(first: str, second: str) -> tuple[str, str]:
    """Both texts as HTML, the words that the other one lacks at that place marked; everything is escaped."""
    words, others = re.findall(r"\s*\S+", first), re.findall(r"\s*\S+", second)
    left: list[str] = []
    right: list[str] = []
    matcher = SequenceMatcher(
        None, [word.strip().lower() for word in words], [word.strip().lower() for word in others], autojunk=False
    )
    for kind, a, b, c, d in matcher.get_opcodes():
        for parts, chosen in ((left, words[a:b]), (right, others[c:d])):
            text = escape("".join(chosen))
            parts.append(text if kind == "equal" or not text else f"<mark>{text}</mark>")
    return "".join(left).strip(), "".join(right).strip()


def column_table(first: dict[str, str], second: dict[str, str], titles: tuple[str, str]) -> pd.DataFrame:
    """Two rows of a table side by side, the columns that differ first: column, a value per side, same."""
    names = list(dict.fromkeys([*first, *second]))
    names.sort(key=lambda name: first.get(name) == second.get(name))
    return pd.DataFrame(
        {
            "column": names,
            titles[0]: [first.get(name, "") for name in names],
            titles[1]: [second.get(name, "") for name in names],
            "same": ["yes" if first.get(name) == second.get(name) else "differs" for name in names],
        }
    )


def keep_one(cases: pd.DataFrame, active: np.ndarray, labels: np.ndarray, alike: float = 0.0) -> list[int]:
    """The rows to drop so that one sample of each group of duplicates stays: all active ones but the first. Groups
    whose labels differ are left alone: which label is right has to be decided first. ``active`` and ``labels`` are
    (n,), current; ``alike`` as in ``LeakResult``."""
    drop: list[int] = []
    for rows, others in zip(cases["rows"], cases["others"], strict=True):
        members = [row for row in sorted({*rows, *others}) if active[row]]
        if members and agree(labels[members], alike):
            drop += members[1:]
    return drop


def still_double(cases: pd.DataFrame, active: np.ndarray) -> pd.DataFrame:
    """The groups of duplicates of which more than one sample is still trained on."""
    keep = [
        sum(bool(active[row]) for row in {*rows, *others}) > 1
        for rows, others in zip(cases["rows"], cases["others"], strict=True)
    ]
    return cases[np.array(keep, dtype=bool)].reset_index(drop=True)
