"""Settings as a form: a field each, with its help and range, made from the dataclass that holds them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import streamlit as st

from attribution.settings.ranges import limits
from pages.parts import states


def form(usual: Any, place: str, words: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The settings that were changed from ``usual``, a settings dataclass; ``words`` are titles that its names do not
    give."""
    found: dict[str, Any] = {}
    with st.grid("auto", min_column_width=150, gap="small"):
        for item in dataclasses.fields(usual):
            title = (words or {}).get(item.name, item.name.replace("_", " ").capitalize())
            value = _field(type(usual), item, title, getattr(usual, item.name), f"{place}-{item.name}")
            if value is not None and value != getattr(usual, item.name):
                found[item.name] = value
    return found


def _field(kind: type, item: "dataclasses.Field[Any]", title: str, usual: Any, key: str) -> Any:
    tip = item.metadata["help"]
    if choices := item.metadata.get("choices"):
        return st.selectbox(title, choices, index=choices.index(usual), key=key, help=tip)
    if isinstance(usual, bool):
        return st.checkbox(title, usual, key=key, help=tip)
    if isinstance(usual, str):
        return st.text_input(title, usual, key=key, help=tip).strip()
    if isinstance(usual, tuple):
        return _several(item, st.text_input(title, ", ".join(map(str, usual)), key=key, help=tip))
    low, high = limits(kind, item.name)
    if isinstance(usual, int):
        return st.number_input(title, low, high, usual, 1, key=key, help=tip)
    least = None if low is None else float(low)
    most = None if high is None else float(high)
    return st.number_input(title, least, most, usual, step=usual / 10 or 1e-4, format="%.6g", key=key, help=tip)


def _several(item: "dataclasses.Field[Any]", typed: str) -> tuple[Any, ...] | None:
    """What stands between commas, as numbers where the setting takes such; None, and a word, for what is none."""
    found = tuple(one.strip() for one in typed.split(",") if one.strip())
    if "float" not in str(item.type):
        return found
    try:
        return tuple(float(one) for one in found)
    except ValueError:
        st.warning(f"{states.plain(typed)} is not taken: write numbers with commas between them.")
        return None
