"""Overview's numbers in one grid; each that counts samples leads to them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from attribution.views import budget, leaks, numbers
from pages.parts import duplicates, frame, leading, quality, states
from pages.parts.context import Sight


def show(sight: Sight, open_suspects: int) -> None:
    """Quality of the model, suspects, edits, and what the search for leaks found."""
    test = sight.predictions.loc[sight.project.dataset.rows("test")]
    found: list[tuple[Mapping[str, str], str, Callable[..., None], tuple[Any, ...]]] = []
    to_mistakes = ("See them", leading.to, ("browse", quality.mistakes_find(sight)))
    for place, figure in enumerate(sight.face.figures(test)):
        found.append((figure, *(to_mistakes if place == 1 else ("See the test samples", *_browse("split:test")))))
    if sight.flags is not None:
        found.append((_suspects(sight, open_suspects), "Review them", frame.go, ("review",)))
    found.append((_edits(sight), "See the decisions", frame.go, ("history",)))
    if sight.leaks is not None:
        found += [(tile, words, frame.go, ("leaks",)) for tile, words in _leaks(sight)]
    with st.grid(4, min_column_width=215):
        for place, (shown, words, click, args) in enumerate(found):
            with st.container(border=True, height="stretch", gap="xsmall"):
                states.metric(shown)
                st.space("stretch")
                st.button(
                    words,
                    key=f"tile-{place}",
                    type="tertiary",
                    icon=":material/arrow_forward:",
                    on_click=click,
                    args=args,
                )


def _browse(find: str) -> tuple[Callable[..., None], tuple[str, str]]:
    return leading.to, ("browse", find)


def _tile(label: str, value: str, delta: str, help: str) -> dict[str, str]:
    return {"label": label, "value": value, "delta": delta, "help": help}


def _suspects(sight: Sight, open_suspects: int) -> dict[str, str]:
    """How many are wrong: by the decisions once there are some, as Review says it, else by the search."""
    title, many, beneath, meaning = sight.face.suspects(sight.flags, open_suspects)
    if sight.budget is not None and sight.flags.estimate:
        many, beneath, meaning = budget.tile(sight.budget, open_suspects, meaning)
    return _tile(title, many, beneath, meaning)


def _edits(sight: Sight) -> dict[str, str]:
    decided = numbers.count(len(sight.states[sight.states["verdict"] != ""]))
    meaning = f"Samples {sight.face.changed_mark}, dropped or kept in this project."
    return _tile("Decisions", decided, f"{numbers.plural(len(sight.pending), 'edit')} not in the model", meaning)


def _leaks(sight: Sight) -> list[tuple[dict[str, str], str]]:
    """What the search for leaks found, and the test figure without them."""
    cases = sight.leaks.cases(sight.labels.values)
    verdicts = leaks.verdicts(cases, sight.states)
    test = sight.project.dataset.rows("test")
    left_out = np.isin(test, leaks.leaked_rows(cases, [one != "legitimate" for one in verdicts]))
    decided = f"{numbers.count(sum(bool(one) for one in verdicts))} decided"
    meaning = "Training samples that repeat a test or validation sample; copies of one sample count once."
    first = leaks.matters(sight.leak_gap, sight.project.dataset.task.figures[0])  # then it is the next step above
    words = "See them" if first or not len(cases) else "Judge the leaks"
    found = [(_tile("Likely leaks", numbers.count(len(cases)), decided, meaning), words)]
    copies = numbers.count(duplicates.waiting(sight, sight.leaks.threshold))
    meaning = "Training samples beyond the first of each group that is the same, or nearly so."
    found.append((_tile("Duplicates in training", copies, "superfluous copies", meaning), "See them"))
    if left_out.any():
        rest = sight.predictions.loc[test[~left_out]]
        title, value, interval = sight.face.quality(rest)
        meaning = f"On the {numbers.plural(len(rest), 'test sample')} that no training sample repeats; 95 % interval."
        found.append((_tile(f"{title} without leaks", value, interval, meaning), "See the leaks"))
    return found
