"""A chart of samples to point at, to click and to draw around: what is drawn around becomes the selection in the
address, what is clicked the chosen sample.

The canvas is a component of our own (``points.js``): it draws, zooms and asks ``hovering`` what a point is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from attribution.figures import cloud
from attribution.views import scatter, thinning
from pages.parts import context, hovering
from pages.parts.context import Sight

KEY = "map-chart"
Rows = Callable[[], np.ndarray]
HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / f"points.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
_draw = st.components.v2.component("points", html=HTML, css=CSS, js=JS)


def drawn(sight: Sight, outline: Sequence[Sequence[float]], coordinates: np.ndarray, visible: np.ndarray) -> None:
    """What lies inside the outline becomes the selection; an outline around nothing clears it."""
    rows = scatter.inside(coordinates, outline, visible)
    context.put(selection=sight.project.select(rows) if len(rows) else "")


def chart(
    sight: Sight,
    coordinates: np.ndarray,
    groups: Sequence[scatter.Group],
    visible: Rows,
    height: int = 620,
    *,
    key: str = KEY,
    alt: str = "near points look alike to the model",
    scene: cloud.Scene | None = None,
) -> None:
    """Draw the samples, an even share of them where there are very many. ``visible`` gives the rows that a lasso may
    take: all that the filters leave. ``scene`` says what else is drawn. Colours and filters change
    without losing the zoom: the chart's identity is its key."""
    mask = None
    if len(sight.selection):
        mask = np.zeros(len(coordinates), dtype=bool)
        mask[sight.selection[sight.selection < len(coordinates)]] = True
    shown = thinning.thin(coordinates, groups, sight.selection, thinning.LIMIT)
    words = (
        f"Chart of {shown.total:,} samples in {len(groups)} groups; {alt}. {shown.sentence()} "
        f"{len(sight.selection):,} selected."
    )
    seen = replace(scene or cloud.Scene(), selected=mask, dark=context.dark(), chosen=chosen_row(sight))
    data = cloud.points(coordinates, shown.groups, seen)
    data |= {"alt": words, "height": height, "hover": hovering.address(sight)}

    def event() -> Mapping[str, Any]:
        return st.session_state.get(key) or {}

    _draw(
        data=data,
        key=key,
        on_lasso_change=lambda: drawn(sight, event()["lasso"] or (), coordinates, visible()),
        on_picked_change=lambda: choose(sight, event()["picked"]),
    )
    if shown.sentence():
        st.caption(f":material/blur_on: {shown.sentence()}")


def choose(sight: Sight, row: int | None) -> None:
    """The sample with this row is the chosen one; None: none is."""
    context.put(point="" if row is None else str(sight.project.dataset.ids[int(row)]))


def chosen_row(sight: Sight) -> int | None:
    """The row of the chosen sample, or None."""
    return sight.project.dataset.row_of(context.get("point"))
