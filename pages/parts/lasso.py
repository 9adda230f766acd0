"""The map chart with its lasso, and the panel of actions on what is selected."""

import numpy as np
import streamlit as st

from attribution.views import scatter
from pages.parts import context
from pages.parts.context import Sight

KEY = "map-chart"


def selected_by(sight: Sight, coordinates: np.ndarray, visible: np.ndarray) -> None:
    """Callback of the chart: turn the drawn areas into a stored selection; clearing them clears it."""
    rows = scatter.selected_rows(st.session_state.get(KEY) or {}, coordinates, visible)
    context.put(selection=sight.project.select(rows.tolist()) if len(rows) else "")


def chart(
    sight: Sight,
    coordinates: np.ndarray,
    groups: list[scatter.Group],
    visible: np.ndarray,
    height: int = 620,
    axes: tuple[str, str] | None = None,
) -> None:
    """Draw the map. Colours and filters change without losing the lasso: the chart's identity is its key.

    ``axes`` names both axes where they mean something; without, only nearness does."""
    mask = None
    if len(sight.selection):
        mask = np.zeros(len(coordinates), dtype=bool)
        mask[sight.selection[sight.selection < len(coordinates)]] = True
    spec = scatter.map_spec(coordinates, groups, mask, context.dark(), axes)
    st.echarts_chart(
        spec,
        height=height,
        key=KEY,
        on_select=lambda: selected_by(sight, coordinates, visible),
        alt=f"Map of {len(visible):,} samples in {len(groups)} groups; "
        + (f"across: {axes[0]}; upwards: {axes[1]}" if axes else "near points look alike to the model")
        + f". {len(sight.selection):,} selected.",
    )
