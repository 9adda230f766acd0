"""Marks on a sample where a page shows it large: tags to choose or type, a note, and "unsure"."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from attribution.storage.states import TAG_LENGTH
from pages.parts import edits
from pages.parts.context import Sight

OFFERED = 50  # tags in the list


def tags_in_use(sight: Sight) -> list[str]:
    """The tags of this project, the commonest first."""
    counted = sight.marks["tags"].explode().dropna().value_counts()
    return [str(tag) for tag in counted.index[:OFFERED]]


def fields(sight: Sight, row: int, place: str, by_key: bool = False) -> None:
    """Tags and a note of one sample, each written to the ledger as soon as it is entered. ``by_key``: the page leads to
    them with T and N."""
    tags: Sequence[str] = sight.marks["tags"].get(row, ())
    note = str(sight.marks["note"].get(row, ""))
    version = sight.versions([row])
    name = f"{place}-{row}-{version[row]}"  # what is typed belongs to the sample as it was shown
    st.multiselect(
        "Tags",
        list(dict.fromkeys([*tags, *tags_in_use(sight)])),
        default=list(tags),
        accept_new_options=True,
        placeholder="Tags (T)" if by_key else "Tags",
        label_visibility="collapsed",
        key=f"tags-{name}",
        on_change=_tagged,
        args=(sight, row, tags, f"tags-{name}", version),
    )
    st.text_input(
        "Note",
        note,
        placeholder="Note (N)" if by_key else "Note",
        label_visibility="collapsed",
        key=f"note-{name}",
        on_change=_noted,
        args=(sight, row, f"note-{name}", version),
    )


def _tagged(sight: Sight, row: int, before: Sequence[str], key: str, version: Mapping[int, int]) -> None:
    """Callback: one tag more or less than when the sample was shown."""
    now = [str(tag)[:TAG_LENGTH] for tag in st.session_state.get(key, [])]
    expect: Mapping[int, int] | None = version
    for action, names in (("tag", set(now) - set(before)), ("untag", set(before) - set(now))):
        for name in sorted(names):
            edits.decided(sight.project, action, [row], name, expect=expect)
            expect = None  # the second of one change follows the first


def _noted(sight: Sight, row: int, key: str, version: Mapping[int, int]) -> None:
    """Callback: the note as it stands in its field."""
    edits.decided(sight.project, "note", [row], st.session_state.get(key, ""), expect=version)


def unsure(sight: Sight, row: int, place: str, **more: Any) -> None:
    """The button that puts a sample off, or takes it up again."""
    put_off = bool(sight.marks["unsure"].get(row, False))
    version = sight.versions([row])
    st.button(
        "No longer unsure" if put_off else "Unsure",
        key=f"unsure-{place}-{row}-{version[row]}",
        icon=":material/help:",
        help="Put it off: it comes back at the end of the queue, and counts as neither right nor wrong.",
        on_click=edits.decide,
        args=(sight.project, "sure" if put_off else "unsure", [row], None, "", None, version),
        **more,
    )
