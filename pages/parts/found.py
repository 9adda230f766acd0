"""The filter that a page is narrowed by: says so, with the way to change it and the way out."""

import numpy as np
import streamlit as st

from attribution.views import numbers
from pages.parts import context, frame, states
from pages.parts.context import Sight


def chip(sight: Sight) -> None:
    """One line: how many samples the filter in the URL leaves, its words, a link to Browse, and a button that clears
    it. Nothing without a filter."""
    if not sight.find:
        return
    found = sight.found
    if sight.misfound is not None:
        states.error_box(sight.misfound)
    with st.container(key="found", horizontal=True, vertical_alignment="center", gap="small"):
        if found is not None:
            many = f"{numbers.count(len(found))} of {numbers.plural(len(sight.project.dataset), 'sample')}"
            st.markdown(f":material/filter_alt: {many}: **{states.plain(sight.find)}**", width="content")
        if frame.has("browse"):
            st.page_link(
                frame.link("browse"), label="Edit in Browse", icon=":material/edit:", query_params=context.address()
            )
        st.button("Clear", key="found-clear", icon=":material/close:", type="tertiary", on_click=clear)


def clear() -> None:
    """Callback: no filter any more."""
    context.put(find="")


def narrowed(sight: Sight, rows: np.ndarray) -> np.ndarray:
    """Those of these rows that the filter leaves, in their order."""
    if sight.found is None:
        return rows
    kept = np.zeros(len(sight.project.dataset), dtype=bool)
    kept[sight.found] = True
    return rows[kept[rows]]


def training(sight: Sight) -> np.ndarray | None:
    """The training rows that the filter leaves; None without a filter, or where it leaves none and so is about
    others."""
    if sight.found is None:
        return None
    rows = narrowed(sight, sight.project.dataset.rows("train"))
    return rows if len(rows) else None
