"""The figure of a calibration: how much of the queue must be reviewed to find the errors planted in a copy."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attribution.figures import marks, style
from attribution.views.numbers import plural, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.calibration.result import CalibrationResult

DASHES = ("solid", "dash", "dot", "dashdot")


def figures_of(found: "CalibrationResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of a calibration, by name."""
    return {"found": curve}


def curve(found: "CalibrationResult", *, dark: bool = False) -> "Figure":
    """Share of the planted errors found over the share of the queue reviewed, by kind of error; the dashed diagonal is
    a queue in random order."""
    figure = style.canvas(
        "Planted errors along the queue",
        f"Share of {plural(len(found.planted), 'planted error')} found over the share of the queue reviewed, by kind",
        x="reviewed, % of the queue",
        y="planted errors found, %",
        dark=dark,
        height=320,
        legend=True,
    )
    diagonal = (style.UNCLEAR, "dash", "circle")
    marks.line(figure, [0, 100], [0, 100], "in random order", diagonal, ["random order"] * 2, mode="lines")
    for place, (kind, part) in enumerate(found.planted.groupby("kind", sort=True)):
        reviewed = 100 * np.sort(part["position"].to_numpy(np.float64)) / found.n_train
        share = 100 * np.arange(1, len(part) + 1) / len(part)
        words = [
            f"{kind}: {three_digits(y)} % found in the first {three_digits(x)} % of the queue"
            for x, y in zip(reviewed, share, strict=True)
        ]
        look = (style.LINES[place % len(style.LINES)], DASHES[place % len(DASHES)], "circle")
        marks.line(figure, reviewed, share, str(kind), look, words, mode="lines")
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, 102])
    return figure
