"""The samples as a table, one page at a time: the browser never gets more than the lines that it shows."""

import numpy as np
import streamlit as st

from attribution.views import listing, numbers, tables
from pages.parts import cards
from pages.parts.context import Sight

LINES = 50  # on a page
KEY = "page-listing"


@st.cache_resource(max_entries=6, show_spinner=False)
def _order(folder: str, column: str, version: str, source: str, _values: np.ndarray) -> np.ndarray:
    """All rows in the order of a column; 4 bytes per sample."""
    return listing.order(_values)


def show(sight: Sight, rows: np.ndarray, where: str) -> None:
    """These rows (ascending) as a table, sorted by a column of choice. ``where`` says in words which ones they are."""
    columns = values_of(sight)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown(f"**{numbers.plural(len(rows), 'sample')}** {where}", width="content")
        by = st.selectbox("Sorted by", list(columns), key="listing-by", width=220)
    ordered = rows
    if by != listing.NATURAL:
        source = f"{sight.run.id} {sight.flags.id if sight.flags is not None else ''}"
        ordered = listing.among(_order(sight.key, by, sight.labels.version, source, columns[by]), rows)
    pages = f"{KEY}-{by}"  # another order starts at its first page
    page = cards.page_number(len(rows), LINES, pages)
    shown = tables.page_of(ordered, page, LINES)
    face = sight.face
    unit = face.unit
    st.dataframe(
        listing.lines(shown, sight.project.dataset, sight.labels, sight.predictions, sight.suspicion, face),
        hide_index=True,
        key="listing",
        alt=f"Samples {where}: id, split, {face.noun}, what the model says, loss and suspicion; page {page}",
        column_config={
            "confidence": st.column_config.NumberColumn(
                "confidence, %", format="%.1f", help="Probability of the prediction."
            ),
            "prediction": st.column_config.Column(f"prediction{unit}"),
            "error": st.column_config.NumberColumn(f"error{unit}", format="%.3g", help="Prediction minus value."),
            "loss": st.column_config.NumberColumn(f"loss, {face.loss_unit}", format="%.3g"),
            "suspicion": st.column_config.NumberColumn(
                format="%.3f", help=f"0 to 1: how likely the {face.noun} is wrong; training samples only."
            ),
        },
    )
    first = (page - 1) * LINES
    st.caption(f"Lines {numbers.count(first + 1)} to {numbers.count(first + len(shown))} of {numbers.count(len(rows))}")
    cards.pager(len(rows), LINES, pages)


def values_of(sight: Sight) -> dict[str, np.ndarray]:
    """What the table can be sorted by; the first lines are those with the largest values."""
    found = {listing.NATURAL: np.empty(0)}
    if sight.suspicion is not None:
        found["suspicion"] = sight.suspicion
    said = sight.predictions
    return found | {"loss": said["loss"].to_numpy(), **sight.face.sorts(said)}
