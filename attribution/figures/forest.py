"""Forest plots: one line per name, a dot with its interval, and zero (or chance) marked."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.figures import style
from attribution.views.colours import HARMFUL, HELPFUL

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

LINE_PX = 34
# What an interval says of zero: colour and shape of its dot.
LOOKS = {"above": (HELPFUL, "circle"), "below": (HARMFUL, "diamond"), "open": (style.UNCLEAR, "circle-open")}


def side(low: float, high: float) -> str:
    """Whether an interval lies "above" zero, "below" it, or leaves it "open"; an unknown one is open."""
    return "above" if low > 0 else "below" if high < 0 else "open"


def forest(
    frame: "pd.DataFrame",
    title: str,
    axis: str,
    alt: str,
    *,
    dark: bool = False,
    span: tuple[float, float] | None = None,
    unit: str = "",
    better: int = 1,
) -> "Figure":
    """``frame`` has ``name``, ``estimate``, ``low``, ``high``, the first line on top; ``axis`` says the unit.

    Blue: the whole interval is above zero (below, where ``better`` is -1 because less is better); orange: the other
    side; grey: it holds zero. ``span`` fixes the axis (and draws no
    zero, which then means nothing).
    """
    n = len(frame)
    figure = style.canvas(
        title, alt, x=axis, dark=dark, height=max(150, LINE_PX * n + style.TITLE_PX + style.AXIS_PX + 16)
    )
    sides = np.array(
        [
            side(*sorted((better * low, better * high))) if span is None else "open"
            for low, high in zip(frame["low"], frame["high"], strict=True)
        ]
    )
    for name, (colour, symbol) in LOOKS.items():
        places = np.flatnonzero(sides == name)
        if len(places):
            _dots(figure, frame.iloc[places], places, (HELPFUL, "circle") if span else (colour, symbol), unit, not span)
    figure.update_yaxes(
        tickvals=list(range(n)),
        ticktext=[style.tick(name) for name in frame["name"]],
        range=[n - 0.4, -0.6],
        showgrid=False,
        ticklabelstandoff=6,
    )
    if span is None:
        figure.add_vline(x=0, line={"color": style.UNCLEAR, "dash": "dash", "width": 1})
    else:
        figure.update_xaxes(range=list(span))
    return figure


def _dots(
    figure: "Figure", part: "pd.DataFrame", places: np.ndarray, marker: tuple[str, str], unit: str, signed: bool
) -> None:
    colour, symbol = marker
    columns = (part["name"], part["estimate"], part["low"], part["high"])
    figure.add_scatter(
        x=part["estimate"].to_numpy(np.float64),
        y=places,
        mode="markers",
        marker={"color": colour, "size": 10, "symbol": symbol, "line": {"width": 2, "color": colour}},
        error_x=style.errors(part["estimate"], part["low"], part["high"], colour),
        hovertext=[
            f"{style.plain(name)}: {style.with_interval(estimate, low, high, unit, signed)}"
            for name, estimate, low, high in zip(*columns, strict=True)
        ],
        hoverinfo="text",
    )
