"""Every hit of a benchmark's items in the training rows, with its evidence and its verdict."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.progress import Progress
from attribution.studies.contamination.benchmark import Item
from attribution.studies.contamination.overlap import COPY, Index, Shared, Span, longest_span, shared
from attribution.studies.contamination.twins import twins
from attribution.studies.contamination.verdicts import COMMON, LEAK, Evidence, judged

if TYPE_CHECKING:
    import pandas as pd

LEAST_TWIN = 0.2  # cosine from which on a nearest pair is listed
COLUMNS = {
    "item": "int64",
    "row": "int64",
    "verdict": "str",
    "why": "str",
    **dict.fromkeys(("part", "question", "answer", "twin"), "float64"),
    **dict.fromkeys(("runs", "common", "span", "long_runs"), "int64"),
    "span_text": "str",
}
ORDER = {LEAK: 0, COMMON: 1}


def compare(
    items: Sequence[Item], questions: Sequence[str], rows: Sequence[str], twin: float, work: Progress | None = None
) -> "pd.DataFrame":
    """One line per pair of an item and a row that have something in common (``COLUMNS``), leaks first.

    ``questions`` (n,) and ``rows`` (n,) are what training rows ask, and the whole of them, as text.
    """
    import pandas as pd

    progress = work or Progress()
    index = Index.of([one.question for one in items], [one.answer for one in items])
    found = shared(index, rows, progress.part(0.0, 0.5))
    taken = np.zeros(len(rows), dtype=bool)
    taken[found.row[np.nan_to_num(found.part) >= COPY]] = True
    near = twins([one.question for one in items], questions, taken, progress.part(0.5, 0.8))
    cosine = {
        (int(item), int(row)): float(value) for item, row, value in zip(*near, strict=True) if value >= LEAST_TWIN
    }
    places = {(int(item), int(row)): place for place, (item, row) in enumerate(zip(found.item, found.row, strict=True))}
    lines = []
    for number, (item, row) in enumerate({**places, **cosine}):
        progress.part(0.8, 1.0).update(number, len(places) + len(cosine), "finding common spans")
        span = longest_span(items[item].text, rows[row])
        at = places.get((item, row))
        evidence = _evidence(found, at, span, cosine.get((item, row), float("nan")))
        verdict, why = judged(evidence, twin)
        lines.append(_line(item, row, verdict, why, evidence, span))
    return _ordered(pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS))


def _ordered(table: "pd.DataFrame") -> "pd.DataFrame":
    """Leaks first, then common text; each with the strongest first."""
    strength = -table[["part", "twin"]].max(axis=1).fillna(0)
    table = table.assign(order=table["verdict"].map(ORDER).fillna(2), strength=strength)
    table = table.sort_values(["order", "strength", "item", "row"], kind="stable")
    return table.drop(columns=["order", "strength"]).reset_index(drop=True)


def _evidence(found: Shared, at: int | None, span: Span, cosine: float) -> Evidence:
    """What is known of a pair; ``at`` is its place among those with words in common."""
    if at is None:
        return Evidence(0.0, 0.0, float("nan"), 0, 0, span.words, span.long_runs, cosine)
    part, question, answer = (float(values[at]) for values in (found.part, found.question, found.answer))
    runs, common = int(found.runs[at]), int(found.common[at])
    return Evidence(part, question, answer, runs, common, span.words, span.long_runs, cosine)


def _line(item: int, row: int, verdict: str, why: str, evidence: Evidence, span: Span) -> dict[str, Any]:
    told = {"item": item, "row": row, "verdict": verdict, "why": why, "span_text": span.text[:2000]}
    return {**told, **asdict(evidence)}
