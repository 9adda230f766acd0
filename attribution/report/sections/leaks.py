"""Leaks pair by pair, what they do to the test score, and duplicates inside training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from attribution.report.html import Html, el, paragraphs, shown_of, tiles, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import leaks
from attribution.views.numbers import count, plural, three_digits

PAIRS = 12
GROUPS = 6


@register("leaks")
class Leaks(Section):
    """Training samples that repeat held-out ones, or each other."""

    title = "Leaks and duplicates"
    order = 40
    missing = "leaks and duplicates were not looked for (`datablame leaks`)"

    def body(self, state: State) -> Html | str:
        if state.leaks is None:
            return ""
        return together((leaked(state), duplicates(state)))


def leaked(state: State) -> Html:
    """The headline, the score with and without, and the pairs with the best evidence."""
    cases = state.leaks.cases(state.labels.values)
    verdicts = leaks.verdicts(cases, state.states)
    alone = leaks.nothing_held_out(state.dataset.info.counts)
    shown = cases.head(PAIRS).to_dict("records")
    pairs = [_pair(state, case, verdict) for case, verdict in zip(shown, verdicts, strict=False)]
    return together(
        (
            paragraphs(alone or leaks.headline(cases, verdicts)),
            score(state, cases, verdicts),
            el("div", *pairs, class_="pairs") if pairs else "",
            paragraphs(shown_of(len(pairs), len(cases), "leaks", "The Leaks page shows each with its evidence.")),
        )
    )


def score(state: State, cases: pd.DataFrame, verdicts: Sequence[str]) -> Html | str:
    """The test score with and without the leaked samples: the confirmed ones, or before any is, all likely ones."""
    if state.run is None or not len(cases):
        return ""
    confirmed = [one in ("leak", "test") for one in verdicts]
    wanted = confirmed if any(confirmed) else [one != "legitimate" for one in verdicts]
    left_out = np.isin(state.dataset.rows("test"), leaks.leaked_rows(cases, wanted))
    if not left_out.any():
        return ""
    found = state.face.score_without(state.test, left_out)
    cells = leaks.score_figures(found, any(confirmed), state.dataset.task.figures[0])
    return tiles((cell["label"], cell["value"], cell["delta"]) for cell in cells)


def _pair(state: State, case: Mapping[str, Any], verdict: str) -> Html:
    """Both samples side by side with how close they are and what was decided."""
    row, other = int(case["row"]), int(case["other"])
    exact = case["kind"] == "exact"
    close = "same content" if exact else f"{three_digits(case['ratio'])} of the usual distance"
    differ = f"{state.face.nouns} differ" if case["conflict"] else ""
    words = ", ".join(word for word in (close, str(state.leaks.pair(row, other)["change"]), differ) if word)
    decided = f"Decided: {leaks.VERDICTS[verdict]}" if verdict else "Not decided yet"
    split = leaks.held_out(state.dataset.samples["split"], [other])
    both = [
        state.sample(one, f"{where}: {state.face.word(state.labels.values[one])}")
        for one, where in ((row, "training"), (other, split))
    ]
    return el("div", state.samples(both), el("p", f"{words}. {decided}."), class_="pair")


def duplicates(state: State) -> Html:
    """Groups inside training that are the same thing: how many, those whose targets differ, and some of each."""
    cases = state.leaks.cases(state.labels.values, relation="duplicate")
    if not len(cases):
        return together((el("h3", "Duplicates in training"), paragraphs("None was found.")))
    double = leaks.still_double(cases, state.labels.active)
    conflicts = int(double["conflict"].sum())
    superfluous = len(leaks.keep_one(double, state.labels.active, state.labels.values, state.leaks.alike))
    said = (
        f"{plural(len(double), 'group')} of training samples repeat one another: {count(superfluous)} superfluous "
        f"copies, and {plural(conflicts, 'group')} whose {state.face.nouns} differ."
    )
    groups = [_group(state, {*case.rows, *case.others}) for case in double.head(GROUPS).itertuples()]
    left = shown_of(len(groups), len(double), "groups", "The Leaks page has all.")
    return together(
        (el("h3", "Duplicates in training"), paragraphs(said), el("div", *groups, class_="pairs"), paragraphs(left))
    )


def _group(state: State, rows: set[int]) -> Html:
    figures = [state.sample(row, state.face.word(state.labels.values[row])) for row in sorted(rows)[:4]]
    more = f"and {len(rows) - 4} more" if len(rows) > 4 else ""
    return el("div", state.samples(figures), el("p", more) if more else "", class_="pair")
