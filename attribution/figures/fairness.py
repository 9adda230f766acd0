"""Figures of fairness and robustness: the rate of the positive class by group, and what removing harmful samples
does."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.figures import marks, style
from attribution.figures.forest import forest
from attribution.studies.fairness.judged import GAPS, Judged
from attribution.views import fairness as views
from attribution.views.colours import EDITED, HARMFUL, HELPFUL
from attribution.views.numbers import MINUS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.fairness.result import FairnessResult


def figures_of(found: "FairnessResult") -> "dict[str, Callable[..., Figure]]":
    """One sweep for what should improve ("eop", "dp", "attacked") and one for "accuracy"."""
    return {figure: partial(sweep, figure=figure) for figure in (found.target, "accuracy")}


def rates(judged: "Judged", figure: str, positive: str, *, dark: bool = False) -> "Figure":
    """How often each group is given the class ``positive``, percent of those labelled so (eop) or of all (dp)."""
    frame = views.rates_frame(judged, figure)
    of = "those labelled so" if figure == "eop" else "all"
    axis = f"given {positive}, % of {of} (95 % interval)"
    alt = "Rate of the positive class by group with its interval"
    return forest(frame, "Rate of the positive class", axis, alt, dark=dark, span=(0, 100), unit="%")


def sweep(found: "FairnessResult", *, figure: str, dark: bool = False) -> "Figure":
    """A figure over the share of samples removed: test with intervals, validation dashed, the same number removed at
    random, and the suggested share."""
    test = views.sweep_frame(found, figure)
    val = views.sweep_frame(found, figure, "val")
    name = views.LABELS[figure]
    signed = figure in GAPS
    first, second = found.config["pair"].get(figure, ("", ""))
    between = f"{first} {MINUS} {second}, points" if signed else f"{name.lower()}, %"
    drawn = style.canvas(
        name,
        f"{name} over the share of the most harmful training samples removed, with intervals",
        x="most harmful training samples removed, %",
        y=between,
        dark=dark,
        height=340,
        legend=True,
    )
    ticks = [float(budget) for budget in test["budget"]]
    unit = "points" if signed else "%"
    _line(drawn, "test", test, ticks, (HELPFUL, "solid", "circle"), unit)
    _line(drawn, "validation", val, ticks, (HARMFUL, "dash", "diamond"), unit)
    _control(drawn, found, figure, ticks, unit)
    _marks(drawn, found, ticks, signed)
    drawn.update_xaxes(
        tickvals=list(range(len(ticks))), ticktext=[f"{tick:g}" for tick in ticks], range=[-0.4, len(ticks) - 0.6]
    )
    return drawn


def _line(figure: "Figure", name: str, frame: pd.DataFrame, ticks: list[float], look: marks.Look, unit: str) -> None:
    rows = list(frame.itertuples())
    words = [
        f"{name}, {row.budget:g} % removed: {style.with_interval(row.estimate, row.low, row.high, unit, signed=False)}"
        for row in rows
    ]
    x = [ticks.index(float(row.budget)) for row in rows]
    marks.line(figure, x, frame["estimate"], name, look, words, ends=(frame["low"], frame["high"]))


def _control(figure: "Figure", found: "FairnessResult", name: str, ticks: list[float], unit: str) -> None:
    """The dot for as many samples removed at random."""
    budget = float(found.config["control"])
    line = found.at(budget, name, removed="random")
    if line is None or budget not in ticks:
        return
    value = 100 * (line["signed"] if name in GAPS else line["estimate"])
    words = f"removed at random, {budget:g} %: {style.with_interval(value, np.nan, np.nan, unit, signed=False)}"
    look = (style.UNCLEAR, "solid", "diamond-wide")
    marks.line(figure, [ticks.index(budget)], [value], "removed at random", look, [words], mode="markers")


def _marks(figure: "Figure", found: "FairnessResult", ticks: list[float], signed: bool) -> None:
    """Lines at the suggested share and, for a gap with a sign, at zero."""
    if found.suggested and found.suggested in ticks:
        words = {"text": f"suggested: {found.suggested:g} %", "font": {"size": 11}, "yanchor": "bottom"}
        place = ticks.index(found.suggested)
        side = "top left" if place > (len(ticks) - 1) / 2 else "top right"  # inside a narrow figure, too
        figure.add_vline(place, line={"color": EDITED, "width": 2}, annotation=words, annotation_position=side)
    if signed:
        figure.add_hline(y=0, line={"color": style.UNCLEAR, "dash": "dash", "width": 1})
