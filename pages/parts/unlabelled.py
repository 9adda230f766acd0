"""Samples that came without a label, on Review: one at a time by keyboard, those first that the model is surest of."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attribution.views import cards as card_views
from attribution.views import numbers, queue
from pages.parts import cards, context, edits, keys, states, targets
from pages.parts.context import Sight

KEYS = {"x": "drop-", "z": "undo", **{str(digit): f"label-{digit}-" for digit in range(10)}}


def waiting(sight: Sight) -> np.ndarray:
    """Rows without a label that nobody has decided upon, the surest guess of the model first."""
    bare = np.flatnonzero(sight.face.bare(sight.labels.values))
    if len(bare):
        bare = bare[(sight.states["verdict"].reindex(bare, fill_value="") == "").to_numpy()]
    if sight.run is None or not len(bare):
        return bare
    return bare[np.argsort(-np.nan_to_num(sight.predictions["confidence"].to_numpy()[bare]), kind="stable")]


def asked_for(sight: Sight, rows: np.ndarray) -> bool:
    """Whether the user wants to label these now; nothing to choose where there are none."""
    if not len(rows):
        return False
    words = f"Go through the {numbers.plural(len(rows), 'sample')} that came with {sight.face.none}"
    return st.toggle(words, key="unlabelled", bind="query-params", help="Nothing trains on them until they have one.")


def show(sight: Sight, rows: np.ndarray) -> None:
    """The sample large, and a button per class with its key."""
    keys.listen(KEYS)
    shown = sight.project.dataset.row_of(context.get("item"))
    row = shown if shown is not None and shown in rows else int(rows[0])
    left, right = st.columns([4, 7], gap="large")
    with left, st.container(border=True):
        card = cards.card_of(sight, row, size=280)
        if card.picture:
            st.html(card_views.centred_picture_html(card, 252))
        st.html(card_views.card_html(card_views.without_picture(card), text_lines=14, text_em=1.25))
    with right:
        st.markdown(f"#### {sight.face.none.capitalize()} yet")
        guess = None
        if sight.run is not None:
            said = sight.predictions.loc[row]
            guess = said["prediction"]
            predicted, _, sure = sight.face.says(said)
            more = f", {numbers.percent(sure)} sure" if sure is not None else ""
            st.markdown(f"The model says **{states.plain(predicted)}**{more}.")
        _buttons(sight, row, guess)
        st.caption(
            f"{numbers.plural(len(rows), 'sample')} left with {sight.face.none}. One that has a {sight.face.noun} is "
            "trained on from the next training."
        )


def _buttons(sight: Sight, row: int, guess: Any) -> None:
    project = sight.project
    version = sight.versions([row])
    common = (f"came with {sight.face.none}", None, version)
    enter = ""
    if sight.face.picks:
        enter = _pick(sight, row, -1 if guess is None else int(guess), common)
    else:
        give = partial(edits.decide, project, "relabel", [row])
        targets.field(sight, f"unlabelled-{row}", guess, lambda value: give(value, *common))
    with st.container(horizontal=True, gap="xsmall"):
        drop = (project, "drop", [row], None, *common)
        st.button("Drop", key=f"drop-{row}", shortcut="X", icon=":material/delete:", on_click=edits.decide, args=drop)
        st.button("Undo", key="undo", shortcut="Z", icon=":material/undo:", on_click=edits.undo, args=(project,))
    keys.shown([row, *version.values()], enter)


def _pick(sight: Sight, row: int, guess: int, common: tuple[Any, ...]) -> str:
    """A button per class with its key; the key of the guess's button ("": there is none)."""
    project = sight.project
    names = sight.face.choices()
    likely = [label for label in (guess, *range(len(names))) if label >= 0]
    keyed = queue.keyed_labels(names, list(dict.fromkeys(likely)))
    with st.container(horizontal=True, gap="xsmall"):
        for key, label in keyed:
            st.button(
                states.plain(names[label]),
                key=f"label-{key}-{row}",
                shortcut=key,
                type="primary" if label == guess else "secondary",
                on_click=edits.decide,
                args=(project, "relabel", [row], label, *common),
            )
        if len(names) > 10:
            menu = f"other-{row}"
            details = (project, menu, [row], *common)
            st.menu_button(
                "Another class",
                names,
                key=menu,
                format_func=states.plain,
                on_click=edits.from_menu,
                args=details,
            )
    return next((f"label-{key}-{row}" for key, label in keyed if label == guess), "")
