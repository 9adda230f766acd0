"""Browse: every sample as a grid or a table, found by words, by clicks and brushes on every column, in any order."""

import re
from typing import Any

import numpy as np
import streamlit as st

from attribution.browse.columns import LIKE
from attribution.browse.filter import ordered, parse
from attribution.browse.words import quoted
from attribution.errors import UserError
from attribution.modalities import modality_of
from attribution.storage.views import View
from attribution.views import tables
from attribution.views.numbers import count, plural
from pages.parts import cards, chosen, context, facets, frame, jobs, keys, states, tiles
from pages.parts.context import Sight

WORDS = "find-words"
PAGE = "page-browse"
SIZES = ((80, 120), (120, 80), (180, 48), (10_000, 24))  # up to so many pixels, so many tiles on a page
LINES = 50
KEYS = {
    "Space": "Choose the sample, or not",
    "Shift Space": "Choose all up to it",
    "Ctrl A": "Choose the page",
    "Enter": "Open the sample",
    "Esc": "Choose none of the page",
    "← → ↑ ↓": "To the next sample",
}
PIXELS = {"picture": 112}  # of a tile at first; words need more
NATURAL = "order of the data"
USUAL = ("id", "split", "label", "prediction", "error", "certainty", "loss", "suspicion", "verdict", "tag")
ELSEWHERE = {"map": "Map", "review": "Review", "influence": "Influence", "angles": "Angles"}
HOW = """
| words | samples |
| --- | --- |
{target}
| `loss:>1.2` `suspicion:0.5..1` | by numbers; `loss:none` without one |
| `tag:"to ask"` `verdict:drop` | by what was decided |
| `like:ID` | most like a sample, the nearest first |
| `blue shoe` | whose id, text or note holds all of these words |

Terms side by side must all hold. Every column on the left, yours as well, can be used by its name.
"""
NAMED = """| `{noun}:{one}` | with this {noun}; several between commas: any of them |
| `-{noun}:{one}` | without it |
| `right:no` | that the model gets wrong |"""
COUNTED = """| `{noun}:>{one}` | above it; `{noun}:..{one}` up to it |
| `error:>1` | where the model says more than 1 too much |"""

SPOKEN = """| `turns:>2` `roles:system` | by who speaks, and how often |
| `tokens_right:<0.2` | that the model would hardly have said itself |"""


def searched() -> None:
    """Callback: the words that were typed."""
    context.put(find=(st.session_state[WORDS] or "").strip())


def by_target(sight: Sight) -> tuple[str, str]:
    """How what is given, or predicted, is asked for: an example, and lines of the table."""
    targets = sight.project.dataset.task.targets
    if not sight.face.told:
        return "turns:>2", SPOKEN
    number = targets.kind == "number"
    one = quoted(targets.word(targets.encode([targets.example()])[0]).split(";")[0])
    noun = targets.noun if number else "label"
    safe = one if number or re.fullmatch("[A-Za-z0-9-]{1,24}", one) else "NAME"  # a word of the data is no Markdown
    lines = (COUNTED if number else NAMED).format(noun=noun, one=safe)
    return (f"{noun}:>{one}" if number else f"{noun}:{one} right:no"), lines


def words(sight: Sight) -> None:
    """The filter as words, how they are written, and the saved views."""
    st.session_state[WORDS] = sight.find
    example, target = by_target(sight)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Find",
            key=WORDS,
            on_change=searched,
            placeholder=f"{example} loss:>1.2, or words",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        with st.popover("How", icon=":material/help:"):
            st.markdown(HOW.format(target=target))
        with st.popover("Views", icon=":material/bookmark:"):
            views(sight)


def views(sight: Sight) -> None:
    """Saved views: open, rename, remove; keep this one under a name."""
    project = sight.project
    for place, view in enumerate(project.views()):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            name = f"view-name-{place}-{view.name}"
            st.text_input(
                "Name", view.name, key=name, label_visibility="collapsed", on_change=renamed, args=(sight, view, name)
            )
            st.button("Open", key=f"view-open-{place}", on_click=open_view, args=(view,), help=states.plain(view.words))
            st.button(
                "",
                key=f"view-forget-{place}",
                icon=":material/delete:",
                help="Remove",
                type="tertiary",
                on_click=project.forget_view,
                args=(view.name,),
            )
    with st.form("view-form", border=False, clear_on_submit=True):
        st.text_input("Keep this filter as", key="view-new", placeholder="A name")
        st.form_submit_button("Save view", key="view-save", on_click=save_view, args=(sight,))


def save_view(sight: Sight) -> None:
    """Callback: keep the filter and the order under the name that was typed."""
    try:
        view = sight.project.save_view(st.session_state.get("view-new") or "", sight.find, sort_words())
    except UserError as error:
        states.flash_error(error)
        return
    states.flash(f"Saved as {states.plain(view.name)}.", ":material/bookmark:")


def renamed(sight: Sight, view: View, key: str) -> None:
    """Callback: a view under another name."""
    try:
        made = sight.project.save_view(st.session_state[key], view.words, view.sort)
    except UserError as error:
        states.flash_error(error)
        return
    if made.name != view.name:
        sight.project.forget_view(view.name)


def open_view(view: View) -> None:
    """Callback: the filter and the order of a saved view."""
    context.put(find=view.words)
    tiles.sort_by(view.sort or NATURAL)


def sort_words() -> str:
    """The order that is chosen, "" for that of the data."""
    by = st.session_state.get("sort") or NATURAL
    return "" if by == NATURAL else ("-" if st.session_state.get("falling") else "") + str(by)


@st.cache_resource(max_entries=12, show_spinner=False)
def _ordered(folder: str, known: tuple[Any, ...], find: str, by: str, _sight: Sight, _rows: np.ndarray) -> np.ndarray:
    """The rows that a filter leaves in the order of a column."""
    return ordered(parse(find), _sight.columns, _rows, by)


def likeness(sight: Sight) -> bool:
    """Whether the filter asks for what is like a sample."""
    return sight.found is not None and bool(parse(sight.find).of(LIKE))


def nearest_first(sight: Sight) -> None:
    """Whoever asks for what is like a sample sees the nearest first, whatever order was chosen before."""
    before = st.session_state.get("browse-find")
    st.session_state["browse-find"] = sight.find
    if before not in (None, sight.find) and likeness(sight):
        st.session_state["sort"] = NATURAL


def toolbar(sight: Sight, n: int) -> tuple[str, int]:
    """How many there are, and grid or table, the size of a tile, and the order."""
    with st.container(key="toolbar", horizontal=True, vertical_alignment="bottom", gap="small"):
        nearest = ", the nearest first" if likeness(sight) and not sort_words() else ""
        st.markdown(f"**{count(n)}** of {plural(len(sight.project.dataset), 'sample')}{nearest}", width="content")
        shown_as = modality_of(sight.project.dataset).shown_as
        view = st.segmented_control(
            "View",
            ["Grid", "Table"],
            default="Table" if shown_as == "columns" else "Grid",
            required=True,
            key="as",
            bind="query-params",
            label_visibility="collapsed",
        )
        size = PIXELS.get(shown_as, 208)
        if view == "Grid":
            size = st.slider("Size", 64, 256, size, 16, key="size", bind="query-params", width=110)
        names = [NATURAL, *sight.columns]
        if st.session_state.get("sort") not in (None, *names):
            st.session_state["sort"] = NATURAL
        st.selectbox("Sorted by", names, key="sort", bind="query-params", width=170)
        st.toggle("Largest first", key="falling", bind="query-params")
    return view or "Grid", int(size)


def columns_of(sight: Sight) -> list[str]:
    """The columns of the table, to choose among all."""
    names = list(sight.columns)
    usual = [sight.columns.called(name) for name in USUAL if name in sight.columns] + list(sight.columns.own[:6])
    with st.popover("Columns", icon=":material/view_column:"):
        return st.multiselect("Columns", names, default=usual, key="browse-columns") or usual


def redraw_all() -> None:
    """After a decision, or for another page, the whole page is drawn anew: it says what was done, and its other parts
    change with it."""
    if any(st.session_state.get(name) for name in ("flashes", "flash_error", "go")):
        st.rerun()


@st.fragment
def samples() -> None:
    """The samples that match, a page of them; choosing some draws nothing but this part anew."""
    redraw_all()
    sight = context.sight()
    rows = np.arange(len(sight.project.dataset)) if sight.found is None else sight.found
    view, size = toolbar(sight, len(rows))
    by = sort_words()
    by = by if by.removeprefix("-") in sight.columns else ""
    if len(rows):
        one_page(sight, _ordered(sight.key, sight.known, sight.find, by, sight, rows), view, size, by)
    else:
        sentence = "Loosen the filter, or clear it."
        states.empty("No sample matches", sentence, "Clear the filter", clear, ":material/filter_alt_off:")
    if (row := tiles.opened()) is not None:
        large(row)


def one_page(sight: Sight, rows: np.ndarray, view: str, size: int, by: str) -> None:
    """What to do with the chosen ones, a page of these rows, and the way to the others."""
    per_page = LINES if view == "Table" else next(many for pixels, many in SIZES if size <= pixels)
    key = f"{PAGE}-{view}-{per_page}-{sight.find}-{by}"  # another filter or order starts at its first page
    number = cards.page_number(len(rows), per_page, key)
    page = tables.page_of(rows, number, per_page)
    chosen.bar(sight, page, rows)
    keys.also(KEYS)
    tiles.draw(sight, page, size, columns_of(sight) if view == "Table" else None, by)
    first = (number - 1) * per_page
    shown = f"{count(first + 1)} to {count(first + len(page))} of {count(len(rows))}"
    st.caption(f"{shown}. Click to choose, shift-click for a range, double-click or Enter to open.")
    cards.pager(len(rows), per_page, key)


def clear() -> None:
    """Callback: no filter any more."""
    context.put(find="")


@st.dialog("Sample", width="medium", on_dismiss="rerun")
def large(row: int) -> None:
    """One sample, large, with what can be done about it."""
    redraw_all()
    cards.large(context.sight(), row, "browse", reason=chosen.REASON)


def elsewhere(sight: Sight) -> None:
    """The other pages that take the filter."""
    if sight.found is None:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("The same samples on", width="content")
        for name, title in ELSEWHERE.items():
            st.page_link(frame.link(name), label=title, query_params=context.address())


def no_model(sight: Sight) -> None:
    """What is not known yet of the samples, and the button that finds it out."""
    if jobs.panel(sight.project, ("prepare", "train"), place="browse"):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("What the model says, loss and suspicion become columns, too, after a training.", width="content")
        args = (sight.project, "prepare")
        st.button("Train and analyse", key="browse-train", type="tertiary", on_click=jobs.submit, args=args)


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Browse")
    words(sight)
    if sight.find and sight.found is None and sight.misfound is not None:
        states.error_box(sight.misfound)
        st.button("Clear the filter", key="find-clear", on_click=clear)
        return
    if sight.run is None:
        no_model(sight)
    nearest_first(sight)
    elsewhere(sight)
    left, right = st.columns([1, 3], gap="medium")
    with left:
        facets.panel(sight)
    with right:
        samples()


frame.show(main)
