"""The samples as a table, one page at a time: the browser never gets more than the lines that it shows."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attribution.modalities import modality_of
from attribution.views import listing, numbers, tables
from pages.parts import cards, lasso
from pages.parts.context import Sight

if TYPE_CHECKING:
    import pandas as pd

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
    lines = pictured(sight, shown)
    opened = lasso.chosen_row(sight)
    # A tick is kept while it is this table's; a sample that was opened elsewhere is ticked anew.
    mine = opened is None or st.session_state.get("listing-ticked") == opened
    key = f"listing-{by}-{page}-{len(rows)}" + ("" if mine else f"-{opened}")
    ticks = np.flatnonzero(shown == opened).tolist() if opened is not None else []

    def chosen() -> None:
        ticked = st.session_state[key]["selection"]["rows"]
        row = int(shown[ticked[0]]) if ticked else None
        st.session_state["listing-ticked"] = row
        lasso.choose(sight, row)

    st.dataframe(
        lines,
        hide_index=True,
        key=key,
        on_select=chosen,
        selection_mode="single-row",
        selection_default={"selection": {"rows": ticks}},
        alt=f"Samples {where}: id, split, {face.noun}, what the model says, loss and suspicion; page {page}. A line "
        "that is chosen is marked in the chart.",
        column_config=headings(sight, lines),
    )
    first = (page - 1) * LINES
    st.caption(f"Lines {numbers.count(first + 1)} to {numbers.count(first + len(shown))} of {numbers.count(len(rows))}")
    cards.pager(len(rows), LINES, pages)


def pictured(sight: Sight, rows: np.ndarray) -> "pd.DataFrame":
    """The lines of these rows, with their pictures in front or their texts behind where the samples have such."""
    dataset = sight.project.dataset
    lines = listing.lines(rows, dataset, sight.labels, sight.predictions, sight.suspicion, sight.face)
    if "prediction" in lines and lines["prediction"].dtype.kind == "f":  # still numbers, which the table can sort
        lines["prediction"] = [float(f"{said:.3g}") for said in lines["prediction"]]
    kind = modality_of(dataset)
    if kind.shown_as in ("picture", "plot"):
        base = dataset.info.base_hash
        lines.insert(0, "picture", [cards.picture(sight.key, base, int(row), 48, dataset) for row in rows])
    elif kind.tokens:
        lines["text"] = [kind.describe(dataset, int(row)) for row in rows]
    return lines


def headings(sight: Sight, lines: "pd.DataFrame") -> dict[str, Any]:
    """How the columns of a table of samples are headed and written; only those that it has."""
    face = sight.face
    number = st.column_config.NumberColumn
    known = {
        "picture": st.column_config.ImageColumn("", width=56),
        "confidence": number("confidence, %", format="%.1f", help="Probability of the prediction."),
        "prediction": st.column_config.Column(f"prediction{face.unit}"),
        "error": number(f"error{face.unit}", format="%.3g", help="Prediction minus value."),
        "tokens right, %": number(format="%.0f", help="The share of its tokens that the model would have said itself."),
        "tokens": number(format="localized", help="How many tokens of it the model learns."),
        "loss": number(f"loss, {face.loss_unit}", format="%.3g"),
        "suspicion": number(format="%.3f", help=f"0 to 1: how likely the {face.noun} is wrong; training samples only."),
    }
    return {name: look for name, look in known.items() if name in lines}


def values_of(sight: Sight) -> dict[str, np.ndarray]:
    """What the table can be sorted by; the first lines are those with the largest values."""
    found = {listing.NATURAL: np.empty(0)}
    if sight.suspicion is not None:
        found["suspicion"] = sight.suspicion
    said = sight.predictions
    return found | {"loss": said["loss"].to_numpy(), **sight.face.sorts(said)}
