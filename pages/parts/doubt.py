"""Is what was given for the sample itself wrong? Asked where model and nearest training samples say otherwise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.parts import context, edits, frame, states
from pages.parts.context import Sight

NEAREST = 10
WAYS = {"model": "what the model sees", "content": "content alone"}  # the second owes nothing to the model


@st.cache_resource(max_entries=256, show_spinner=False)
def _nearest(folder: str, run_id: str, row: int, _project: Any) -> dict[str, np.ndarray]:
    """Training rows nearest to one, by either likeness."""
    return {
        words: _project.alike(row, 2 * NEAREST, way, "train")["row"].to_numpy(dtype=np.int64)
        for way, words in WAYS.items()
    }


def why(sight: Sight, row: int) -> str:
    """The evidence in a sentence; "" where what was given is not in doubt."""
    seen = sight.predictions.loc[row]
    if sight.face.unknown(seen) or (sight.face.sure and sight.face.right(seen)):
        return ""
    near = {}
    for words, rows in _nearest(sight.key, sight.run.id, row, sight.project).items():
        there = rows[sight.labels.active[rows]][:NEAREST]
        near[words] = sight.labels.values[there]
    return sight.face.doubt(seen, near)


def box(sight: Sight, rows: Sequence[int]) -> None:
    """The question with its evidence and what can be done, for a single sample that nobody decided about."""
    if len(rows) != 1 or not sight.face.told:
        return
    row = int(rows[0])
    decided = row in sight.states.index and bool(sight.states.loc[row, "verdict"])
    words = "" if decided else why(sight, row)
    if not words:
        return
    seen = sight.predictions.loc[row]
    answer = sight.face.suggestion(seen["prediction"])
    split = str(sight.project.dataset.samples["split"].iloc[row])
    label = sight.face.word(seen["label"])
    then = f"If so, the model is right here, and training samples that pull towards {label} deserve the look."
    with st.container(border=True, gap="xsmall", key="doubt"):
        question = f"Is the {'test ' * (split == 'test')}{sight.face.noun} wrong?"
        st.markdown(f":material/help: **{question}** {states.plain(words)}", help=states.plain(then))
        _deeds(sight, row, seen, answer)


def _deeds(sight: Sight, row: int, seen: Any, answer: str) -> None:
    expect = sight.versions([row])
    evidence = {"model": answer, "question": "neighbours and model agree"}
    told = (f"model and neighbours say {answer}", evidence, expect)
    version = expect[row]
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            states.plain(f"It is {answer}"),
            key=f"doubt-relabel-{row}-{version}",
            on_click=edits.decide,
            args=(sight.project, "relabel", [row], seen["prediction"].item(), *told),
        )
        st.button(
            "Drop it",
            key=f"doubt-drop-{row}-{version}",
            on_click=edits.decide,
            args=(sight.project, "drop", [row], None, *told),
        )
        st.button(
            f"The {sight.face.noun} is right" if sight.face.verb == "is" else f"The {sight.face.noun} are right",
            key=f"doubt-keep-{row}-{version}",
            on_click=edits.decide,
            args=(sight.project, "keep", [row], None, *told),
        )
        if sight.flags is not None and bool(sight.flags.searched(np.array([row]))[0]):
            st.button("Look at it in Review", key="doubt-review", type="tertiary", on_click=_review, args=(sight, row))


def _review(sight: Sight, row: int) -> None:
    context.put(item=str(sight.project.dataset.ids[row]))
    frame.go("review")
