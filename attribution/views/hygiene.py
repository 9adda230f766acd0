"""Faulty rows for people: what was found, by kind and line, and what is done about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.studies.hygiene.finding import KINDS
from attribution.views.numbers import count, plural

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.hygiene.result import HygieneResult


def counts(result: "HygieneResult", active: np.ndarray) -> "dict[str, int]":
    """How many findings of each kind still hold, the kinds in their usual order."""
    found = result.of("", active)["kind"].value_counts()
    return {name: int(found[name]) for name in KINDS if name in found}


def kinds_found(result: "HygieneResult", active: np.ndarray, top: int) -> list[str]:
    """Lines for a terminal: each kind with what it does, and its first findings by line."""
    lines = []
    table = result.of("", active)
    for name, n in counts(result, active).items():
        kind = KINDS[name]
        lines.append(f"{kind.title}: {n:,}. {kind.why}")
        lines += [
            f"  {one.source:<12} {one.id:<16} {one.sentence}" for one in table[table["kind"] == name][:top].itertuples()
        ]
    return lines


def headline(result: "HygieneResult", active: np.ndarray) -> str:
    """How much is left to look at."""
    table = result.of("", active)
    if not len(table):
        return "Nothing is left to look at." if len(result.findings) else result.verdict
    grave = int((table["severity"] == "high").sum())
    clear = f", {count(grave)} of them beyond doubt" if grave else ""
    rows = table.drop_duplicates("row")
    train = int((rows["split"] == "train").sum())
    of_them = "" if train == len(rows) else f" ({count(train)} of them training rows)"
    return f"{plural(len(table), 'finding')} on {plural(len(rows), 'row')}{of_them}{clear}."


def gathered(table: "pd.DataFrame") -> "pd.DataFrame":
    """Findings as cards: the kinds that are found seldom first, and one line for all exact repeats of a row, whose
    ``rows`` are those that repeat it (of another finding: its own row)."""
    often = table["kind"].map(table["kind"].value_counts())
    table = table.iloc[np.lexsort((np.arange(len(table)), table["kind"], often))]
    alone = table["kind"] != "repeat"
    group = table["group"].astype(str).where(~alone, [f"alone {place}" for place in range(len(table))])
    rows = table.groupby(group, sort=False)["row"].agg(tuple)
    first = ~group.duplicated()
    return table[first].assign(rows=group[first].map(rows)).reset_index(drop=True)


def repeated(rows: Sequence[int], other: int, active: np.ndarray, train: int) -> str:
    """How many rows say the same, of which those from ``train`` on are held out; ``other`` is the one that stays."""
    all_of_them = [*rows, *([other] if active[other] else [])]
    held = sum(row >= train for row in all_of_them)
    words = f"{plural(len(all_of_them), 'row')} are the same, character for character"
    across = f"; {count(held)} of them held out, which flatters the score"
    return f"{words}{across if 0 < held < len(all_of_them) else ''}."


def suggested(rows: np.ndarray, n_train: int) -> str:
    """How many rows are suggested for dropping, and where they are, as rows below ``n_train`` are trained on:
    "88 rows (65 of training, 23 held out)"."""
    held = int((rows >= n_train).sum())
    parts = f" ({count(len(rows) - held)} of training, {count(held)} held out)" if held else ""
    return f"{plural(len(rows), 'row')}{parts}"
