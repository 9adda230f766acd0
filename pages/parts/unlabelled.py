"""Samples that came without a label, on Review: one at a time by keyboard, those first that the model is surest of."""

import numpy as np
import streamlit as st

from attribution.views import cards as card_views
from attribution.views import numbers, queue
from pages.parts import cards, context, edits, keys, states
from pages.parts.context import Sight

KEYS = {"x": "drop-", "z": "undo", **{str(digit): f"label-{digit}-" for digit in range(10)}}


def waiting(sight: Sight) -> np.ndarray:
    """Rows without a label that nobody has decided upon, the surest guess of the model first."""
    bare = np.flatnonzero(sight.labels.values < 0)
    if len(bare):
        bare = bare[(sight.states["verdict"].reindex(bare, fill_value="") == "").to_numpy()]
    if sight.run is None or not len(bare):
        return bare
    return bare[np.argsort(-sight.predictions["confidence"].to_numpy()[bare], kind="stable")]


def asked_for(rows: np.ndarray) -> bool:
    """Whether the user wants to label these now; nothing to choose where there are none."""
    if not len(rows):
        return False
    words = f"Label the {numbers.plural(len(rows), 'sample')} that came without a label"
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
        st.markdown("#### No label yet")
        guess = -1
        likely = list(range(len(sight.project.classes)))
        if sight.run is not None:
            said = sight.predictions.loc[row]
            guess = int(said["prediction"])
            likely = [guess, *[label for label in likely if label != guess]]
            st.markdown(
                f"The model says **{card_words(sight, guess)}**, {numbers.percent(float(said['confidence']))} sure."
            )
        _buttons(sight, row, guess, likely)
        st.caption(
            f"{numbers.plural(len(rows), 'sample')} left without a label. A labelled one is trained on from the "
            "next training."
        )


def card_words(sight: Sight, label: int) -> str:
    """A class name as Markdown that shows it as it is."""
    return states.plain(sight.project.classes[label])


def _buttons(sight: Sight, row: int, guess: int, likely: list[int]) -> None:
    project = sight.project
    version = sight.versions([row])
    common = ("came without a label", None, version)
    with st.container(horizontal=True, gap="xsmall"):
        for key, label in queue.keyed_labels(project.classes, likely):
            st.button(
                card_words(sight, label),
                key=f"label-{key}-{row}",
                shortcut=key,
                type="primary" if label == guess else "secondary",
                on_click=edits.decide,
                args=(project, "relabel", [row], label, *common),
            )
        if len(project.classes) > 10:
            menu = f"other-{row}"
            details = (project, menu, [row], *common)
            st.menu_button(
                "Another class",
                project.classes,
                key=menu,
                format_func=states.plain,
                on_click=edits.from_menu,
                args=details,
            )
    with st.container(horizontal=True, gap="xsmall"):
        drop = (project, "drop", [row], None, *common)
        st.button("Drop", key=f"drop-{row}", shortcut="X", icon=":material/delete:", on_click=edits.decide, args=drop)
        st.button("Undo", key="undo", shortcut="Z", icon=":material/undo:", on_click=edits.undo, args=(project,))
    keys.shown([row, *version.values()])
