"""Draws a figure on the page: its alternative text, the page's ground, and no toolbar but the one that saves it."""

from typing import TYPE_CHECKING

import streamlit as st

from attribution.figures.style import alt_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]], "responsive": True}


def show(figure: "Figure", key: str) -> None:
    """Draw it as wide as its place and as high as it says. Its own template is kept: a notebook shows the same."""
    figure.update_layout(paper_bgcolor="rgba(0,0,0,0)")
    st.plotly_chart(figure, key=key, theme=None, config=CONFIG, alt=alt_of(figure))
