"""The review's budget on its page: the curve of wrong labels found and expected, and the advice."""

from collections.abc import Mapping

import pandas as pd

from attribution.studies.mislabels.budget import Budget, in_words
from attribution.views.numbers import count

LEAST = 5  # expected finds among the next 50 reviews under which stopping is advised, unless the user says otherwise
EVERY = 10  # decisions between two looks at the budget


def settled(states: pd.DataFrame) -> pd.DataFrame:
    """The decisions that the budget is read from: whole tens of them, the earliest first, so that it is not computed at
    every key."""
    decided = states[states["verdict"] != ""].sort_values("edit")
    return decided.head(len(decided) // EVERY * EVERY)


def headline(found: "Budget", estimate: Mapping[str, float], noun: str = "label") -> str:
    """How many labels are wrong in all, by the decisions so far, and what the search had estimated before them ({}:
    nothing)."""
    total, low, high = (found.wrong + part for part in (found.left.estimate, found.left.low, found.left.high))
    words = f"About {total:,.0f} of {found.n:,} training {noun}s are wrong in all ({low:,.0f} to {high:,.0f}), "
    if not found.reviewed:
        return words + "judged by the search and by errors planted in a copy, before any decision."
    words += (
        f"judged after {found.reviewed:,} decisions: {count(found.wrong)} found by then, about "
        f"{found.left.estimate:,.0f} left."
    )
    if not estimate:
        return words
    ends = f"({estimate['low']:,.0f} to {estimate['high']:,.0f})"
    return f"{words} Before them the search estimated {estimate['mid']:,.0f} {ends}."


def tile(found: "Budget", open_suspects: int, meaning: str) -> tuple[str, str, str]:
    """How many are wrong, as on Review: in all before any decision, then those that are left; the range with what
    waits, and what it rests on."""
    left = found.left
    beneath = f"{left.low:,.0f} to {left.high:,.0f} · {count(open_suspects)} open"
    what = (
        f"{found.reviewed:,} decisions and the search" if found.reviewed else "the search and errors planted in a copy"
    )
    return (
        f"about {left.estimate:,.0f}" + (" left" if found.reviewed else ""),
        beneath,
        f"Judged by {what}, as on Review; 90 % range. {meaning}",
    )


def advice(found: "Budget", least: float, nouns: str = "labels") -> tuple[bool, str]:
    """Whether to stop, and why in one sentence."""
    upcoming = min(found.step, found.n - found.reviewed)
    expected = f"the next {upcoming} reviews would find about {in_words(found.next_yield)} wrong {nouns}"
    if found.reviewed >= found.n:
        return True, "Everything is reviewed."
    if found.stop(least):
        return (
            True,
            f"A good place to stop: {expected}, fewer than the {least:g} you ask for. About {in_words(found.left)} "
            "are left in all.",
        )
    return False, f"Going on pays: {expected}. About {in_words(found.left)} are left in all."


def basis(found: "Budget", nouns: str = "labels") -> str:
    """What the numbers rest on."""
    level = f"Ranges are meant to hold the truth in {100 * found.level:.0f} of 100 reviews like this one."
    if not found.calibrated:
        level += " Without the measurement they can be too narrow."
    seen = f"{count(found.reviewed)} decisions, {count(found.wrong)} of them wrong {nouns}"
    planted = (
        "and errors planted in a copy"
        if found.calibrated
        else "and a general idea of how queues thin out (not yet measured here)"
    )
    return f"From {seen}, the search's estimate, {planted}. {level}"
