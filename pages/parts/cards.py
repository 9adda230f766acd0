"""The sample card and the grid of cards, used on every page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from attribution.datasets.names import NO_LABEL, class_word
from attribution.modalities import alt, describe, thumbnail
from attribution.views import cards, colours, tables
from pages.parts import edits
from pages.parts.context import Sight
from pages.parts.text import plain

GRID = 24  # cards on a page, never more


@st.cache_data(max_entries=20_000, show_spinner=False)
def picture(folder: str, base_hash: str, row: int, size: int, _dataset: Any) -> str:
    """A sample's picture as a data URI, "" for text and tables; keyed by content, so a changed dataset never shows an
    old picture."""
    png = thumbnail(_dataset, row, size)
    return cards.data_uri(png) if png else ""


def card_of(
    sight: Sight,
    row: int,
    facts: Sequence[cards.Fact] = (),
    *,
    size: int = 96,
    suspicion: bool = True,
    rank: int | None = None,
) -> cards.Card:
    """One sample as a card, in its current state."""
    dataset, classes = sight.project.dataset, sight.project.classes
    label = int(sight.labels.values[row])
    base = int(dataset.labels[row])
    verdict = str(sight.states["verdict"].get(row, ""))
    doubt = sight.suspicion[row] if suspicion and sight.suspicion is not None else float("nan")
    seen = sight.predictions.loc[row] if sight.run is not None else None
    return cards.Card(
        row=int(row),
        id=str(dataset.ids[row]),
        label=class_word(classes, label),
        label_colour=colours.class_colour(label),
        alt=alt(dataset, row),
        picture=picture(sight.key, dataset.info.base_hash, int(row), size, dataset),
        text="" if dataset.info.modality == "image" else describe(dataset, row),
        was=class_word(classes, base) if label != base else "",
        dropped=not bool(sight.labels.active[row]) and label != NO_LABEL,
        reviewed=verdict == "keep",
        prediction=classes[int(seen["prediction"])] if seen is not None else "",
        confidence=float(seen["confidence"]) if seen is not None else None,
        suspicion=None if doubt != doubt else float(doubt),
        rank=rank,
        facts=tuple(facts),
    )


def show(card: cards.Card, size: int = 84, text_lines: int = 4) -> None:
    """Draw a card without buttons."""
    st.html(cards.card_html(card, size, text_lines))


def actions(
    sight: Sight,
    row: int,
    place: str,
    *,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
    more: Iterable[tuple[str, str, Callable[..., None], tuple[Any, ...]]] = (),
) -> None:
    """Relabel, drop, or undo what was decided; ``more`` adds ``(icon, words, callback, args)`` buttons. ``place`` keeps
    keys apart."""
    state = sight.states.loc[row] if row in sight.states.index else None
    version = int(state["edit"]) if state is not None else 0
    project = sight.project
    expect = {row: version}
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        if state is not None and state["verdict"]:
            st.button(
                "Undo",
                key=f"undo-{place}-{row}-{version}",
                icon=":material/undo:",
                on_click=edits.revert,
                args=(project, [version]),
            )
        else:
            menu = f"relabel-{place}-{row}-{version}"
            names = [name for index, name in enumerate(project.classes) if index != int(sight.labels.values[row])]
            details = (project, menu, [row], reason, evidence, expect)
            st.menu_button("Relabel", names, key=menu, format_func=plain, on_click=edits.from_menu, args=details)
            st.button(
                "Drop",
                key=f"drop-{place}-{row}-{version}",
                on_click=edits.decide,
                args=(project, "drop", [row], None, reason, evidence, expect),
            )
        for icon, words, callback, args in more:
            st.button(
                "", key=f"{icon}-{place}-{row}", icon=icon, help=words, type="tertiary", on_click=callback, args=args
            )


def grid(
    sight: Sight,
    rows: Sequence[int],
    place: str,
    *,
    buttons: bool = True,
    reason: str = "",
    min_width: int = 215,
    facts: Callable[[int], Sequence[cards.Fact]] = lambda row: (),
) -> None:
    """Up to ``GRID`` cards that reflow with the width; ``facts`` are the numbers of a row's card."""
    with st.grid("auto", min_column_width=min_width, gap="small"):
        for row in list(rows)[:GRID]:
            with st.container(border=True, gap="xsmall"):
                show(card_of(sight, int(row), facts(int(row))), 64, 3)
                if buttons:
                    actions(sight, int(row), place, reason=reason)


def page_number(n: int, size: int, key: str) -> int:
    """The page that ``pager`` last set for this key (1-based), before the pager itself is drawn."""
    return min(int(st.session_state.get(key, 1) or 1), tables.page_count(n, size))


def pager(n: int, size: int, key: str) -> None:
    """Page buttons under a list; nothing for a single page."""
    pages = tables.page_count(n, size)
    if pages > 1:
        st.pagination(pages, key=key, max_visible_pages=5)
