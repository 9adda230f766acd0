"""One page of samples, as tiles or as a table, and the choice among all of them, which is kept from page to page."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from attribution.views import browse
from pages.parts import cards
from pages.parts.context import Sight

KEY = "browse-tiles"
HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / f"tiles.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
_draw = st.components.v2.component("tiles", html=HTML, css=CSS, js=JS)
FEW = 96  # pixels of a small picture
LINE = 40
TARGETS = ("label", "value")  # what the column of targets may be called


@dataclass
class Choice:
    """The chosen rows, ascending, and a number that changes whenever the server, not a click, changed them."""

    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    stamp: int = 0

    def put(self, rows: np.ndarray) -> None:
        """Choose these instead."""
        self.rows = np.unique(np.asarray(rows, dtype=np.int64))
        self.stamp += 1

    def clicked(self, page: np.ndarray, chosen: list[int]) -> None:
        """Of the samples on a page these are chosen now; the others stay as they were."""
        rest = self.rows[~np.isin(self.rows, page)]
        mine = np.asarray(chosen, dtype=np.int64)
        self.rows = np.union1d(rest, mine[np.isin(mine, page)])


def choice_of(sight: Sight) -> Choice:
    """This session's choice in the open project."""
    found: Choice = st.session_state.setdefault(f"{KEY}-{sight.key}", Choice())
    return found


def draw(sight: Sight, rows: np.ndarray, size: int, columns: list[str] | None, sort: str) -> None:
    """Draw these samples; clicks go into ``choice_of``, a double click or Enter asks to open one, a heading to sort."""
    choice = choice_of(sight)
    token = f"{len(rows)}-{rows[0] if len(rows) else ''}-{hash(rows.tobytes())}"

    def event(name: str) -> Any:
        return (st.session_state.get(KEY) or {})[name]

    def clicked() -> None:
        given = event("chosen") or {}
        if given.get("token") == token:
            choice.clicked(rows, [int(row) for row in given["rows"]])

    _draw(
        data={
            **_shown(sight, rows, size, columns, sort),
            "chosen": rows[np.isin(rows, choice.rows)].tolist(),
            "stamp": f"{choice.stamp} {token}",
            "token": token,
        },
        key=KEY,
        on_chosen_change=clicked,
        on_opened_change=lambda: st.session_state.__setitem__(f"{KEY}-open", event("opened")),
        on_sorted_change=lambda: sort_by(event("sorted")),
    )


def _shown(sight: Sight, rows: np.ndarray, size: int, columns: list[str] | None, sort: str) -> dict[str, Any]:
    """What is drawn, as plain data: tiles, or lines under headings."""
    tiled = [_tile(sight, row, size, sort) for row in rows] if columns is None else []
    return {
        "items": tiled if columns is None else _lines(sight, rows, columns),
        "columns": None if columns is None else [_head(sight, name) for name in columns],
        "size": size,
        "sort": sort,
        "words": f"{len(rows)} samples; click or press space to choose, Enter to open",
    }


def sort_by(words: Any) -> None:
    """Callback: the order that a heading asks for."""
    if words:
        st.session_state["sort"] = str(words).removeprefix("-")
        st.session_state["falling"] = str(words).startswith("-")


def opened() -> int | None:
    """The row that was asked to be opened since the page was last drawn, or None."""
    row = st.session_state.pop(f"{KEY}-open", None)
    return None if row is None else int(row)


def _marks(sight: Sight, row: int) -> list[str]:
    if row not in sight.marks.index:
        return []
    marks = sight.marks.loc[row]
    return [*(["unsure"] if marks["unsure"] else []), *marks["tags"], *(["note"] if marks["note"] else [])]


def _tile(sight: Sight, row: int, size: int, sort: str) -> dict[str, Any]:
    row = int(row)
    card = cards.card_of(sight, row, size=FEW if size <= FEW else 2 * FEW)
    by = sort.removeprefix("-")
    value = browse.cell(sight.columns[by].cells(np.array([row]))[0], sight.columns[by].own) if by else ""
    doubt = f"suspicion {card.suspicion:.2f}" if card.suspicion is not None else ""
    return browse.tile(card, _marks(sight, row), f"{by} {value}" if value and by not in ("id", *TARGETS) else doubt)


def _head(sight: Sight, name: str) -> dict[str, Any]:
    column = sight.columns[name]
    return {
        "name": name,
        "title": browse.title(column, sight.face.noun),
        "help": column.summary,
        "number": column.kind == "number",
    }


def _lines(sight: Sight, rows: np.ndarray, columns: list[str]) -> list[dict[str, Any]]:
    cells = [list(sight.columns[name].cells(rows)) for name in columns]
    given = [name in TARGETS or sight.columns[name].own for name in columns]
    dataset = sight.project.dataset
    return [
        {
            "row": int(row),
            "id": str(dataset.ids[row]),
            "alt": cards.alt(dataset, int(row)),
            "picture": cards.picture(sight.key, dataset.info.base_hash, int(row), LINE, dataset),
            "cells": [browse.cell(column[place], given[at]) for at, column in enumerate(cells)],
        }
        for place, row in enumerate(rows)
    ]
