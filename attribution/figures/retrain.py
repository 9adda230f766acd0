"""Figures of a before/after proof: how sure the change is, seed by seed, class by class, and predicted against real."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from attribution.figures import style
from attribution.figures.forest import forest
from attribution.figures.scatter import against
from attribution.views import comparison
from attribution.views.colours import HARMFUL, HELPFUL
from attribution.views.numbers import three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult


def figures_of(found: "RetrainResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of a proof, by name."""
    return {"intervals": intervals, "seeds": seeds, "classes": classes, "predicted": predicted}


def intervals(found: "RetrainResult", *, dark: bool = False) -> "Figure":
    """The change of accuracy with each kind of interval, the deciding one first."""
    alt = f"Change of accuracy with intervals over seeds and test samples: {found.verdict}"
    frame = comparison.interval_frame(found)
    return forest(frame, "Change of test accuracy", "change, points of accuracy", alt, dark=dark, unit="points")


def classes(found: "RetrainResult | PreviewResult", *, dark: bool = False) -> "Figure":
    """The change of accuracy per class; in brackets the number of test samples."""
    alt = "Change of accuracy per class with its interval; the number of test samples in brackets"
    axis = "change, points of accuracy (95 % interval)"
    return forest(comparison.class_frame(found), "Change per class", axis, alt, dark=dark, unit="points")


def seeds(found: "RetrainResult", *, dark: bool = False) -> "Figure":
    """Test accuracy before and after, one line per seed: blue and solid where it rose, orange and dotted where not."""
    figure = style.canvas(
        "Before and after, per seed",
        "Test accuracy before and after, one line per seed",
        x="labels trained on",
        y="test accuracy, %",
        dark=dark,
        height=260,
    )
    for seed, before, after in zip(found.seeds, found.accuracy.before, found.accuracy.after, strict=True):
        values = [100 * before, 100 * after]
        rose = after > before
        look = {"color": HELPFUL if rose else HARMFUL, "width": 2, "dash": "solid" if rose else "dot"}
        words = [
            f"seed {seed}, {when}: {three_digits(value)} %"
            for when, value in zip(("before", "after"), values, strict=True)
        ]
        figure.add_scatter(
            x=[0, 1], y=values, mode="lines+markers", name=f"seed {seed}", line=look, marker={"size": 9},
            hovertext=words, hoverinfo="text",
        )  # fmt: skip
    figure.update_xaxes(tickvals=[0, 1], ticktext=["before", "after"], range=[-0.3, 1.3], showgrid=False)
    return figure


def predicted(found: "RetrainResult", *, dark: bool = False) -> "Figure":
    """What influence foresaw for each test sample's loss against what happened; by rank where sizes cannot be read."""
    return paired(found.predicted(), "predicted by influence", sizes=found.record.sizes, dark=dark)


def paired(table: pd.DataFrame, axis: str, *, sizes: bool = True, dark: bool = False) -> "Figure":
    """``table`` has ``row``, ``predicted`` (``axis`` says by what) and ``actual``, changes of a test sample's loss."""
    foreseen = table["predicted"] if sizes else table["predicted"].rank()
    dots = pd.DataFrame({"x": foreseen, "y": table["actual"], "name": "row " + table["row"].astype(str)})
    return against(
        dots,
        "Predicted against real change",
        (f"{axis}, nats" if sizes else f"{axis}, rank (1 gains most)", "real change of loss, nats"),
        "Predicted against real change of loss, one dot per test sample",
        words=("predicted" if sizes else "rank", "real"),
        diagonal=sizes,
        dark=dark,
    )
