"""What to do with the samples that are chosen on Browse: decisions and marks for all of them, as one batch and one
undo."""

import numpy as np
import streamlit as st

from attribution.views.numbers import count, plural
from pages.parts import context, edits, frame, marks, states, targets, tiles
from pages.parts.context import Sight

REASON = "browse"


def bar(sight: Sight, page: np.ndarray, matching: np.ndarray) -> None:
    """Choose a page or all that match, and act on what is chosen."""
    choice = tiles.choice_of(sight)
    rows = choice.rows
    outside = len(rows) - int(np.isin(rows, matching, assume_unique=True).sum())
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(
            f"**{count(len(rows))} chosen**" + (f" ({count(outside)} not shown)" if outside else ""), width="content"
        )
        more = np.union1d(rows, page)
        st.button("Select page", key="browse-page", on_click=choice.put, args=(more,), disabled=len(more) == len(rows))
        title = f"Select all {count(len(matching))}"
        st.button(title, key="browse-all", on_click=choice.put, args=(matching,), disabled=not len(matching))
        st.button(
            "Clear", key="browse-none", type="tertiary", on_click=choice.put, args=(rows[:0],), disabled=not len(rows)
        )
    if len(rows):
        _actions(sight, rows)


def _actions(sight: Sight, rows: np.ndarray) -> None:
    training = rows[rows < sight.project.info.counts["train"]]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if len(training):
            _decisions(sight, training)
        _marks(sight, rows)
        st.button("Undo", key="browse-undo", icon=":material/undo:", on_click=edits.undo, args=(sight.project,))
        st.button(
            "To the map",
            key="browse-map",
            icon=":material/scatter_plot:",
            help="As a selection, which Map, Review, Influence and Angles take",
            on_click=take,
            args=(sight, rows),
        )
    if len(training) < len(rows):
        held = plural(len(rows) - len(training), "chosen sample")
        st.caption(f"{held} held out: they stay as they are, since they are the yardstick. Marks are for all of them.")


def _decisions(sight: Sight, rows: np.ndarray) -> None:
    """Relabel, drop and keep, of training samples."""
    n = count(len(rows))
    stamp = tiles.choice_of(sight).stamp
    expect = Expected(sight)
    evidence = {"find": sight.find, "samples": len(rows)}
    chosen = rows.tolist()
    key = f"browse-relabel-{stamp}-{len(rows)}"
    targets.change(sight, chosen, key, REASON, evidence, expect.of(chosen), f"{sight.face.change} {n}")
    for action, words in (("drop", "Take them out of training"), ("keep", f"Their {sight.face.nouns} are right")):
        st.button(
            f"{action.capitalize()} {n}",
            key=f"browse-{action}",
            help=words,
            on_click=edits.decide,
            args=(sight.project, action, chosen, None, REASON, evidence, expect.of(chosen)),
        )


class Expected:
    """The last edits of rows as the page shows them."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._known: dict[int, int] | None = None

    def of(self, rows: list[int]) -> dict[int, int]:
        """Of these rows; worked out once for all buttons."""
        if self._known is None:
            self._known = self._sight.versions(rows)
        return self._known


def _marks(sight: Sight, rows: np.ndarray) -> None:
    """Tags, a note, and unsure."""
    with st.popover("Tag", icon=":material/sell:"), st.form("browse-tags", border=False, clear_on_submit=True):
        known = marks.tags_in_use(sight)
        there = f"There are: {', '.join(map(states.plain, known))}." if known else None
        st.text_input("Tag", key="browse-tag", placeholder="such as to ask", help=there)
        with st.container(horizontal=True):
            add = (sight, rows, "tag", "browse-tag")
            st.form_submit_button("Add tag", key="browse-tag-add", type="primary", on_click=marked, args=add)
            off = (sight, rows, "untag", "browse-tag")
            st.form_submit_button("Take it off", key="browse-tag-off", on_click=marked, args=off)
    with st.popover("Note", icon=":material/edit_note:"), st.form("browse-notes", border=False, clear_on_submit=True):
        st.text_area("Note", key="browse-note", placeholder="What should be known about them")
        write = (sight, rows, "note", "browse-note")
        st.form_submit_button("Write it", key="browse-note-set", type="primary", on_click=marked, args=write)
    unsure = (sight, rows, "unsure")
    st.button("Unsure", key="browse-unsure", icon=":material/help:", on_click=marked, args=unsure)


def marked(sight: Sight, rows: np.ndarray, action: str, key: str = "") -> None:
    """Callback: put a mark on the chosen samples, with what was typed into the field ``key``."""
    typed = (st.session_state.get(key) or "").strip() if key else None
    edits.decided(sight.project, action, rows.tolist(), typed, REASON, {"find": sight.find, "samples": len(rows)})


def take(sight: Sight, rows: np.ndarray) -> None:
    """Callback: the chosen samples become the selection of all pages, and the map opens."""
    context.put(selection=sight.project.select(rows))
    frame.go("map")
