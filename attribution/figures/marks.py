"""What figures are drawn with: lines with their intervals, bands, the bars of a histogram, tables of heat."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.figures import style

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Look = tuple[str, str, str]  # colour, line ("solid", "dash", "dot"), marker: told apart without colours, too
Numbers = Sequence[float] | np.ndarray


def line(
    figure: "Figure",
    x: Numbers,
    y: Numbers,
    name: str,
    look: Look,
    words: Sequence[str],
    *,
    ends: tuple[Any, Any] | None = None,
    mode: str = "lines+markers",
) -> None:
    """A line with its markers; ``words`` stand at each point when it is hovered; ``ends`` are the intervals' lows and
    highs."""
    colour, dash, symbol = look
    bars = {"error_y": style.errors(y, *ends, style.faint(colour, 0.55))} if ends else {}
    figure.add_scatter(
        x=np.asarray(x),
        y=np.asarray(y, dtype=np.float64),
        mode=mode,
        name=name,
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": symbol, "size": 8},
        hovertext=list(words),
        hoverinfo="text",
        **bars,
    )


def band(figure: "Figure", x: Numbers, low: Numbers, high: Numbers, colour: str, name: str = "") -> None:
    """The area between two lines; without a name it does not stand in the legend."""
    edge = {"x": np.asarray(x), "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(y=np.asarray(low, dtype=np.float64), showlegend=False, **edge)
    figure.add_scatter(
        y=np.asarray(high, dtype=np.float64),
        name=name,
        showlegend=bool(name),
        fill="tonexty",
        fillcolor=style.faint(colour),
        **edge,
    )


def bars(
    figure: "Figure",
    edges: np.ndarray,
    counts: np.ndarray,
    places: np.ndarray,
    name: str,
    colour: str,
    words: list[str],
) -> None:
    """Some ``places`` of a histogram of ``counts`` (bins,) between ``edges`` (bins + 1,); ``words`` belong to them."""
    figure.add_bar(
        x=((edges[:-1] + edges[1:]) / 2)[places],
        y=counts[places],
        width=edges[1] - edges[0],
        name=name,
        marker={"color": style.faint(colour, 0.85), "line": {"width": 0}},
        hovertext=words,
        hoverinfo="text",
    )
    figure.update_layout(barmode="overlay", bargap=0)


def heat(
    figure: "Figure",
    values: np.ndarray,
    text: list[list[str]],
    words: list[list[str]],
    names: Sequence[str],
    scale: tuple[Sequence[str], float, float],
    ink: str,
) -> None:
    """A square table: colours from the lowest to the highest of ``scale``, ``text`` in the cells, ``words`` on hover.

    Rows carry their ``names`` and a number, columns the number alone, which has room on a phone.
    """
    colours, low, high = scale
    figure.add_heatmap(
        z=values,
        zmin=low,
        zmax=high,
        colorscale=[[k / (len(colours) - 1), colour] for k, colour in enumerate(colours)],
        showscale=False,
        text=text,
        texttemplate="%{text}",
        textfont={"color": ink, "size": 11 if len(names) <= 8 else 9},
        hovertext=words,
        hoverinfo="text",
        xgap=1,
        ygap=1,
    )
    ticks = {"tickvals": list(range(len(names))), "showgrid": False}
    numbers = [f"<b>{at}</b>" for at in range(1, len(names) + 1)]
    rows = [f"{style.tick(name, 18)}  {number}" for name, number in zip(names, numbers, strict=True)]
    figure.update_xaxes(**ticks, ticktext=numbers, tickangle=0)
    figure.update_yaxes(**ticks, ticktext=rows, autorange="reversed")
