"""A chart of samples with its lasso: what is drawn around becomes the selection in the address."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from attribution.figures import cloud
from attribution.views import scatter, thinning
from pages.parts import context
from pages.parts.context import Sight

KEY = "map-chart"
Spec = Callable[[np.ndarray, Sequence[scatter.Group], np.ndarray | None, bool], dict[str, Any]]


def selected_by(sight: Sight, key: str, coordinates: np.ndarray, visible: Callable[[], np.ndarray]) -> None:
    """Callback of the chart: turn the drawn areas into a stored selection; clearing them clears it."""
    event = st.session_state.get(key) or {}
    areas = (event.get("selection") or {}).get("areas")
    rows = scatter.selected_rows(event, coordinates, visible()) if areas else ()
    context.put(selection=sight.project.select(rows) if len(rows) else "")


def chart(
    sight: Sight,
    coordinates: np.ndarray,
    groups: Sequence[scatter.Group],
    visible: Callable[[], np.ndarray],
    height: int = 620,
    *,
    spec: Spec = cloud.map_spec,
    key: str = KEY,
    alt: str = "near points look alike to the model",
) -> None:
    """Draw the samples, an even share of them where there are very many. ``visible`` gives the rows that a lasso may
    take: all that the filters leave. Colours and filters change without losing the lasso: the chart's identity is its
    key."""
    mask = None
    if len(sight.selection):
        mask = np.zeros(len(coordinates), dtype=bool)
        mask[sight.selection[sight.selection < len(coordinates)]] = True
    drawn = thinning.thin(coordinates, groups, sight.selection, thinning.LIMIT)
    st.echarts_chart(
        spec(coordinates, drawn.groups, mask, context.dark()),
        height=height,
        key=key,
        on_select=lambda: selected_by(sight, key, coordinates, visible),
        alt=f"Chart of {drawn.total:,} samples in {len(groups)} groups; {alt}. {drawn.sentence()} "
        f"{len(sight.selection):,} selected.",
    )
    if drawn.sentence():
        st.caption(f":material/blur_on: {drawn.sentence()}")
