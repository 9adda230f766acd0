"""Figures of the review: wrong labels found and expected along the queue."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.figures import style
from attribution.views.budget import in_words
from attribution.views.numbers import count, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.mislabels.budget import Budget


def budget(found: "Budget", upto: int, *, dark: bool = False) -> "Figure":
    """Wrong labels found so far, and expected with its band if the review goes on, over the first ``upto`` positions
    of the queue."""
    curve = found.curve[found.curve["position"] <= upto]
    now = int((curve["reviewed"] >= curve["position"]).sum()) - 1  # the last position before which all is reviewed
    done = curve.iloc[: now + 1]
    coming = curve.iloc[max(now, 0) :]
    figure = style.canvas(
        "Wrong labels along the queue",
        f"Wrong labels over the first {count(upto)} reviews: {count(found.wrong)} found, "
        f"{in_words(found.left)} expected in the whole rest",
        x="reviews, in queue order",
        y="wrong labels",
        dark=dark,
        height=320,
        legend=True,
    )
    x = coming["position"].to_numpy(np.int64)
    edge = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(y=coming["low"].to_numpy(np.float64), showlegend=False, **edge)
    figure.add_scatter(
        y=coming["high"].to_numpy(np.float64),
        name=f"{100 * found.level:.0f} % interval",
        fill="tonexty",
        fillcolor=style.faint(style.ACCENT, 0.2),
        **edge,
    )
    for name, part, dash in (("expected", coming, "dash"), ("found", done, "solid")):
        figure.add_scatter(
            x=part["position"].to_numpy(np.int64),
            y=part[name].to_numpy(np.float64),
            mode="lines",
            name=name,
            line={"color": style.ACCENT, "dash": dash, "width": 3 if name == "found" else 2},
            hovertext=[
                f"after {count(at)} reviews: {name} {three_digits(value)}"
                for at, value in zip(part["position"], part[name], strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_yaxes(rangemode="tozero")
    return figure
