"""Figures of a before/after proof: how sure the change is, seed by seed, class by class, and predicted against real."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from attribution.figures import marks, style
from attribution.figures.forest import forest
from attribution.figures.scatter import against
from attribution.views import comparison
from attribution.views.colours import HARMFUL, HELPFUL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult
    from attribution.tasks.figure import Reading


def figures_of(found: "RetrainResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of a proof, by name."""
    told = {"predicted": predicted} if found.prediction else {}
    return {"intervals": intervals, "seeds": seeds, "by_target": by_target, **told}


def intervals(found: "RetrainResult", *, dark: bool = False) -> "Figure":
    """The change of the deciding figure with each kind of interval, the one that decides first."""
    reading = found.main.reading
    alt = f"Change of {reading.title} with intervals over seeds and test samples: {found.verdict}"
    frame = comparison.interval_frame(found)
    return _forest(reading, frame, f"Change of test {reading.title}", _axis(reading), alt, dark)


def by_target(found: "RetrainResult | PreviewResult", *, dark: bool = False) -> "Figure":
    """The change of the deciding figure per class or band of the target; in brackets the number of test samples."""
    reading = found.main.reading
    alt = f"Change of {reading.title} by target with its interval; the number of test samples in brackets"
    axis = f"{_axis(reading)} (95 % interval)"
    return _forest(reading, comparison.target_frame(found), f"Change of {reading.title} by target", axis, alt, dark)


def _axis(reading: "Reading") -> str:
    return f"change, {comparison.unit_of_axis(reading)}"


def _forest(reading: "Reading", frame: pd.DataFrame, title: str, axis: str, alt: str, dark: bool) -> "Figure":
    unit = reading.unit_of_change
    return forest(frame, title, axis, alt, dark=dark, unit=unit, better=reading.sign)


def seeds(found: "RetrainResult", *, dark: bool = False) -> "Figure":
    """The deciding figure before and after, one line per seed: blue and solid where it got better, else orange and
    dotted."""
    change = found.main
    reading = change.reading
    figure = style.canvas(
        "Before and after, per seed",
        f"Test {reading.title} before and after, one line per seed",
        x="trained on the data",
        y=f"test {reading.title}" + (f", {reading.unit}" if reading.unit else ""),
        dark=dark,
        height=260,
    )
    for seed, before, after in zip(found.seeds, change.before, change.after, strict=True):
        values = [reading.factor * before, reading.factor * after]
        better = (after - before) * reading.sign > 0
        look = (HELPFUL, "solid", "circle") if better else (HARMFUL, "dot", "diamond")
        words = [
            f"seed {seed}, {when}: {style.plain(comparison.value_words(reading, value / reading.factor))}"
            for when, value in zip(("before", "after"), values, strict=True)
        ]
        marks.line(figure, [0, 1], values, f"seed {seed}", look, words)
    figure.update_xaxes(tickvals=[0, 1], ticktext=["before", "after"], range=[-0.3, 1.3], showgrid=False)
    return figure


def predicted(found: "RetrainResult", *, dark: bool = False) -> "Figure":
    """What influence foresaw for each test sample's loss against what happened; by rank where sizes cannot be read."""
    return paired(
        found.predicted(), "predicted by influence", sizes=found.record.sizes, unit=found.loss.reading.unit, dark=dark
    )


def paired(table: pd.DataFrame, axis: str, *, sizes: bool = True, unit: str = "nats", dark: bool = False) -> "Figure":
    """``table`` has ``row``, ``predicted`` (``axis`` says by what) and ``actual``, changes of a test sample's loss."""
    foreseen = table["predicted"] if sizes else table["predicted"].rank()
    dots = pd.DataFrame({"x": foreseen, "y": table["actual"], "name": "row " + table["row"].astype(str)})
    return against(
        dots,
        "Predicted against real change",
        (f"{axis}, {unit}" if sizes else f"{axis}, rank (1 gains most)", f"real change of loss, {unit}"),
        "Predicted against real change of loss, one dot per test sample",
        words=("predicted" if sizes else "rank", "real"),
        diagonal=sizes,
        dark=dark,
    )
