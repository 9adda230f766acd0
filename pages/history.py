"""History: every decision with its evidence; take back one, a batch, or the last; data versions and the models trained
on them."""

from typing import Any

import streamlit as st

from attribution.storage.batches import Batch
from attribution.storage.history import Wanted
from attribution.storage.states import MARKS
from attribution.views import cards as card_views
from attribution.views import ledger, numbers
from pages.parts import cards, context, edits, exporting, frame, keys, reporting, states
from pages.parts.context import Sight

ROWS = 25
BATCHES = 15  # on a page
VIEWS = ["By action", "Line by line"]
NOTHING = "No decision passes the filters."
WORDS = {
    "relabel": "Changed",
    "drop": "Dropped",
    "keep": "Kept",
    "mark": "Marked",
    "undo": "Undone",
    "redo": "Redone",
}
ICONS = {
    "relabel": ":material/edit:",
    "drop": ":material/delete:",
    "keep": ":material/check:",
    "tag": ":material/label:",
    "untag": ":material/label_off:",
    "note": ":material/sticky_note_2:",
    "unsure": ":material/help:",
    "sure": ":material/help:",
    "undo": ":material/undo:",
    "redo": ":material/redo:",
}


def filters() -> Wanted:
    """What narrows the ledger: kind of entry, words, and whether it still holds."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kinds = st.pills(
            "Decisions",
            list(WORDS),
            selection_mode="multi",
            format_func=WORDS.__getitem__,
            key="kinds",
            bind="query-params",
        )
        text = st.text_input(
            "Search", placeholder="Sample, reason or author", type="search", key="words", bind="query-params", width=260
        )
        standing = st.toggle("Only what is in force", key="standing", bind="query-params")
    actions = [action for kind in kinds or () for action in (MARKS if kind == "mark" else (kind,))]
    return Wanted(tuple(actions), text or "", standing)


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
        exporting.show(sight, "history")
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
    """The ledger, by batch or line by line; what is chosen can be taken back."""
    wanted = filters()
    view = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], required=True, key="by", bind="query-params", label_visibility="collapsed"
    )
    if view == VIEWS[1]:
        lines(sight, wanted, "ledger")
        return
    found = sight.project.batch_count(wanted)
    if not found:
        st.caption(NOTHING)
        return
    page = cards.page_number(found, BATCHES, "page-batches")
    for one in sight.project.batches(wanted, (page - 1) * BATCHES, BATCHES):
        batch(sight, one)
    cards.pager(found, BATCHES, "page-batches")


def batch(sight: Sight, one: Batch) -> None:
    """What was done in one go, with pictures of its first samples, its lines in a fold, and the button that takes it
    back."""
    project = sight.project
    known = [(project.dataset.row_of(edit.sample), edit) for edit in one.shown]
    pictures = [(cards.card_of(sight, row, suspicion=False), edit) for row, edit in known if row is not None]
    facts = ledger.batch_facts(one)
    standing = ledger.standing_words(one.action, one.n, one.gone)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if one.action not in ("undo", "redo"):
                st.html(card_views.strip_html([card for card, _ in pictures]), width="content")
            with st.container(gap=None):
                gone = f" · :gray-badge[{standing}]" if standing else ""
                did = {"undo": "Took back ", "redo": "Brought back "}.get(one.action, "")
                st.markdown(f"{ICONS[one.action]} **{did}{edits.in_words(project, one.kinds, one.n)}**{gone}")
                st.caption(states.plain(" · ".join(facts)))
            if one.action not in ("undo", "redo") and one.gone < one.n:
                st.button(
                    "Take back" if one.n == 1 else f"Take back {numbers.count(one.n - one.gone)}",
                    key=f"batch-{one.first}-{one.gone}",
                    icon=":material/undo:",
                    type="tertiary",
                    on_click=edits.revert_batch,
                    args=(project, one.first),
                )
        if one.n > 1:
            fold = st.expander(f"{numbers.count(one.n)} lines", key=f"fold-batch-{one.first}", on_change="rerun")
            if fold.open:  # a table is read when it is looked at
                with fold:
                    lines(sight, Wanted(among=(one.first, one.last)), str(one.first))


def lines(sight: Sight, wanted: Wanted, place: str) -> None:
    """One page of the ledger; chosen lines can be taken back, alone or with their batch. ``place`` keeps keys apart."""
    found = sight.project.edit_count(wanted)
    if not found:
        st.caption(NOTHING)
        return
    page = cards.page_number(found, ROWS, f"page-{place}")
    frame = sight.project.edits(wanted, (page - 1) * ROWS, ROWS)
    table = ledger.table(frame, sight.project.dataset.samples["split"])
    event: Any = st.dataframe(
        table,
        hide_index=True,
        # what is ticked is ticked in these lines; other lines start unticked
        key=f"{place}-table-{keys.digest(table['id'])}",
        on_select="rerun",
        selection_mode="multi-row",
        height="content",
        column_config=COLUMNS,
        alt="Decisions, newest first, with reason, evidence and author",
    )
    cards.pager(found, ROWS, f"page-{place}")
    picked = [row for row in event["selection"]["rows"] if row < len(table)]
    chosen = sight.project.revertible(table.iloc[picked]["id"].tolist())
    take_back(sight, chosen, place)
    if chosen:
        rows = frame[frame["id"].isin(chosen)]["row"].drop_duplicates().tolist()
        cards.grid(sight, rows[:8], f"history-{place}", buttons=False)


def take_back(sight: Sight, chosen: list[int], place: str) -> None:
    """The buttons for what is ticked: these decisions, or all that were made with them."""
    batch = sight.project.revertible(chosen, together=True)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.button(
            f"Take back {numbers.plural(len(chosen), 'decision')}",
            key=f"revert-{place}-{keys.digest(chosen)}",
            disabled=not chosen,
            on_click=edits.revert,
            args=(sight.project, chosen),
        )
        if len(batch) > len(chosen):
            st.button(
                f"Take back the whole batch ({len(batch)})",
                key=f"revert-batch-{place}-{keys.digest([len(batch), *chosen])}",
                on_click=edits.revert,
                args=(sight.project, batch),
            )
        if not chosen:
            st.caption("Tick lines at their left edge to take them back.", width="content")


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
            f"Review {sight.face.nouns}",
            lambda: frame.go("review"),
            icon=":material/history:",
        )
    else:
        decisions(sight)
    versions(sight)


frame.show(main)
