"""Benchmark: items of a benchmark among the rows, hit by hit with the shared words marked, and what is dropped."""

from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

from attribution.errors import UserError
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.contamination.verdicts import LEAK
from attribution.views import contamination, numbers, tables
from pages.parts import cards, edits, jobs, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.contamination.result import ContaminationResult

SHOWN = 6  # hits on a page
MARK = "background:rgba(230,170,40,.35);color:inherit;border-radius:2px"  # in light and dark
TITLES = {"leak": "Leak", "common text": "Common text", "harmless": "Harmless"}


def show(sight: Sight) -> None:
    """The tab."""
    running = jobs.panel(sight.project, ("contamination",), place="benchmark")
    found = sight.project.studies.contamination.all()
    if not running:
        ask(sight, first=not found)
    if not found:
        return
    result = found[0]
    if len(found) > 1:
        names = {one.id: f"{one.config['benchmark']} ({numbers.plural(one.config['items'], 'item')})" for one in found}
        chosen = st.selectbox("Comparison", list(names), format_func=lambda name: states.plain(names[name]), width=420)
        result = next(one for one in found if one.id == chosen)
    st.markdown(f"**{states.plain(str(result.config['benchmark']))}**: {states.plain(result.verdict)}")
    if missed := contamination.left_out(result):
        st.caption(f":material/info: {missed}")
    score(result)
    st.caption(str(result.config["rule"]), help=f"Questions are compared by {result.config['twins']}.")
    if len(result.hits):
        hits(sight, result)


def ask(sight: Sight, first: bool) -> None:
    """Where the benchmark's file lies, and the button that compares."""
    if first:
        st.markdown(
            "Do the questions that you measure your model by stand in its training rows? Give the benchmark's file: "
            "its items are compared with every row, word by word and in other words."
        )
    with st.form("benchmark-file", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Benchmark file",
            key="benchmark-path",
            placeholder="path/to/benchmark.jsonl",
            help="JSONL, JSON, CSV or Parquet on this machine: question and answer, prompt and "
            "canonical_solution, or any text, an item a line.",
            width=420,
        )
        st.form_submit_button("Compare", type="primary" if first else "secondary", on_click=submit, args=(sight,))


def submit(sight: Sight) -> None:
    """Callback: start the comparison, after a look at the file."""
    from attribution.studies.contamination.benchmark import read_items

    path = str(st.session_state.get("benchmark-path", "")).strip()
    try:
        if not path:
            raise UserError("No file is named.", "There is nothing to compare with.", "Give the benchmark's path.")
        config = ContaminationConfig(benchmark=path)
        read_items(config.benchmark)
    except UserError as error:
        states.flash_error(error)
        return
    jobs.submit(sight.project, "contamination", config)


def score(result: "ContaminationResult") -> None:
    """What the model scores on the items, with and without the leaked ones."""
    if figures := contamination.scores(result):
        with st.grid("auto", min_column_width=215):
            for figure in figures:
                states.metric(figure, border=True)
    elif not result.asked_model:
        st.caption(
            ":material/info: No model was asked. With a trained model, each leak also says whether the row moved the "
            "item's loss, and the score is shown with and without the leaked items."
        )


def hits(sight: Sight, result: "ContaminationResult") -> None:
    """The hits of one verdict at a time."""
    counts = {name: len(result.of(name)) for name in TITLES}
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.segmented_control(
            "Verdict",
            [name for name in TITLES if counts[name]],
            default=next(name for name in TITLES if counts[name]),
            required=True,
            key=f"benchmark-verdict-{result.id}",
            format_func=lambda name: f"{TITLES[name]} ({numbers.count(counts[name])})",
            label_visibility="collapsed",
        )
        drop_all(sight, result)
    verdict = chosen or LEAK
    st.caption(contamination.MEANS[verdict])
    table = result.of(verdict)
    alt = "Every hit with its item, row and evidence"
    pages = f"page-benchmark-{verdict}"
    page = cards.page_number(len(table), SHOWN, pages)
    for place, line in enumerate(tables.page_of(table, page, SHOWN).itertuples()):
        with st.container(border=True, gap="small"):
            hit(sight, result, line, f"{verdict}-{place}")
    cards.pager(len(table), SHOWN, pages)
    with st.expander(f"All {numbers.plural(len(table), 'hit')}, by evidence", icon=":material/list:"):
        st.dataframe(contamination.table(result, verdict), hide_index=True, alt=alt)


def drop_all(sight: Sight, result: "ContaminationResult") -> None:
    """One button for all rows that leak an item word by word and are still in use; the others are looked at first."""
    rows = [int(row) for row in result.leaked_rows(other_words=False) if sight.labels.active[row]]
    if rows:
        st.button(
            f"Drop the {numbers.plural(len(rows), 'row')} that leak{'s' if len(rows) == 1 else ''} word by word",
            key=f"drop-leaking-{result.id}-{len(rows)}",
            icon=":material/delete_sweep:",
            help="One batch in the ledger, taken back with one undo. Then export Chats in your own schema: that is the "
            "clean training file.",
            on_click=edits.decide,
            args=(sight.project, "drop", rows, None, "leaks a benchmark's item", _about(result), sight.versions(rows)),
        )


def _about(result: "ContaminationResult") -> dict[str, Any]:
    return {"benchmark": result.config["benchmark"], "search": result.id}


def hit(sight: Sight, result: "ContaminationResult", line: Any, place: str) -> None:
    """One item beside the row, the longest common run of words marked in both, and what can be done."""
    item = result.items.iloc[int(line.item)]
    row = int(line.row)
    st.markdown(
        f"**{states.plain(str(item['name']))}** · {states.plain(line.why)} {contamination.matters(line)}".strip()
    )
    turns = sight.project.dataset.as_of(sight.labels).conversation(row).turns
    sides = (
        (f"Item {item['name']}, line {item['line']} of the benchmark", f"{item['question']}\n{item['answer']}"),
        (f"Row {line.id}, {line.source}, {line.split}", "\n".join(turn.content for turn in turns)),
    )
    for column, (title, text) in zip(st.columns(2, gap="medium"), sides, strict=True):
        with column:
            st.caption(states.plain(title))
            st.html(marked_html(text, str(line.span_text)))
    evidence = {**_about(result), "item": str(item["name"]), "says": line.why}
    cards.actions(sight, row, f"benchmark-{place}", reason="leaks a benchmark's item", evidence=evidence)


def marked_html(text: str, span: str) -> str:
    """A text in which the shared words are marked; everything is escaped."""
    before, same, behind = (escape(part) for part in contamination.marked(text, span))
    inside = f'{before}<mark style="{MARK}">{same}</mark>{behind}' if same else before
    style = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:16em;overflow:auto;font-size:.9em;line-height:1.45"
    return f'<div style="{style}" tabindex="0">{inside.strip()}</div>'
