"""The figure of a damping sweep: agreement with the usual ratio, and the LDS where it was measured, over the ratios."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from attribution.figures import marks, style
from attribution.views.colours import HARMFUL, HELPFUL
from attribution.views.numbers import three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.damping.result import DampingResult

# columns of value, low and high; its name; colour, line and marker
CURVES = (
    (["agreement", "low", "high"], "agreement with the usual ratio", (HELPFUL, "solid", "circle")),
    (["lds", "lds_low", "lds_high"], "linear datamodeling score", (HARMFUL, "dash", "diamond")),
)


def figures_of(found: "DampingResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of a sweep, by name."""
    return {"sweep": sweep}


def sweep(found: "DampingResult", *, dark: bool = False) -> "Figure":
    """Both curves with their 95 % bands, and a line at the usual ratio."""
    table = found.sweep
    figure = style.canvas(
        "Agreement over the damping",
        "Agreement with the usual damping and with retraining, one point per damping tried",
        x="damping ratio (mean eigenvalues of the curvature)",
        y="rank correlation, −1 to 1",
        dark=dark,
        legend=True,
    )
    for columns, name, look in CURVES:
        part = table.dropna(subset=[columns[0]])
        if len(part):
            _curve(figure, part, columns, name, look)
    usual = float(table.loc[table["usual"], "ratio"].iloc[0])
    figure.add_vline(x=usual, line={"color": style.UNCLEAR, "dash": "dot", "width": 1})
    words = {"text": "usual", "showarrow": False, "font": {"size": 11}}  # annotations stand at the logarithm
    figure.add_annotation(x=math.log10(usual), y=0, yref="paper", xanchor="left", yanchor="bottom", **words)
    ratios = sorted(float(ratio) for ratio in table["ratio"])
    figure.update_xaxes(type="log", tickvals=ratios, ticktext=[three_digits(ratio) for ratio in ratios])
    return figure


def _curve(figure: "Figure", part: pd.DataFrame, columns: list[str], name: str, look: marks.Look) -> None:
    words = [
        f"ratio {three_digits(ratio)}, {name}: {style.with_interval(middle, low, high, signed=False)}"
        for ratio, middle, low, high in part[["ratio", *columns]].itertuples(index=False)
    ]
    value, low, high = columns
    marks.band(figure, part["ratio"], part[low], part[high], look[0])
    marks.line(figure, part["ratio"], part[value], name, look, words)
