"""Figures of what a model says of the samples: by the kind of target, classes or numbers."""

from typing import TYPE_CHECKING

from attribution.figures import classes, regression

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

    from attribution.tasks.base import Task


def answers(task: "Task", table: "pd.DataFrame", *, dark: bool = False) -> "dict[str, Figure]":
    """By name, from some lines of ``Project.predictions``: of classes ``recognised`` and ``confusion``, of sets of
    labels ``recognised``, of numbers ``predicted``, ``residuals`` and ``by_band``; none of texts and of nothing."""
    if table.empty or task.kind == "text":
        return {}
    if task.kind == "number":
        draw = (regression.predicted, regression.residuals, regression.by_band)
        return {one.__name__: one(table, task.target_unit, dark=dark) for one in draw}
    found = {"recognised": classes.recognised(table, task.targets, dark=dark)}
    if task.kind == "class":
        found["confusion"] = classes.confusion(table, task.classes, dark=dark)
    return found
