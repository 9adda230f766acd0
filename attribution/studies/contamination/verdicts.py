"""Which hits are leaks, which are common text, and which are harmless: the rule, and the words for each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LEAK = "leak"
COMMON = "common text"
HARMLESS = "harmless"
RULE = (
    "Leak: a row holds at least {part:.0%} of an item's runs of eight words, or thirteen words in a row that are at "
    "least {quote:.0%} of the item, or seems to ask the same in other words (a cosine of at least {twin:g}, nearest to "
    "each other: two in three of those were false alarms where it was measured). Common text: what they share stands "
    "in many other rows or items as well. Harmless: a few shared words."
)
PART = 0.5  # of an item's runs
QUOTE = 0.2  # the same, where thirteen words in a row are shared


@dataclass(frozen=True)
class Evidence:
    """What an item and a row have in common: as in ``overlap.Shared`` and ``Span``, and the cosine of the questions
    (NaN where they are not nearest to each other)."""

    part: float
    question: float
    answer: float
    runs: int
    common: int
    span: int
    long_runs: int
    twin: float


def judged(found: Evidence, twin: float) -> tuple[str, str]:
    """The verdict, and why in a sentence. ``twin``: from which cosine on a question is the same in other words."""
    part = 0.0 if np.isnan(found.part) else found.part
    if part >= PART:
        return LEAK, f"{share(part)} of the item stands in the row word by word{_sides(found)}."
    if found.long_runs and part >= QUOTE:
        words = f"{found.span} words in a row are the same; {share(part)} of the item stands in the row{_sides(found)}."
        return LEAK, words
    if found.twin >= twin:
        words = f"The row seems to ask the same in other words (cosine {found.twin:.2f}; no item is nearer to it)."
        return LEAK, f"{words} Look whether it does."
    if found.common > found.runs:
        return COMMON, f"What they share ({found.span} words in a row) also stands in many other rows or items."
    if found.span:
        return HARMLESS, f"{found.span} words in a row are the same: {share(part)} of the item."
    return HARMLESS, f"The questions use some of the same rare words (cosine {found.twin:.2f})."


def by_words(table: "pd.DataFrame") -> np.ndarray:
    """Which hits (m,) bool are leaks by their words, beyond doubt; other leaks ask the same in other words, and some
    of those are only alike."""
    part = table["part"].fillna(0)
    return np.asarray((part >= PART) | ((table["long_runs"] > 0) & (part >= QUOTE)))


def _sides(found: Evidence) -> str:
    """Which side of the item: its question, its answer, or both."""
    question, answer = found.question >= QUOTE, found.answer >= QUOTE
    if question and answer:
        return ", question and answer"
    return ", the question" if question else ", the answer" if answer else ""


def share(part: float) -> str:
    """ "all", "63 %", "less than 1 %"."""
    if part >= 0.995:
        return "all"
    return f"{100 * part:.0f} %" if part >= 0.01 else "less than 1 %"


def rule(twin: float) -> str:
    """The rule in words."""
    return RULE.format(part=PART, quote=QUOTE, twin=twin).replace("%", " %")
