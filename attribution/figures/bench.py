"""Figures of a comparison of estimators: who follows retraining, who finds what is wrong, who agrees with whom, and how
fast a prediction breaks."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.figures import marks, style
from attribution.figures.forest import forest
from attribution.views import bench as views
from attribution.views.colours import HARMFUL, HELPFUL
from attribution.views.numbers import MINUS, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.bench.result import BenchResult

MIDDLE = "#F3EFE6"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
AGREEMENT = {"spearman": "rank correlation, −1 to 1", "overlap": "share in common, 0 to 1"}


def figures_of(bench: "BenchResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of what was measured so far, by name."""
    parts = {
        "fidelity": (bench.fidelity, fidelity),
        "usefulness": (bench.usefulness, usefulness),
        "agreement": (bench.agreement, agreement),
        "removal": (bench.removal, removal),
    }
    return {name: draw for name, (table, draw) in parts.items() if len(table)}


def fidelity(bench: "BenchResult", *, dark: bool = False) -> "Figure":
    """Linear datamodeling score (LDS) of every estimator with its interval, the best first; zero is chance."""
    alt = "Linear datamodeling score of every estimator with its interval; zero is chance"
    frame = views.fidelity_frame(bench, views.titles())
    return forest(frame, "Following retraining", "LDS, −1 to 1 (95 % interval)", alt, dark=dark)


def usefulness(bench: "BenchResult", *, label: int = -1, dark: bool = False) -> "Figure":
    """Average precision on planted errors, of one given class or all (-1), the best first."""
    alt = "Average precision of every detector and estimator on planted errors, with intervals"
    frame = views.usefulness_frame(bench, views.titles(), label)
    return forest(frame, "Finding what is wrong", "average precision, 0 to 1 (95 % interval)", alt, dark=dark)


def agreement(bench: "BenchResult", *, by: str = "spearman", query_row: int = -1, dark: bool = False) -> "Figure":
    """How far every two estimators agree, by "spearman" or "overlap": for one query, or the mean over all (-1)."""
    return matrix(views.matrix(bench, by, query_row), views.titles(), by, dark=dark)


def matrix(square: pd.DataFrame, words: Mapping[str, str], by: str, *, dark: bool = False) -> "Figure":
    """A square table as a map of heat: blue agree, orange contradict, and the number in each cell."""
    names = [words.get(str(name), str(name)) for name in square.index]
    figure = style.canvas(
        f"Agreement: {AGREEMENT[by]}",
        "How far every two estimators agree: 1 the same, 0 unrelated, below 0 opposite",
        x="estimator, by number",
        y="estimator",
        dark=dark,
        height=100 + 38 * len(names),
    )
    values = square.to_numpy(np.float64)
    cells = [[_short(value) for value in row] for row in values]
    hover = [
        [f"{style.plain(a)} and {style.plain(b)}: {cells[y][x]}" for x, b in enumerate(names)]
        for y, a in enumerate(names)
    ]
    scale = ((HARMFUL, MIDDLE, HELPFUL), -1.0, 1.0) if by == "spearman" else ((MIDDLE, HELPFUL), 0.0, 1.0)
    marks.heat(figure, values, cells, hover, names, scale, "#1F1B16")
    return figure


def _short(value: float) -> str:
    """Two places without the zero in front, so that a cell holds it on a phone: ".70", "−.03", "1"."""
    if not np.isfinite(value):
        return ""
    return f"{value:.2f}".replace("0.", ".").replace("1.00", "1").replace("-", MINUS)


def removal(bench: "BenchResult", *, dark: bool = False) -> "Figure":
    """The rise of a prediction's loss against how many of its most helpful samples were left out; higher is better."""
    return curves(bench.removal, views.titles(), dark=dark)


def curves(table: pd.DataFrame, words: Mapping[str, str], *, dark: bool = False) -> "Figure":
    """Lines of ``change`` (nats, with ``low`` and ``high``) over ``k``, one per estimator; random removal is dashed."""
    figure = style.canvas(
        "Leaving out the most helpful samples",
        "Rise of a prediction's loss when its most helpful training samples are left out and the model is retrained, "
        "by estimator",
        x="most helpful samples left out",
        y="rise of the loss, nats",
        dark=dark,
        height=270 + 20 * table["estimator"].nunique(),
        legend=True,
    )
    for place, (name, part) in enumerate(table.sort_values("k").groupby("estimator", sort=False)):
        title = style.plain(words.get(str(name), str(name)))
        colour = style.UNCLEAR if name == "random" else style.LINES[place % len(style.LINES)]
        look = (colour, "dash" if name == "random" else "solid", SYMBOLS[place % len(SYMBOLS)])
        said = [
            f"{title}, {plural(int(one.k), 'sample')} left out: "
            f"{style.with_interval(one.change, one.low, one.high, 'nats')}"
            for one in part.itertuples()
        ]
        marks.line(figure, part["k"], part["change"], title, look, said, ends=(part["low"], part["high"]))
    return figure
