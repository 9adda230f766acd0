"""Figures of predicted numbers: predicted against real, the spread of the errors, and the error by band of the
target."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.figures import marks, style
from attribution.figures.forest import forest
from attribution.figures.scatter import against
from attribution.statistics.intervals import paired_bootstrap
from attribution.tasks.targets import Numbers
from attribution.views.numbers import count, plural, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BINS = 40


def known(table: pd.DataFrame) -> pd.DataFrame:
    """The samples that have a value and a prediction."""
    return table[np.isfinite(table["label"]) & np.isfinite(table["prediction"])]


def _in(unit: str) -> str:
    return f", {unit}" if unit else ", in the target's unit"


def predicted(table: pd.DataFrame, unit: str = "", *, dark: bool = False) -> "Figure":
    """``table`` (``Project.predictions``): prediction against value, one dot per sample, and the line where they are
    equal. ``unit`` is the target's."""
    part = known(table)
    names = "row " + part.index.astype(str)
    dots = pd.DataFrame({"x": part["label"].to_numpy(), "y": part["prediction"].to_numpy(), "name": names})
    return against(
        dots,
        "Predicted against real",
        (f"real value{_in(unit)}", f"predicted value{_in(unit)}"),
        "Predicted against real value, one dot per sample; on the dashed line both are equal",
        words=("real", "predicted"),
        dark=dark,
    )


def residuals(table: pd.DataFrame, unit: str = "", *, dark: bool = False) -> "Figure":
    """How the errors (prediction minus value) spread: too low left of zero, too high right of it."""
    part = known(table)
    errors = (part["prediction"] - part["label"]).to_numpy(np.float64)
    figure = style.canvas(
        "How the errors spread",
        f"Histogram of prediction minus value of {count(len(errors))} samples",
        x=f"prediction minus value{_in(unit)}",
        y="samples",
        dark=dark,
        height=290,
    )
    reach = float(np.abs(errors).max(initial=0.0)) or 1.0
    counts, edges = np.histogram(errors, bins=BINS, range=(-reach, reach))  # zero is an edge: no bin holds both signs
    halves = np.split(np.arange(BINS), 2)
    for places, side, colour in zip(halves, ("too low", "too high"), (style.SECOND, style.ACCENT), strict=True):
        words = [
            f"{side}, {three_digits(edges[at], True)} to {three_digits(edges[at + 1], True)}: "
            f"{plural(int(counts[at]), 'sample')}"
            for at in places
        ]
        marks.bars(figure, edges, counts, places, side, colour, words)
    figure.add_vline(x=0, line={"color": style.UNCLEAR, "dash": "dash", "width": 1})
    return figure


def by_band(table: pd.DataFrame, unit: str = "", *, dark: bool = False) -> "Figure":
    """The mean absolute error in each fifth of the target, with its interval over samples; in brackets how many."""
    frame = band_frame(table)
    most = float(frame[["estimate", "high"]].max().max()) if len(frame) else 1.0
    return forest(
        frame,
        "Error by band of the target",
        f"mean absolute error{_in(unit)} (95 % interval)",
        "Mean absolute error in each fifth of the target with its interval; in brackets the number of samples",
        dark=dark,
        span=(0, 1.05 * most or 1.0),
        unit=unit,
    )


def band_frame(table: pd.DataFrame) -> pd.DataFrame:
    """``name``, ``estimate``, ``low``, ``high`` per band, low values first."""
    part = known(table)
    errors = (part["prediction"] - part["label"]).abs().to_numpy(np.float64)
    lines = []
    for name, inside in Numbers().groups(part["label"].to_numpy(np.float64)).items():
        found = paired_bootstrap(errors[inside])
        told = {"estimate": found.estimate, "low": found.low, "high": found.high}
        lines.append({"name": f"{name} ({count(int(inside.sum()))})", **told})
    return pd.DataFrame(lines, columns=["name", "estimate", "low", "high"])
