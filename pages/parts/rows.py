"""Review where no label can be wrong: faulty rows by kind, and rows that the model finds unlikely."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attribution.studies.hygiene.finding import KINDS
from attribution.studies.hygiene.study import HygieneConfig
from attribution.views import hygiene, numbers, tables
from attribution.views.cards import Fact
from pages.parts import cards, edits, found, jobs, leading, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.hygiene.result import HygieneResult

VIEWS = ("Faulty rows", "Unlikely rows")
SHOWN = 12  # cards on a page
EVERY = "every kind"


def show(sight: Sight) -> None:
    """What is looked for instead of wrong labels, and the two lists."""
    title, why = sight.face.no_search or ("", "")
    st.caption(f"{states.plain(title)}. {states.plain(why)}")
    found.chip(sight)
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="review-rows",
        bind="query-params",
        label_visibility="collapsed",
    )
    (unlikely if view == VIEWS[1] else faulty)(sight)


def faulty(sight: Sight) -> None:
    """What the search for faulty rows found; before it, the button that starts it."""
    result = sight.project.studies.hygiene.latest()
    running = jobs.panel(sight.project, ("hygiene",), place="hygiene")
    if result is None:
        if not running:
            states.empty(
                "Nobody has looked for faulty rows yet",
                "Repeats, one question with several answers, rows that train nothing, broken turns, cut answers, "
                "personal data. No model is asked; it takes seconds for thousands of rows.",
                "Look for faulty rows",
                lambda: jobs.submit(sight.project, "hygiene", HygieneConfig()),
                icon=":material/rule:",
            )
        return
    active = sight.labels.active
    counts = hygiene.counts(result, active)
    st.markdown(f"**{states.plain(hygiene.headline(result, active))}**")
    if counts:
        _findings(sight, result, counts)


def _findings(sight: Sight, result: "HygieneResult", counts: dict[str, int]) -> None:
    """One kind at a time or all: what it does, its rows as cards, and what can be dropped at once."""
    words = {name: f"{KINDS[name].title} ({numbers.count(many)})" for name, many in counts.items()}
    words[EVERY] = "Every kind"
    kind = st.selectbox("Kind", [EVERY, *counts], key="review-fault", format_func=words.__getitem__, width=320)
    chosen = kind if kind in counts else ""
    if chosen:
        st.caption(KINDS[chosen].why)
    kinds = (chosen,) if chosen else tuple(counts)
    droppable = found.narrowed(sight, result.to_drop(sight.labels.active, kinds))
    n_train = sight.project.info.counts["train"]
    trained = droppable[droppable < n_train]
    if len(trained):
        _drop_all(sight, trained, result.id)
    if len(droppable) > len(trained):
        st.caption(
            f"{hygiene.suggested(droppable, n_train)} are suggested for dropping. Rows that are held out teach "
            "nothing: they are dropped on their cards, or with the others by `datablame hygiene --drop`."
        )
    _cards(sight, result, chosen)


def _cards(sight: Sight, result: "HygieneResult", kind: str) -> None:
    """The findings of a kind ("": of all), a page of them."""
    table = result.of(kind, sight.labels.active)
    table = table[np.isin(table["row"], found.narrowed(sight, table["row"].to_numpy(dtype=np.int64)))]
    table = hygiene.gathered(table)
    pages = f"page-fault-{kind}"
    page = cards.page_number(len(table), SHOWN, pages)
    with st.grid("auto", min_column_width=260, gap="small"):
        for place, line in enumerate(tables.page_of(table, page, SHOWN).to_dict("records")):
            with st.container(border=True, gap="xsmall"):
                (_fault if len(line["rows"]) == 1 else _repeats)(sight, line, place, result)
    cards.pager(len(table), SHOWN, pages)


def _fault(sight: Sight, line: dict[str, Any], place: int, result: "HygieneResult") -> None:
    """One finding: what is wrong, where, and the row."""
    st.markdown(f"**{states.plain(KINDS[line['kind']].title)}**: {states.plain(line['sentence'])}")
    if line["excerpt"]:
        st.caption(states.plain(line["excerpt"]))
    row = int(line["row"])
    cards.show(cards.card_of(sight, row, [Fact("in the file", str(line["source"]))]), 64, 4)
    reason = f"hygiene: {KINDS[line['kind']].title.lower()}"
    cards.actions(sight, row, f"fault-{place}", reason=reason, evidence={"search": result.id, "says": line["sentence"]})


def _repeats(sight: Sight, line: dict[str, Any], place: int, result: "HygieneResult") -> None:
    """All rows that say the same: how many, the one that stays, and a button that drops the others."""
    train = sight.project.info.counts["train"]
    active = sight.labels.active
    words = hygiene.repeated(line["rows"], int(line["other"]), active, train)
    st.markdown(f"**{states.plain(KINDS['repeat'].title)}**: {states.plain(words)}")
    row = int(line["other"] if active[line["other"]] else line["row"])
    cards.show(cards.card_of(sight, row), 64, 4)
    others = result.to_drop(active, ("repeat",))
    others = others[np.isin(others, line["rows"]) & (others < train)].tolist()
    if others:
        st.button(
            f"Drop all but one ({numbers.count(len(others))})",
            key=f"drop-repeats-{place}-{row}-{len(others)}",
            icon=":material/delete_sweep:",
            on_click=edits.decide,
            args=(
                *(sight.project, "drop", others, None, "hygiene: exact repeats"),
                *({"search": result.id, "says": words}, sight.versions(others)),
            ),
        )


def _drop_all(sight: Sight, rows: np.ndarray, search: str) -> None:
    """All rows that nothing speaks for, as one batch."""
    chosen = rows.tolist()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Drop the {numbers.plural(len(chosen), 'row')} suggested for it",
            key=f"drop-faulty-{len(chosen)}",
            icon=":material/delete_sweep:",
            on_click=edits.decide,
            args=(sight.project, "drop", chosen, None, "hygiene", {"search": search}, sight.versions(chosen)),
        )
        st.caption("One batch; one undo takes it back. Of repeats one stays.", width="content")


def unlikely(sight: Sight) -> None:
    """The training rows with the largest loss first: odd ones, and those that contradict the rest."""
    if sight.run is None:
        if not jobs.panel(sight.project, ("prepare", "train"), place="unlikely"):
            states.empty(
                "No model yet",
                "How likely a row is, a trained model says.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
            )
        return
    rows = found.narrowed(sight, sight.labels.train_rows(sight.project.dataset))
    rows = tables.strongest_first(rows, sight.predictions["loss"].to_numpy())
    st.markdown(
        f"The {numbers.plural(len(rows), 'training row')}, those that the model finds least likely first. A large loss "
        "is odd, hard or contradicted by other rows; it is not wrong for that."
    )
    page = cards.page_number(len(rows), SHOWN, "page-unlikely")
    cards.grid(sight, tables.page_of(rows, page, SHOWN).tolist(), "unlikely", reason="unlikely to the model")
    cards.pager(len(rows), SHOWN, "page-unlikely")
    leading.button("All of them in Browse", "unlikely-browse", "browse", "split:train", "grid_view", "secondary")
