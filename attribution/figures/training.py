"""The figure of a training: how its figure of merit moved, epoch by epoch, on each split."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.figures import style
from attribution.tasks.figure import ACCURACY, Reading, loss, mae, rmse
from attribution.views.numbers import three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.training.run import Run

# of each split: its name, colour, line and marker
SPLITS = {
    "train": ("train", style.UNCLEAR, "dot", "circle"),
    "val": ("validation", style.SECOND, "dash", "diamond"),
    "test": ("test", style.ACCENT, "solid", "square"),
}


def figures_of(run: "Run") -> "dict[str, Callable[..., Figure]]":
    """The figures of a training, by name; none for weights that were loaded."""
    metrics = run.metrics()
    names = [name for name in metrics if name not in ("epoch", "split", "n")] if len(metrics) else []
    return {name: partial(measured, name=name) for name in sorted(names, key=lambda name: name == "loss")}


def measured(run: "Run", *, name: str, dark: bool = False) -> "Figure":
    """A figure of the task per epoch on each split, in its unit."""
    task = run.config.get("task") or {}
    unit = str(task.get("unit", ""))
    known = {each.name: each for each in (ACCURACY, rmse(unit), mae(unit), loss("" if task else "nats"))}
    reading = known.get(name, Reading(name, name.replace("_", " "), "", "lower"))
    axis = reading.title + (f", {reading.unit}" if reading.unit else "")
    return curve(run.metrics(), name, axis, factor=reading.factor, dark=dark)


def curve(metrics: pd.DataFrame, column: str, axis: str, *, factor: float = 1, dark: bool = False) -> "Figure":
    """Lines of ``column`` times ``factor`` over ``epoch``, one per ``split``; ``axis`` says the unit."""
    figure = style.canvas(
        "How training went",
        f"{axis} per epoch on each split",
        x="epoch",
        y=axis,
        dark=dark,
        height=290,
        legend=True,
    )
    for split, (name, colour, dash, symbol) in SPLITS.items():
        part = metrics[(metrics["split"] == split) & metrics[column].notna()].sort_values("epoch")
        if len(part):
            values = factor * part[column].to_numpy(np.float64)
            figure.add_scatter(
                x=part["epoch"].to_numpy(np.int64),
                y=values,
                mode="lines" if len(part) > 12 else "lines+markers",
                name=name,
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 7},
                hovertext=[
                    f"epoch {epoch}, {name}: {three_digits(value)}"
                    for epoch, value in zip(part["epoch"], values, strict=True)
                ],
                hoverinfo="text",
            )
    return figure
