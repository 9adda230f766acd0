"""The figure of one answer: the influence of the whole training set, and where the samples shown stand in it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.figures import marks, style
from attribution.project.lookup import InfluenceView
from attribution.views.colours import HARMFUL, HELPFUL
from attribution.views.numbers import plural, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def figures_of(view: "InfluenceView") -> "dict[str, Callable[..., Figure]]":
    """The figures of an answer, by name."""
    return {"distribution": distribution}


def distribution(view: "InfluenceView", *, shown: Sequence[float] | None = None, dark: bool = False) -> "Figure":
    """A histogram of all influences (counts on a logarithmic scale), orange where they pull away
    from what was given and blue where they pull towards it.

    Triangles mark the influences ``shown``; without it those of the samples that the answer lists.
    """
    moments = view.moments
    if shown is None:
        shown = [*view.helpful["influence"].tolist(), *view.harmful["influence"].tolist()]
    unit = str(view.score.config.get("unit", ""))
    return histogram(np.asarray(moments["histogram"]), (moments["lo"], moments["hi"]), shown, unit=unit, dark=dark)


def histogram(
    counts: np.ndarray, ends: tuple[float, float], shown: Sequence[float], *, unit: str = "", dark: bool = False
) -> "Figure":
    """``counts`` (bins,) of equal width from one of the ``ends`` to the other."""
    figure = style.canvas(
        "Influence of the training samples",
        "Histogram of the influence of all training samples; the ones shown as cards lie at its two ends",
        x=f"influence, {unit}" if unit else "influence (positive: towards what was given)",
        y="training samples",
        dark=dark,
        height=280,
        legend=True,
    )
    edges = np.linspace(ends[0], ends[1], len(counts) + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    for name, colour, inside in (
        ("away from what was given", HARMFUL, centres < 0),
        ("towards it", HELPFUL, centres >= 0),
    ):
        places = np.flatnonzero(inside & (counts > 0))
        words = [
            f"influence {three_digits(edges[at], True)} to {three_digits(edges[at + 1], True)}: "
            f"{plural(int(counts[at]), 'training sample')}"
            for at in places
        ]
        marks.bars(figure, edges, counts, places, name, colour, words)
    words = [f"shown: influence {three_digits(value, True)}" for value in shown]
    look = (style.UNCLEAR, "solid", "triangle-up")
    marks.line(figure, list(shown), [0.62] * len(shown), "shown as cards", look, words, mode="markers")
    most = max(float(counts.max(initial=1)), 1.0)
    figure.update_yaxes(type="log", range=[np.log10(0.5), np.log10(most) + 0.1], dtick=1, exponentformat="none")
    return figure
