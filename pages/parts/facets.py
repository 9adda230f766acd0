"""The filter panel of Browse: every column with its counts, to click, to brush, to look for words."""

from pathlib import Path
from typing import Any

import streamlit as st

from attribution.browse.filter import parse
from attribution.browse.spread import Spread, spread, within
from attribution.browse.words import Filter, Term
from attribution.errors import UserError
from attribution.views import browse
from pages.parts import context
from pages.parts.context import Sight

KEY = "browse-facets"
HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / f"facets.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
_draw = st.components.v2.component("facets", html=HTML, css=CSS, js=JS)
UNFOLDED = ("label", "value", "right", "error", "suspicion", "loss")  # at first
OWN = 40  # columns of the user's that are listed
NOT_HERE = ("id", "text", "note")  # found by words alone


@st.cache_resource(max_entries=128, show_spinner=False)
def _spread(folder: str, known: tuple[Any, ...], name: str, words: str, _sight: Sight) -> Spread | None:
    """Counts of a column among the samples that the rest of a filter leaves."""
    return spread(_sight.columns[name], within(parse(words), _sight.columns, name))


def unfolded(sight: Sight) -> set[str]:
    """The columns that are open in this session."""
    found: set[str] = st.session_state.setdefault(f"{KEY}-open-{sight.key}", set(UNFOLDED))
    return found


def filter_of(sight: Sight) -> Filter:
    """The filter in the address as the panel shows it; none where it says nothing that is here."""
    try:
        found = parse(sight.find)
        columns = sight.columns
    except UserError:
        return Filter()
    named = [columns.called(one.column) if one.column in columns else one.column for one in found.terms]
    terms = zip(named, found.terms, strict=True)
    return Filter(tuple(Term(name, one.values, one.without) for name, one in terms))


def panel(sight: Sight) -> None:
    """Draw the columns; a click or a brush changes the filter in the address."""
    asked = filter_of(sight)
    opened = unfolded(sight)
    columns = sight.columns
    names = [name for name in columns if name not in NOT_HERE and name not in columns.own[OWN:]]
    facets = [_facet(sight, asked, name, name in opened) for name in names]

    def event(name: str) -> Any:
        return (st.session_state.get(KEY) or {})[name]

    _draw(
        data={"facets": facets},
        key=KEY,
        on_term_change=lambda: changed(asked, event("term")),
        on_unfolded_change=lambda: opened.symmetric_difference_update({event("unfolded")}),
    )


def _facet(sight: Sight, asked: Filter, name: str, is_open: bool) -> dict[str, Any]:
    column = sight.columns[name]
    rest = str(asked.but(name)) if sight.misfound is None else ""
    counts = _spread(sight.key, sight.known, name, rest, sight) if is_open else None
    return browse.facet(column, asked.of(name), counts, is_open, sight.face.noun)


def changed(asked: Filter, event: Any) -> None:
    """Callback: the filter with another term about one column."""
    if not event:
        return
    found = browse.term(event)
    context.put(find=str(asked.but(str(event["column"]), *([found] if found else []))))
