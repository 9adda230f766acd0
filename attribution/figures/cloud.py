"""Clouds of points for ECharts, the one thing it draws: the map and the like, with a lasso that holds at a million
points."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution.views import colours
from attribution.views.scatter import Group, bounds, points_frame

LASSO = {"polygon": "Draw around points", "clear": "Select nothing"}  # the words of the toolbox
BARE = {name: {"show": False} for name in ("axisLabel", "axisTick", "splitLine", "axisLine")}
TICKS = {"nameLocation": "middle", "axisLabel": {"showMinLabel": False, "showMaxLabel": False}}
TOOLBOX = {
    "right": 18,
    "top": 0,
    "itemSize": 18,
    "feature": {"brush": {"type": ["polygon", "clear"], "title": LASSO}},
}
BRUSH = {
    "xAxisIndex": "all",
    "yAxisIndex": "all",
    "throttleType": "debounce",
    "throttleDelay": 250,
    "outOfBrush": {"colorAlpha": 1},
    "brushStyle": {"borderWidth": 1.5, "color": "rgba(15,118,110,0.10)", "borderColor": colours.EDITED},
}
LEGEND = {
    "type": "scroll",
    "selectedMode": False,
    "bottom": 0,
    "left": 0,
    "itemWidth": 10,
    "itemHeight": 10,
    "icon": "circle",
}


def map_spec(
    coordinates: np.ndarray,
    groups: Sequence[Group],
    selected: np.ndarray | None = None,
    dark: bool = False,
    axes: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """The ECharts option of the map: one large series per group, a lasso in the toolbox. ``axes`` names both axes and
    shows their ticks.

    ``coordinates`` (n, 2); ``selected`` (n,) bool or None. With a selection, points outside it stay visible in grey
    beneath. Points travel as one Arrow frame per series, so 100,000 of them cost about 1.6 MB.
    """
    (x_low, x_high), (y_low, y_high) = bounds(coordinates)
    across: dict[str, Any] = {"min": x_low, "max": x_high}
    upwards: dict[str, Any] = {"min": y_low, "max": y_high}
    grid = {"left": 4, "right": 4, "top": 40, "bottom": 34}
    if axes:
        across |= {**TICKS, "name": axes[0], "nameGap": 24}
        upwards |= {**TICKS, "name": axes[1], "nameGap": 36}
        grid = {"left": 24, "right": 12, "top": 40, "bottom": 56}
    else:
        across |= BARE
        upwards |= BARE
    return _option(coordinates, _drawn(groups, selected, dark), across, upwards, grid)


def angles_spec(
    positions: np.ndarray, groups: Sequence[Group], selected: np.ndarray | None = None, dark: bool = False
) -> dict[str, Any]:
    """The same lasso and groups over a cosine axis from -1 to 1 and a length axis in powers of ten."""
    low, high = np.nanmin(positions[:, 1]), np.nanmax(positions[:, 1])
    line = {"splitLine": {"show": True, "lineStyle": {"opacity": 0.25}}, "nameLocation": "middle"}
    across = {**line, "min": -1, "max": 1, "interval": 0.5, "nameGap": 28, "name": "cosine with the query's gradient"}
    upwards = {
        **line,
        "min": float(np.floor(low - 0.02)),
        "max": float(np.ceil(high + 0.02)),
        "interval": 1,
        "nameGap": 44,
        "name": "length of the gradient",
        "axisLabel": {"formatter": "10^{value}"},
    }
    grid = {"left": 62, "right": 18, "top": 44, "bottom": 74, "outerBoundsMode": "none"}
    return _option(positions, _drawn(groups, selected, dark), across, upwards, grid)


def _drawn(groups: Sequence[Group], selected: np.ndarray | None, dark: bool) -> list[Group]:
    """The groups as drawn: with a selection, what is outside it first, in grey."""
    if selected is None:
        return list(groups)
    outside = [group.rows[~selected[group.rows]] for group in groups]
    parts = [Group("not selected", colours.quiet(dark), np.concatenate([np.empty(0, np.int64), *outside]))]
    parts += [Group(group.name, group.colour, group.rows[selected[group.rows]]) for group in groups]
    return [part for part in parts if len(part.rows)]


def _option(
    coordinates: np.ndarray,
    groups: Sequence[Group],
    across: dict[str, Any],
    upwards: dict[str, Any],
    grid: dict[str, Any],
) -> dict[str, Any]:
    n = sum(len(group.rows) for group in groups)
    size = 7 if n <= 2_000 else 5 if n <= 20_000 else 3
    series = [
        {
            "type": "scatter",
            "name": group.name,
            "datasetIndex": index,
            "encode": {"x": "x", "y": "y", "tooltip": ["row"]},
            "symbolSize": size,
            "itemStyle": {"color": group.colour, "opacity": 0.8},
            "large": True,
            "largeThreshold": 1,
            "animation": False,
        }
        for index, group in enumerate(groups)
    ]
    return {
        "animation": False,
        "dataset": [{"source": points_frame(coordinates, group.rows)} for group in groups],
        "grid": grid,
        "xAxis": {"type": "value", **across},
        "yAxis": {"type": "value", **upwards},
        "legend": LEGEND,
        "tooltip": {"trigger": "item", "formatter": "{a} · row {@row}"},
        "toolbox": TOOLBOX,
        "brush": BRUSH,
        "dataZoom": [{"type": "inside", axis: 0, "filterMode": "none"} for axis in ("xAxisIndex", "yAxisIndex")],
        "series": series,
    }
