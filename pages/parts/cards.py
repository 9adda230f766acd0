"""The sample card and the grid of cards, used on every page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from attribution.modalities import alt, describe, modality_of, thumbnail
from attribution.views import cards, tables
from pages.parts import edits, targets
from pages.parts.context import Sight

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
    dataset = sight.project.dataset
    face = sight.face
    label = sight.labels.values[row]
    base = dataset.labels[row]
    verdict = str(sight.states["verdict"].get(row, ""))
    doubt = sight.suspicion[row] if suspicion and sight.suspicion is not None else float("nan")
    predicted, says, sure = face.says(sight.predictions.loc[row]) if sight.run is not None else ("", "", None)
    return cards.Card(
        row=int(row),
        id=str(dataset.ids[row]),
        label=face.word(label),
        label_colour=face.colour(label),
        alt=alt(dataset, row),
        picture=picture(sight.key, dataset.info.base_hash, int(row), size, dataset),
        text="" if modality_of(dataset).shown_as == "picture" else describe(dataset, row),
        was="" if face.same(label, base) else face.word(base),
        changed=face.changed_mark,
        dropped=not bool(sight.labels.active[row] or face.bare(label)),
        reviewed=verdict == "keep",
        prediction=predicted,
        says=says,
        confidence=sure,
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
            targets.change(sight, [row], f"relabel-{place}-{row}-{version}", reason, evidence, expect)
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
