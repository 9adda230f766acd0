"""A chart of samples with its lasso: what is drawn around becomes the selection in the address."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from attribution.views import scatter
from pages.parts import context
from pages.parts.context import Sight

KEY = "map-chart"
Spec = Callable[[np.ndarray, list[scatter.Group], np.ndarray | None, bool], dict[str, Any]]


def selected_by(sight: Sight, key: str, coordinates: np.ndarray, visible: np.ndarray) -> None:
    """Callback of the chart: turn the drawn areas into a stored selection; clearing them clears it."""
    rows = scatter.selected_rows(st.session_state.get(key) or {}, coordinates, visible)
    context.put(selection=sight.project.select(rows.tolist()) if len(rows) else "")


def chart(
    sight: Sight,
    coordinates: np.ndarray,
    groups: list[scatter.Group],
    visible: np.ndarray,
    height: int = 620,
    *,
    spec: Spec = scatter.map_spec,
    key: str = KEY,
    alt: str = "near points look alike to the model",
) -> None:
    """Draw the samples. Colours and filters change without losing the lasso: the chart's identity is its key."""
    mask = None
    if len(sight.selection):
        mask = np.zeros(len(coordinates), dtype=bool)
        mask[sight.selection[sight.selection < len(coordinates)]] = True
    st.echarts_chart(
        spec(coordinates, groups, mask, context.dark()),
        height=height,
        key=key,
        on_select=lambda: selected_by(sight, key, coordinates, visible),
        alt=f"Chart of {len(visible):,} samples in {len(groups)} groups; {alt}. {len(sight.selection):,} selected.",
    )
