"""What is opened or selected on the Map and on Angles: one sample's card, or how many, which targets, what to do with
them, and their cards."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from attribution.views import numbers, tables
from attribution.views.cards import Fact
from pages.parts import cards, colouring, context, edits, frame, lasso, query, states, targets
from pages.parts.context import Sight

CARDS = 12  # on a page


def opened(sight: Sight) -> bool:
    """The card of the sample that was clicked, with all that can be done with it; whether there is one."""
    row = lasso.chosen_row(sight)
    if row is None:
        return False
    with st.container(border=True, key="opened"):
        cards.large(sight, row, "opened", reason="opened on the map")
        with st.container(horizontal=True, gap="xsmall"):
            if colouring.scored(sight, row) is not None:
                st.button("Colour by who taught it", icon=":material/palette:", on_click=who_taught, args=(sight, row))
            st.button("Close", key="close-opened", type="tertiary", on_click=lasso.choose, args=(sight, None))
    return True


def who_taught(sight: Sight, row: int) -> None:
    """Callback: the points are coloured by their influence on this prediction."""
    query.pick(row, sight)
    st.session_state["colour"] = colouring.INFLUENCE


def nothing(sight: Sight, shown: np.ndarray | None) -> None:
    """How to select, and what was selected before."""
    st.markdown("**Nothing selected**")
    st.caption(
        "Point at a sample to see it, click it to open it. Press :material/lasso_select: *Lasso* and draw around some "
        "to act on them together. Scroll or use the buttons to zoom, drag to move."
    )
    if shown is not None and len(shown):
        st.button(
            f"Select all {numbers.count(len(shown))}",
            key="select-all",
            icon=":material/select_all:",
            help="All samples that the filters leave, drawn or not.",
            on_click=lambda: context.put(selection=sight.project.select(shown)),
        )
    saved(sight)


def panel(
    sight: Sight,
    reason: str,
    facts: Callable[[int], Sequence[Fact]] = lambda row: (),
    shown: np.ndarray | None = None,
) -> None:
    """The selection: how many, which targets, how suspicious, what to do with them, and their cards, each with its
    ``facts``. ``shown``: rows that can be selected all at once."""
    rows = sight.selection
    if not len(rows):
        nothing(sight, shown)
        return
    project = sight.project
    training = rows[rows < project.info.counts["train"]]
    st.markdown(
        f"**{numbers.plural(len(rows), 'sample')} selected** · {numbers.count(len(training))} of them in training"
    )
    st.html(tables.mix_html(sight.face.mix(sight.labels.values, rows)))
    mean = numbers.three_digits(tables.mean_of(sight.predictions["loss"].to_numpy(), rows))
    means = [f"mean loss {mean} {states.plain(sight.face.loss_unit)}"]
    if sight.suspicion is not None and len(training):
        here = tables.mean_of(sight.suspicion, training)
        everywhere = tables.mean_of(sight.suspicion)
        means.insert(0, f"mean suspicion {numbers.three_digits(here)} (all: {numbers.three_digits(everywhere)})")
    st.caption(" · ".join(means))
    bulk(sight, len(training), reason)
    carry(sight, rows)
    page = cards.page_number(len(rows), CARDS, "page-selection")
    if sight.suspicion is not None:
        rows = tables.strongest_first(rows, sight.suspicion)
    cards.grid(sight, tables.page_of(rows, page, CARDS), "selection", buttons=False, min_width=150, facts=facts)
    cards.pager(len(rows), CARDS, "page-selection")


def bulk(sight: Sight, n_training: int, reason: str) -> None:
    """Change, drop or keep the training samples of the selection. The test set is left alone: it is the yardstick."""
    project = sight.project
    n = numbers.count(n_training)
    if not n_training:
        st.caption("None of them is in training, so there is nothing to mend here.")
        return
    with st.container(horizontal=True, gap="xsmall"):
        rows = sight.selection[sight.selection < project.info.counts["train"]].tolist()
        # The keys name the selection: a click is for the one that was on screen.
        shown = (sight, reason, rows, sight.versions(rows))
        token = sight.token
        evidence = {"selection": sight.token, "samples": len(rows)}
        expect = sight.versions(rows)
        title = f"{sight.face.change} {n}"
        targets.change(sight, rows, f"bulk-relabel-{sight.token}", reason, evidence, expect, title)
        st.button(
            f"Drop {n}",
            key=f"bulk-drop-{token}",
            help="Take them out of training",
            on_click=decide_all,
            args=("drop", *shown),
        )
        st.button(
            f"Keep {n}",
            key=f"bulk-keep-{token}",
            help=f"Their {sight.face.nouns} are right",
            on_click=decide_all,
            args=("keep", *shown),
        )
        st.button(
            "",
            icon=":material/undo:",
            help="Undo the last change",
            key="bulk-undo",
            on_click=edits.undo,
            args=(project,),
        )


def decide_all(action: str, sight: Sight, reason: str, rows: list[int], expect: dict[int, int]) -> None:
    """Callback: one decision on every training sample of the selection, as it stood when the buttons were drawn."""
    project = sight.project
    evidence = {"selection": sight.token, "samples": len(rows)}
    edits.decide(project, action, rows, None, reason, evidence, expect)


def carry(sight: Sight, rows: np.ndarray) -> None:
    """Take the whole selection to another page, or give it a name."""
    reviewable = sight.flags is not None and bool(sight.flags.searched(rows).any())
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        with st.popover("Save", icon=":material/bookmark:"):
            st.text_input("Name of this selection", key="selection-name")
            st.button("Save", key="save-selection", type="primary", on_click=save, args=(sight,))
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


def save(sight: Sight) -> None:
    """Callback: store the selection under a name."""
    name = (st.session_state.get("selection-name") or "").strip()
    context.put(selection=sight.project.select(sight.selection, name))
    states.flash(f"Saved as {states.plain(name)}." if name else "Give it a name first.", ":material/bookmark:")


def saved(sight: Sight) -> None:
    """Named selections to come back to."""
    names = sight.project.selections()[:8]
    if names:
        st.caption("Saved selections")
    for token, name, n in names:
        st.button(
            f"{states.plain(name)} ({numbers.count(n)})",
            key=f"saved-{token}",
            type="tertiary",
            icon=":material/bookmark:",
            on_click=context.put,
            kwargs={"selection": token},
        )
