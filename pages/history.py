"""History: every decision with its evidence; take back one, a batch, or the last; data versions and the models trained
on them."""

from typing import Any

import streamlit as st

from attribution.storage.history import Wanted
from attribution.views import ledger, numbers
from pages.parts import cards, context, edits, exporting, frame, keys, reporting, states
from pages.parts.context import Sight

ROWS = 25
ACTIONS = ["relabel", "drop", "keep", "undo", "redo"]
WORDS = {"relabel": "Changed", "drop": "Dropped", "keep": "Kept", "undo": "Undone", "redo": "Redone"}


def filters() -> Wanted:
    """What narrows the ledger: kind of decision, words, and whether it still holds."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kinds = st.pills(
            "Decisions",
            ACTIONS,
            selection_mode="multi",
            format_func=WORDS.__getitem__,
            key="kinds",
            bind="query-params",
        )
        text = st.text_input(
            "Search", placeholder="Sample, reason or author", type="search", key="words", bind="query-params", width=260
        )
        standing = st.toggle("Only what is in force", key="standing", bind="query-params")
    return Wanted(tuple(kinds or ()), text or "", standing)


def toolbar(sight: Sight) -> None:
    """Undo and redo: your own newest decision, whoever else decided since; and what leaves the project as a file."""
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            "Undo the last",
            key="undo",
            shortcut="Ctrl+Z",
            icon=":material/undo:",
            on_click=edits.undo,
            args=(sight.project,),
        )
        st.button(
            "Redo",
            key="redo",
            shortcut="Ctrl+Shift+Z",
            icon=":material/redo:",
            on_click=edits.redo,
            args=(sight.project,),
        )
        exporting.show(sight)
        reporting.show(sight, "history")


COLUMNS = {
    "id": st.column_config.NumberColumn("no.", width=50),
    "time": st.column_config.TextColumn(width=140),
    "change": st.column_config.TextColumn(width=190),
    "reason": st.column_config.TextColumn(width=150),
    "evidence": st.column_config.TextColumn(width=230),
    "by": st.column_config.TextColumn(width=60),
    "batch": st.column_config.TextColumn(width=75, help="Decisions made together share a batch."),
    "state": st.column_config.TextColumn("now", width=80),
}


def decisions(sight: Sight) -> None:
    """One page of the ledger; chosen lines can be taken back, alone or with their batch."""
    wanted = filters()
    found = sight.project.edit_count(wanted)
    if not found:
        st.caption("No decision passes the filters.")
        return
    page = cards.page_number(found, ROWS, "page-ledger")
    frame = sight.project.edits(wanted, (page - 1) * ROWS, ROWS)
    table = ledger.table(frame, sight.project.dataset.samples["split"])
    event: Any = st.dataframe(
        table,
        hide_index=True,
        # what is ticked is ticked in these lines; other lines start unticked
        key=f"ledger-table-{keys.digest(table['id'])}",
        on_select="rerun",
        selection_mode="multi-row",
        height="content",
        column_config=COLUMNS,
        alt="Decisions, newest first, with reason, evidence and author",
    )
    cards.pager(found, ROWS, "page-ledger")
    picked = [row for row in event["selection"]["rows"] if row < len(table)]
    chosen = sight.project.revertible(table.iloc[picked]["id"].tolist())
    batch = sight.project.revertible(chosen, together=True)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.button(
            f"Take back {numbers.plural(len(chosen), 'decision')}",
            key=f"revert-{keys.digest(chosen)}",
            disabled=not chosen,
            on_click=edits.revert,
            args=(sight.project, chosen),
        )
        if len(batch) > len(chosen):
            st.button(
                f"Take back the whole batch ({len(batch)})",
                key=f"revert-batch-{keys.digest([len(batch), *chosen])}",
                on_click=edits.revert,
                args=(sight.project, batch),
            )
        if not chosen:
            st.caption("Tick lines at their left edge to take them back.", width="content")
    if chosen:
        rows = frame[frame["id"].isin(chosen)]["row"].drop_duplicates().tolist()
        cards.grid(sight, rows[:8], "history", buttons=False)


def versions(sight: Sight) -> None:
    """Data versions and the trainings on each."""
    st.subheader("Data versions")
    frame = sight.project.versions()
    st.dataframe(
        ledger.versions_table(frame),
        hide_index=True,
        alt="Data versions with the number of models trained on each",
    )
    runs = sight.project.runs()
    st.subheader("Models")
    if not runs:
        st.caption("None trained yet.")
        return
    st.dataframe(
        ledger.runs_table(runs, sight.run.id if sight.run is not None else "", sight.project.dataset.task.figures[0]),
        hide_index=True,
        alt="Trained models, newest first",
    )
    others = {
        f"{run.id[:6]} (seed {run.config['seed']}, data {run.version[:6]})": run.id
        for run in runs
        if run.id != (sight.run.id if sight.run else "")
    }
    if others:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Another model", list(others), key="other-run", width=320)
            st.button("Use this model", key="use-run", on_click=sight.project.use_run, args=(others[name],))


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("History")
    toolbar(sight)
    if not sight.project.edit_count():
        states.empty(
            "No decision yet",
            "Every change, drop and keep will stand here with its reason and evidence, and can be taken back.",
            icon=":material/history:",
        )
    else:
        decisions(sight)
    versions(sight)


frame.show(main)
