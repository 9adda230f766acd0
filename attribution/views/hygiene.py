"""Faulty rows for people: what was found, by kind and line, and what is done about it."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.studies.hygiene.finding import KINDS
from attribution.views.numbers import count, plural

if TYPE_CHECKING:
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
    return f"{plural(len(table), 'finding')} on {plural(table['row'].nunique(), 'row')}{clear}."
