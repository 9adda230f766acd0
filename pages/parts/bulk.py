"""Taking the suggestion for the surest suspects at once: how many of them are wrong, a dozen to look at, one batch."""

from typing import Any

import streamlit as st

from attribution.views import bulk
from attribution.views.cards import tile_html
from pages.parts import cards, edits, states
from pages.parts.context import Sight

USUAL = 50


@st.cache_resource(max_entries=32, show_spinner=False)
def _surest(folder: str, search: str, planted: str, ledger: tuple[int, float], n: int, _project: Any) -> Any:
    return _project.surest(n)


def surest(sight: Sight, n: int) -> Any:
    """The batch and its estimate, for the ledger as it stands."""
    planted = sight.calibration.id if sight.calibration else ""
    return _surest(sight.key, sight.flags.id, planted, sight.project.ledger.stamp(), n, sight.project)


def fold(sight: Sight) -> None:
    """Behind a fold of the queue: how many to take, the risk, the dozen, and the button."""
    place = st.expander(
        "Take the surest suggestions at once", icon=":material/flash_on:", key="fold-bulk", on_change="rerun"
    )
    if not place.open:
        return
    with place:
        tip = "In the order of the queue, of those that nobody decided on. The interval widens and narrows with it."
        n = int(
            st.number_input(
                "How many of the surest", 1, len(sight.flags.order), USUAL, key="bulk-n", width=220, help=tip
            )
        )
        found = surest(sight, n)
        st.markdown(f"#### {states.plain(found.sentence(sight.face.nouns))}")
        if not len(found):
            return
        st.caption(states.plain(bulk.basis(found, sight.face)))
        dozen = _dozen(sight, found)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.button(
                f"Take all {len(found):,} suggestions",
                key=f"bulk-take-{len(found)}-{sight.project.ledger.last_id()}",
                icon=":material/done_all:",
                type="secondary" if len(dozen) else "primary",
                on_click=take,
                args=(sight, found),
            )
            st.caption(
                f"One batch; one undo takes it back. {bulk.checked_words(sight.states, sight.flags, _chosen(sight))}",
                width="content",
            )
        if len(dozen):
            _cards(sight, found, dozen)


def take(sight: Sight, found: Any) -> None:
    """Callback: every suggestion of the batch."""
    rows = found.rows.tolist()
    expect = sight.versions(rows)
    edits.decide(sight.project, "relabel", rows, dict(found.suggested), "surest suggestions", found.evidence, expect)


def one(sight: Sight, row: int, action: str, value: Any, version: dict[int, int]) -> None:
    """Callback: the answer on one of the dozen."""
    edits.decide(sight.project, action, [row], value, "a random dozen of the surest", {"view": "dozen"}, version)


def _chosen(sight: Sight) -> list[int]:
    """The dozen that this session looks at."""
    return st.session_state.get(f"dozen-{sight.key}", [])  # type: ignore[no-any-return]


def _dozen(sight: Sight, found: Any) -> list[int]:
    """Those of the dozen that wait for an answer; drawn when it is asked for, and fixed until another one is."""
    key = f"dozen-{sight.key}"

    def draw() -> None:
        st.session_state[key] = found.dozen(seed=sight.project.ledger.last_id()).tolist()

    waiting = [row for row in _chosen(sight) if row in found.suggested]
    if not waiting:
        st.button("Look at a random dozen of them first", key="bulk-dozen", icon=":material/casino:", on_click=draw)
    return waiting


def _cards(sight: Sight, found: Any, rows: list[int]) -> None:
    """A card for each, with its suggestion, taken or not at a click."""
    st.markdown(f"**Is the suggestion right?** {len(rows)} of a random dozen wait. Each answer moves the number above.")
    with st.grid("auto", min_column_width=150, gap="small"):
        for row in rows:
            value = found.suggested[row]
            version = sight.versions([row])
            key = f"{row}-{version[row]}"
            with st.container(border=True, gap="xsmall"):
                st.html(tile_html(cards.card_of(sight, row, size=112)))
                st.button(
                    f"→ {states.plain(sight.face.suggestion(value))}",
                    key=f"dozen-take-{key}",
                    type="primary",
                    width="stretch",
                    help="Take the suggestion",
                    on_click=one,
                    args=(sight, row, "relabel", value, version),
                )
                st.button(
                    f"Keep {states.plain(sight.face.word(sight.labels.values[row]))}",
                    key=f"dozen-keep-{key}",
                    width="stretch",
                    on_click=one,
                    args=(sight, row, "keep", None, version),
                )
