"""Dots of one number against another, with the line on which both are equal."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.figures import style
from attribution.views.numbers import count, three_digits

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure


ON_DARK = "#5CCFC2"  # dots that a dark ground does not swallow
FEW = 500  # dots that hardly lie upon one another


def against(
    frame: "pd.DataFrame",
    title: str,
    axes: tuple[str, str],
    alt: str,
    *,
    words: tuple[str, str] = ("predicted", "real"),
    diagonal: bool = True,
    dark: bool = False,
) -> "Figure":
    """One dot per line of ``frame`` (``x``, ``y``, ``name`` for the hover); ``diagonal`` draws the line y = x.

    At most ``style.MOST_POINTS`` are drawn, evenly chosen; the title then says so.
    """
    shown = frame.iloc[style.some_of(len(frame))]
    if len(shown) < len(frame):
        title = f"{title} ({count(len(shown))} of {count(len(frame))})"
    figure = style.canvas(title, alt, x=axes[0], y=axes[1], dark=dark, height=320)
    x = shown["x"].to_numpy(np.float32)
    y = shown["y"].to_numpy(np.float32)
    if diagonal and len(x):
        ends = [float(np.nanmin([x, y])), float(np.nanmax([x, y]))]
        line = {"color": style.UNCLEAR, "dash": "dash", "width": 1}
        figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", name="equal")
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name="samples",
        marker={"color": ON_DARK if dark else style.ACCENT, "size": 6, "opacity": 0.9 if len(x) <= FEW else 0.55},
        hovertext=[
            f"{style.plain(name)}: {words[0]} {three_digits(a)}, {words[1]} {three_digits(b)}"
            for name, a, b in zip(shown["name"], x.tolist(), y.tolist(), strict=True)
        ],
        hoverinfo="text",
    )
    return figure
