"""What is selected, on the Map and on Angles: how many, which classes, what to do with them, and their cards."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from attribution.views import numbers, tables
from attribution.views.cards import Fact
from pages.parts import cards, context, edits, frame, query, states
from pages.parts.context import Sight


def panel(sight: Sight, reason: str, facts: Callable[[int], Sequence[Fact]] = lambda row: ()) -> None:
    """The selection: how many, which classes, how suspicious, what to do with them, and their cards, each with its ``facts``."""
    rows = sight.selection
    if not len(rows):
        st.markdown("**Nothing selected**")
        st.caption("Click :material/lasso_select: at the chart's top right and draw around some points. Scroll to zoom, drag to move.")
        saved(sight)
        return
    project = sight.project
    training = rows[rows < project.info.counts["train"]]
    st.markdown(f"**{numbers.plural(len(rows), 'sample')} selected** · {numbers.count(len(training))} of them in training")
    mix = tables.mix(sight.labels.values[rows], project.classes)
    st.html(tables.mix_html(mix))
    means = [f"mean loss {numbers.three_digits(tables.mean_of(sight.predictions['loss'].to_numpy(), rows))} nats"]
    if sight.suspicion is not None and len(training):
        here, everywhere = tables.mean_of(sight.suspicion, training), tables.mean_of(sight.suspicion)
        means.insert(0, f"mean suspicion {numbers.three_digits(here)} (all: {numbers.three_digits(everywhere)})")
    st.caption(" · ".join(means))
    bulk(sight, training, reason)
    carry(sight, rows)
    page = cards.page_number(len(rows), 12, "page-selection")
    if sight.suspicion is not None:
        rows = tables.strongest_first(rows, sight.suspicion)
    cards.grid(sight, tables.page_of(rows, page, 12), "selection", buttons=False, min_width=150, facts=facts)
    cards.pager(len(rows), 12, "page-selection")


def bulk(sight: Sight, training: np.ndarray, reason: str) -> None:
    """Relabel, drop or keep the training samples of the selection. The test set is left alone: it is the yardstick."""
    project, chosen = sight.project, training.tolist()
    if not chosen:
        st.caption("None of them is in training, so there is nothing to mend here.")
        return
    expect = sight.versions(chosen)
    evidence = {"selection": context.get("selection"), "samples": len(chosen)}
    n = numbers.count(len(chosen))
    details = (chosen, None, reason, evidence, expect)
    with st.container(horizontal=True, gap="xsmall"):
        relabel = (project, "bulk-relabel", chosen, reason, evidence, expect)
        st.menu_button(f"Relabel {n}", project.classes, key="bulk-relabel", on_click=edits.from_menu, args=relabel)
        st.button(f"Drop {n}", key="bulk-drop", help="Take them out of training", on_click=edits.decide, args=(project, "drop", *details))
        st.button(f"Keep {n}", key="bulk-keep", help="Their labels are right", on_click=edits.decide, args=(project, "keep", *details))
        st.button("", icon=":material/undo:", help="Undo the last change", key="bulk-undo", on_click=edits.undo, args=(project,))


def carry(sight: Sight, rows: np.ndarray) -> None:
    """Take the whole selection to another page, or give it a name."""
    chosen = rows.tolist()
    reviewable = sight.flags is not None and any(sight.flags.has(row) for row in chosen)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        with st.popover("Save", icon=":material/bookmark:"):
            st.text_input("Name of this selection", key="selection-name")
            st.button("Save", key="save-selection", type="primary", on_click=save, args=(sight, chosen))
            st.caption("The page's address already holds the selection: copy it to share.")
        st.button("Review them", key="to-review", icon=":material/rule:", disabled=not reviewable, on_click=review)
        st.button("Ask what influenced them", key="to-influence", icon=":material/account_tree:", on_click=ask)
        st.button("Clear", key="clear-selection", type="tertiary", on_click=context.put, kwargs={"selection": ""})


def review() -> None:
    """Callback: the selection becomes the queue of the Review page."""
    st.session_state["within"] = True
    context.put(item="")
    frame.go("review")


def ask() -> None:
    """Callback: the selection becomes the query of the Influence page."""
    query.use_selection()
    frame.go("influence")


def save(sight: Sight, rows: list[int]) -> None:
    """Callback: store the selection under a name."""
    name = (st.session_state.get("selection-name") or "").strip()
    context.put(selection=sight.project.select(rows, name))
    states.flash(f"Saved as {states.plain(name)}." if name else "Give it a name first.", ":material/bookmark:")


def saved(sight: Sight) -> None:
    """Named selections to come back to."""
    names = sight.project.selections()[:8]
    if names:
        st.caption("Saved selections")
    for token, name, n in names:
        st.button(
            f"{name} ({numbers.count(n)})",
            key=f"saved-{token}",
            type="tertiary",
            icon=":material/bookmark:",
            on_click=context.put,
            kwargs={"selection": token},
        )
