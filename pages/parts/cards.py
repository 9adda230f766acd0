"""The sample card and the grid of cards, used on every page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from attribution.browse.words import words
from attribution.datasets.said_by import said_of
from attribution.modalities import alt, describe, modality_of, thumbnail
from attribution.views import cards, tables
from pages.parts import chat, context, edits, frame, marks, targets
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
    dataset = sight.dataset
    face = sight.face
    label = sight.labels.values[row]
    base = sight.project.dataset.labels[row]
    verdict = str(sight.states["verdict"].get(row, ""))
    doubt = sight.suspicion[row] if suspicion and sight.suspicion is not None else float("nan")
    marks = sight.marks.loc[row] if row in sight.marks.index else None
    predicted, says, sure = face.says(sight.predictions.loc[row]) if sight.run is not None else ("", "", None)
    return cards.Card(
        row=int(row),
        id=str(dataset.ids[row]),
        label=face.tag(label),
        label_colour=face.colour(label),
        alt=alt(dataset, row),
        picture=picture(sight.key, dataset.info.base_hash, int(row), size, dataset),
        text="" if modality_of(dataset).shown_as == "picture" else describe(dataset, row),
        was="" if face.same(label, base) else face.tag(base),
        changed=face.changed_mark,
        dropped=not bool(sight.labels.active[row] or face.bare(label)),
        reviewed=verdict == "keep",
        prediction=predicted,
        says=says,
        confidence=sure,
        suspicion=None if doubt != doubt else float(doubt),
        rank=rank,
        facts=tuple(facts),
        tags=() if marks is None else marks["tags"],
        note="" if marks is None else str(marks["note"]),
        unsure=marks is not None and bool(marks["unsure"]),
        chat=chat.of(sight, row),
    )


def spoken(sight: Sight, row: int) -> list[cards.Fact]:
    """What several annotators said of a sample, where the data have such."""
    said = said_of(sight.project.dataset, row)
    tip = "What each annotator said; the label was the consensus when the data were imported."
    return [cards.Fact("annotators", said, help=tip)] if said else []


def show(card: cards.Card, size: int = 84, text_lines: int = 4) -> None:
    """Draw a card without buttons."""
    st.html(cards.card_html(card, size, text_lines))


def whole(sight: Sight, card: cards.Card, place: str, side: int, text_em: float) -> None:
    """A card that has room: picture (``side`` pixels at most), all turns of a conversation, or many lines of text,
    above what is said of the sample. ``place`` keeps keys apart."""
    if card.picture:
        st.html(cards.centred_picture_html(card, side))
    if card.chat is not None:
        chat.show(card.chat, washes=chat.washes(sight, card.row), key=f"{place}-{card.row}")
        card = cards.without_text(card)
    st.html(cards.card_html(cards.without_picture(card), text_lines=14, text_em=text_em))


def actions(
    sight: Sight,
    row: int,
    place: str,
    *,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
    more: Iterable[tuple[str, str, Callable[..., None], tuple[Any, ...]]] = (),
) -> None:
    """Relabel, drop, or undo what was decided, and more like this; ``more`` adds ``(icon, words, callback, args)``
    buttons. ``place`` keeps keys apart."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        _decisions(sight, row, place, ("drop",), reason, evidence)
        _icons(sight, row, place, [*more, *_like(sight, row)])


def _decisions(
    sight: Sight, row: int, place: str, verbs: Sequence[str], reason: str, evidence: Mapping[str, Any] | None
) -> None:
    """The buttons that decide on a sample, or the one that takes its decision back."""
    state = sight.states.loc[row] if row in sight.states.index else None
    version = int(state["edit"]) if state is not None else 0
    project = sight.project
    expect = {row: version}
    if state is not None and state["verdict"]:
        st.button(
            "Undo",
            key=f"undo-{place}-{row}-{version}",
            icon=":material/undo:",
            on_click=edits.undo_of,
            args=(project, row, version),
        )
        return
    targets.change(sight, [row], f"relabel-{place}-{row}-{version}", reason, evidence, expect)
    for verb in verbs:
        if verb == "keep" and sight.face.bare(sight.labels.values[row]):
            continue  # nothing there to keep
        st.button(
            verb.capitalize(),
            key=f"{verb}-{place}-{row}-{version}",
            on_click=edits.decide,
            args=(project, verb, [row], None, reason, evidence, expect),
        )


def _icons(
    sight: Sight, row: int, place: str, more: Iterable[tuple[str, str, Callable[..., None], tuple[Any, ...]]]
) -> None:
    for icon, tip, callback, args in more:
        st.button("", key=f"{icon}-{place}-{row}", icon=icon, help=tip, type="tertiary", on_click=callback, args=args)


def _like(sight: Sight, row: int) -> list[tuple[str, str, Callable[..., None], tuple[Any, ...]]]:
    """The icon that opens Browse on the samples most like this one."""
    if not frame.has("browse"):
        return []
    return [(":material/image_search:", "More like this", browse_like, (sight, row))]


def like(sight: Sight, row: int, place: str) -> None:
    """On a card without other buttons: more like this."""
    _icons(sight, row, place, _like(sight, row))


def browse_like(sight: Sight, row: int) -> None:
    """Callback: Browse with the samples most like this one, the nearest first."""
    context.put(find=words("like", str(sight.project.dataset.ids[row])))
    frame.go("browse")


def ask_what_made(sight: Sight, row: int) -> None:
    """Callback: Influence, with this sample as what is asked about."""
    context.put(query=str(sight.project.dataset.ids[row]), reverse="")
    frame.go("influence")


def ask_whom(sight: Sight, row: int) -> None:
    """Callback: Influence, with this training sample as the one whose effects are listed."""
    context.put(reverse=str(sight.project.dataset.ids[row]))
    frame.go("influence")


def large(
    sight: Sight, row: int, place: str, *, reason: str = "", evidence: Mapping[str, Any] | None = None, side: int = 252
) -> None:
    """One sample with all that can be done about it: picture (at most ``side`` pixels) or text, what stands on its
    card, decisions, tags and a note, and the ways to its like, to what made the prediction and to whom it
    influences."""
    row = int(row)
    card = card_of(sight, row, spoken(sight, row), size=280)
    whole(sight, card, place, side, 1.1)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        _decisions(sight, row, place, ("drop", "keep"), reason, evidence)
        marks.unsure(sight, row, place)
    ways(sight, row, place)
    marks.fields(sight, row, place)


def ways(sight: Sight, row: int, place: str) -> None:
    """From one sample to its like, to what made its prediction, and to the predictions that it influences."""
    found = _like(sight, row)
    if sight.run is not None:
        found.append((":material/account_tree:", "What made this prediction", ask_what_made, (sight, row)))
        if sight.project.dataset.split_of(row) == "train":
            found.append((":material/swap_horiz:", "What it influences", ask_whom, (sight, row)))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for icon, title, callback, args in found:
            st.button(title, key=f"{icon}-{place}-{row}", icon=icon, type="tertiary", on_click=callback, args=args)


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
                else:
                    like(sight, int(row), place)


def page_number(n: int, size: int, key: str) -> int:
    """The page that ``pager`` last set for this key (1-based), before the pager itself is drawn."""
    return min(int(st.session_state.get(key, 1) or 1), tables.page_count(n, size))


def pager(n: int, size: int, key: str) -> None:
    """Page buttons under a list; nothing for a single page."""
    pages = tables.page_count(n, size)
    if pages > 1:
        st.pagination(pages, key=key, max_visible_pages=5)
