"""The review queue as a grid of thumbnails, and what one-by-one and grid share: verdicts so far, evidence, undo."""

from typing import Any

import numpy as np
import streamlit as st

from attribution.project.project import Project
from attribution.views import queue, tables
from attribution.views.cards import tile_html
from pages.parts import cards, context, edits, frame, keys, states
from pages.parts.context import Sight


def evidence_of(sight: Sight, row: int) -> dict[str, Any]:
    """What speaks against the label, for the ledger: the queue position, suspicion, and the strongest detector."""
    if not sight.flags.has(row):
        return {}
    entry = sight.flags.entry(row)
    table = queue.detector_table(entry, sight.flags.config["detectors"], len(sight.flags.detectors))
    found: dict[str, Any] = {"position": int(entry["position"]), "suspicion": round(float(entry["suspicion"]), 4)}
    if len(table):
        found |= {"detector": str(table["detector"][0]), "rank": int(table["rank"][0])}
    return found


def reviewed(sight: Sight) -> set[int]:
    """Rows with a verdict."""
    return {int(row) for row in sight.states.index[sight.states["verdict"] != ""]}


def measured(sight: Sight, rows: np.ndarray) -> queue.Yield:
    """How the review went so far."""
    standing = sight.states[sight.states["verdict"] != ""].sort_values("edit", ascending=False)
    return queue.measure(rows, standing["verdict"].to_dict(), standing.index.tolist())


def undo(project: Project) -> None:
    """Callback: take back the newest decision and show its sample again."""
    taken_back = edits.undone(project)
    if taken_back:
        context.put(item=taken_back[-1])


def chosen_of(sight: Sight) -> set[int]:
    """The thumbnails chosen in this project."""
    chosen: set[int] = st.session_state.setdefault(f"bulk-{sight.key}", set())
    return chosen


def toggle(sight: Sight, row: int) -> None:
    """Callback: put a thumbnail into the bulk choice or take it out."""
    chosen_of(sight).symmetric_difference_update({row})


def apply_bulk(sight: Sight, rows: list[int], expect: dict[int, int], action: str) -> None:
    """Callback: one decision on every chosen thumbnail, as one batch and one undo. "suggested" gives each its own
    suggestion."""
    evidence = {"view": "grid", "samples": len(rows)}
    wanted = {row: sight.flags.entry(row)["suggested"] for row in rows} if action == "suggested" else None
    verb = "relabel" if action == "suggested" else action
    edits.decide(sight.project, verb, rows, wanted, "review queue, grid", evidence, expect)
    chosen_of(sight).clear()


def grid(sight: Sight, rows: np.ndarray) -> None:
    """Twenty-four suspects at once; click to choose, then one action for all."""
    done = reviewed(sight)
    waiting = rows[queue.open_ones(rows, done)]
    if not len(waiting):
        finished(sight)
        return
    page = cards.page_number(len(waiting), cards.GRID, "page-grid")
    shown = tables.page_of(waiting, page, cards.GRID)
    bulk = np.array(sorted(chosen_of(sight)), dtype=np.int64)
    chosen = bulk[np.isin(bulk, waiting)].tolist()
    rest = [int(row) for row in shown if int(row) not in chosen]
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        for action, title, shortcut, over in (
            ("suggested", f"Take the suggestion ({len(chosen)})", "S", chosen),
            ("drop", f"Drop ({len(chosen)})", "X", chosen),
            ("keep", f"Keep the other {len(rest)}", "K", rest),
        ):
            st.button(
                title,
                # a key pressed before these were on screen is for the ones before
                key=f"bulk-{action}-{keys.digest(over)}",
                shortcut=shortcut,
                type="primary" if action == "suggested" else "secondary",
                disabled=not over,
                on_click=apply_bulk,
                args=(sight, over, sight.versions(over), action),
            )
        st.button("Undo", key="undo", shortcut="Z", icon=":material/undo:", on_click=undo, args=(sight.project,))
    with st.grid("auto", min_column_width=150, gap="small"):
        for row in (int(row) for row in shown):
            guess = sight.face.suggestion(sight.flags.entry(row)["suggested"])
            with st.container(border=True, gap="xsmall"):
                st.html(tile_html(cards.card_of(sight, row, size=112)))
                st.button(
                    f"→ {states.plain(guess)}",
                    key=f"toggle-{row}",
                    type="primary" if row in chosen else "secondary",
                    width="stretch",
                    help="Choose this one",
                    on_click=toggle,
                    args=(sight, row),
                )
    keys.shown([*chosen, "", *shown])
    cards.pager(len(waiting), cards.GRID, "page-grid")


def finished(sight: Sight) -> None:
    """Nothing left to review."""
    states.empty(
        "The queue is done",
        "Every suspect has a verdict. Retrain to see what the edits change.",
        "Go to Retrain",
        lambda: frame.go("retrain"),
        icon=":material/task_alt:",
    )
