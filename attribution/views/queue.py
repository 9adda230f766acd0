"""The review queue: its order, which keys mean what, how far the review is and what it has yielded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.storage.places import Places
from attribution.views.numbers import count, percent, plural, share_interval

if TYPE_CHECKING:
    from attribution.tasks.base import Task

RECENT = 20  # decisions that "lately" looks back on


@dataclass(frozen=True)
class Yield:
    """How a review went so far: ``reviewed`` of ``total`` suspects, ``wrong`` of them relabelled or dropped; the same
    for the last ones."""

    total: int
    reviewed: int
    wrong: int
    recent: int
    recent_wrong: int


def measure(rows: np.ndarray, verdicts: Mapping[int, str], newest: Sequence[int]) -> Yield:
    """The yield of a review of ``rows``; ``verdicts`` maps a reviewed row to keep, relabel or drop; ``newest`` lists
    rows by decision, the latest first."""
    here = Places(rows)
    wrong = {row for row, verdict in verdicts.items() if verdict in ("relabel", "drop") and row in here}
    done = [row for row in verdicts if row in here]
    latest = [row for row in dict.fromkeys(newest) if row in here and row in verdicts][:RECENT]
    return Yield(len(rows), len(done), len(wrong), len(latest), sum(row in wrong for row in latest))


def yield_sentence(found: Yield) -> str:
    """The state of the review in words, with the interval of the recent yield."""
    if not found.reviewed:
        return "The most suspicious come first."
    text = f"{count(found.wrong)} of {count(found.reviewed)} reviewed {'was' if found.reviewed == 1 else 'were'} wrong"
    if found.recent >= RECENT:
        low, high = share_interval(found.recent_wrong, found.recent)
        text += (
            f"; lately {found.recent_wrong} of {found.recent} ({percent(low)} to {percent(high)} of what comes next)"
        )
    return text + "."


def progress_line(found: Yield, put_off: int = 0) -> str:
    """How far the review has come, what it yielded, and how many were put off as unsure."""
    more = f" {count(put_off)} put off as unsure, at the end of the queue." if put_off else ""
    return f"{count(found.reviewed)} of {plural(found.total, 'suspect')} reviewed. {yield_sentence(found)}{more}"


def put_off_last(rows: np.ndarray, unsure: np.ndarray) -> np.ndarray:
    """The queue (n,) with those that somebody was unsure of behind the others, both in their order."""
    later = np.isin(rows, unsure)
    return np.concatenate([rows[~later], rows[later]])


def open_from(rows: np.ndarray, reviewed: set[int], start: int) -> int:
    """Index of the first row at or after ``start`` that is not reviewed, else the first one anywhere, else
    ``start``."""
    waiting = open_ones(rows, reviewed)
    after = np.flatnonzero(waiting[start:])
    if len(after):
        return start + int(after[0])
    anywhere = np.flatnonzero(waiting)
    return int(anywhere[0]) if len(anywhere) else start


def open_ones(rows: np.ndarray, reviewed: set[int]) -> np.ndarray:
    """Which of ``rows`` (n,) nobody has looked at, (n,) bool."""
    waiting = np.ones(len(rows), dtype=bool)
    here = Places(rows)
    done = np.fromiter(reviewed, dtype=np.int64, count=len(reviewed))
    waiting[here.of(done[here.known(done)])] = False
    return waiting


def keyed_labels(classes: Sequence[str], likely: Sequence[int]) -> list[tuple[str, int]]:
    """``(key, class)`` for the label buttons. Up to ten classes keep one key each for ever, so that fingers learn them:
    their own digit when they are digits, else 1 for the first and 0 for the tenth. With more, the ten likeliest of this
    sample take the keys in order."""
    if len(classes) <= 10 and all(len(name) == 1 and name in "0123456789" for name in classes):
        return [(name, label) for label, name in enumerate(classes)]
    shown = list(range(len(classes))) if len(classes) <= 10 else [int(label) for label in likely[:10]]
    return [(str((place + 1) % 10), label) for place, label in enumerate(shown)]


def likeliest(probabilities: np.ndarray, given: int, suggested: int) -> list[int]:
    """Classes from likely to unlikely for one sample (c,), with the suggested and the given label always first."""
    first = [label for label in (suggested, given) if label >= 0]
    rest = [int(label) for label in np.argsort(-probabilities, kind="stable")]
    return list(dict.fromkeys(first + rest))


def preferred(probabilities: np.ndarray, given: int, suggested: int) -> int:
    """The class whose button stands out: the suggested one where it is likelier than the given label (c,), else none
    (-1)."""
    return suggested if given < 0 or probabilities[suggested] > probabilities[given] else -1


def suggestion(task: "Task", line: Any) -> str:
    """What a line of the queue suggests, in words: a class, a set, or a number with its interval."""
    if task.kind == "number":
        low, high = (f"{value:.4g}" for value in (line.suggested_low, line.suggested_high))
        return f"{line.suggested:.4g} ({low} to {high}) {task.target_unit}".rstrip()
    return task.targets.word(line.suggested)


def suspects(order: np.ndarray, expected: float) -> np.ndarray:
    """The queue's first rows, as many as there may be wrong labels (``expected``, the estimate's upper end); at least
    ten. ``order`` are all rows of the queue."""
    return order[: max(10, math.ceil(expected))]


def detector_table(entry: Mapping[str, Any], titles: Mapping[str, str], n: int) -> pd.DataFrame:
    """Every detector's word on one sample, the most suspicious first: ``detector`` (its title), ``value``, ``rank``,
    ``top`` (share of one: 0.01 is among the most suspicious 1 % of ``n``)."""
    lines = [
        {
            "detector": title,
            "value": float(entry[name]),
            "rank": int(entry[f"rank:{name}"]),
            "top": int(entry[f"rank:{name}"]) / max(n, 1),
        }
        for name, title in titles.items()
    ]
    return (
        pd.DataFrame(lines, columns=["detector", "value", "rank", "top"])
        .sort_values("rank", kind="stable")
        .reset_index(drop=True)
    )
