"""Settings as a form: a field each, with its help and range, made from the dataclass that holds them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import streamlit as st

from attribution.settings.ranges import limits


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
    low, high = limits(kind, item.name)
    if isinstance(usual, int):
        return st.number_input(title, low, high, usual, 1, key=key, help=tip)
    least = None if low is None else float(low)
    most = None if high is None else float(high)
    return st.number_input(title, least, most, usual, step=usual / 10 or 1e-4, format="%.6g", key=key, help=tip)
