"""The figure of a training: how its figure of merit moved, epoch by epoch, on each split."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.figures import marks, style
from attribution.tasks import USUAL, tasks
from attribution.views.numbers import three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.tasks.figure import Reading
    from attribution.training.run import Run

# of each split: its name, colour, line and marker
SPLITS = {
    "train": ("train", style.UNCLEAR, "dot", "circle"),
    "val": ("validation", style.SECOND, "dash", "diamond"),
    "test": ("test", style.ACCENT, "solid", "square"),
}


def figures_of(run: "Run") -> "dict[str, Callable[..., Figure]]":
    """The task's figures that were measured each epoch, by name, the foremost first; none where nothing was trained."""
    metrics = run.metrics()
    if metrics.empty:
        return {}
    readings = tasks.get(run.task.get("name", USUAL)).of(run.config.get("classes", ()), run.task).figures
    return {reading.name: partial(measured, reading=reading) for reading in readings if reading.name in metrics}


def measured(run: "Run", *, reading: "Reading", dark: bool = False) -> "Figure":
    """One of the task's figures per epoch on each split, in its unit."""
    axis = f"{reading.title}, {reading.unit}".rstrip(", ")
    return curve(run.metrics(), reading.name, axis, factor=reading.factor, dark=dark)


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
    for split, (name, *look) in SPLITS.items():
        part = metrics[(metrics["split"] == split) & metrics[column].notna()].sort_values("epoch")
        if len(part):
            values = factor * part[column].to_numpy(np.float64)
            told = zip(part["epoch"], values, strict=True)
            words = [f"epoch {epoch}, {name}: {three_digits(value)}" for epoch, value in told]
            mode = "lines" if len(part) > 12 else "lines+markers"
            marks.line(figure, part["epoch"], values, name, (look[0], look[1], look[2]), words, mode=mode)
    return figure
