"""The plane of two columns: samples where they stand, the model's decision behind them, and who taught it a
prediction."""

from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.names import UNLABELLED
from attribution.figures import style
from attribution.views import colours, ground, scatter
from attribution.views.numbers import three_digits

if TYPE_CHECKING:
    from collections.abc import Callable

    from plotly.graph_objects import Figure

    from attribution.studies.influence.result import ScoreResult
    from attribution.studies.plane.result import PlaneResult


def figures_of(result: "PlaneResult") -> "dict[str, Callable[..., Figure]]":
    """The one figure that it has."""
    return {"plane": plane}


def plane(
    result: "PlaneResult", *, score: "ScoreResult | None" = None, column: int = 0, dark: bool = False
) -> "Figure":
    """Every sample at its two numbers, in the colour of its target, on what the model says there; the line is where
    its answer changes.

    With a ``score`` the training samples are coloured and sized by their influence on its query ``column`` (blue:
    training on it lowers the query's loss; orange: raises it), and a star marks the query.
    """
    across, upwards = result.columns
    beside = f"; the {result.others} other inputs at their means" if result.others else ""
    alt = f"Samples by {across} and {upwards} on the decision of the model{beside}"
    title = "What the model says" if score is None else "Who taught it"
    figure = style.canvas(title, alt, x=across, y=upwards, dark=dark, height=460, legend=True)
    _ground(figure, result, dark)
    if score is None:
        _by_target(figure, result, dark)
    else:
        _by_influence(figure, result, score, column, dark)
    (x0, x1), (y0, y1) = result.limits
    figure.update_xaxes(range=[x0, x1], showgrid=False)
    figure.update_yaxes(range=[y0, y1], showgrid=False)
    return figure


def _ground(figure: "Figure", result: "PlaneResult", dark: bool) -> None:
    """What the model says, as a picture beneath."""
    below = ground.picture(result, _colour_of(result), dark, side=400)
    (x0, x1), (y0, y1) = result.limits
    place = {"x": x0, "y": y1, "sizex": x1 - x0, "sizey": y1 - y0, "xref": "x", "yref": "y"}
    figure.add_layout_image(source=below["png"], layer="below", sizing="stretch", **place)
    for one in ground.words(result):
        words = f"<b>{style.plain(one['text'])}</b>"
        figure.add_annotation(x=one["x"], y=one["y"], text=words, showarrow=False, opacity=0.75, font={"size": 15})


def _colour_of(result: "PlaneResult") -> "Callable[[Any], str]":
    """The colour of a target, as on every page."""
    words = list(result.config["words"])
    if result.probabilities is not None:
        return lambda value: colours.class_colour(int(value))
    if words:
        return lambda value: colours.class_colour(words.index(str(int(value))))
    known = result.targets[np.isfinite(result.targets)]
    low, high = np.quantile(known, (0.02, 0.98)) if len(known) else (0.0, 1.0)
    return lambda value: colours.value_colour(float((value - low) / max(high - low, 1e-12)))


def _by_target(figure: "Figure", result: "PlaneResult", dark: bool) -> None:
    """A group of points per target in words; of numbers one group in their colours."""
    colour = _colour_of(result)
    rows = style.some_of(len(result.targets))
    values = result.targets[rows]
    for value, name in result.config["words"].items():
        mine = rows[values == int(value)]
        if len(mine):
            words = [style.plain(name)] * len(mine)
            _dots(figure, result, mine, words[0] or UNLABELLED, dark, colour(int(value)), 7.0, words)
    if not result.config["words"]:
        unit = f" {style.plain(result.config['unit'])}".rstrip()
        words = [f"{three_digits(float(value))}{unit}" for value in values]
        _dots(figure, result, rows, "samples", dark, [colour(value) for value in values], 7.0, words)


def _by_influence(figure: "Figure", result: "PlaneResult", score: "ScoreResult", column: int, dark: bool) -> None:
    """The training samples by their influence on the query, the strongest last and on top, and the query as a star."""
    values = np.full(len(result.targets), np.nan)
    rows, found = score.every(column)
    values[rows] = found
    size = 9 * scatter.sizes(values)
    for group in scatter.by_sign(values, np.arange(len(values)), dark):
        words = [
            f"influence {three_digits(float(value), True)}" if value == value else "" for value in values[group.rows]
        ]
        shown = group.rows[style.some_of(len(group.rows))]
        _dots(figure, result, shown, group.name, dark, group.colour, size[shown] * 0.75, words)
    query = list(score.query_rows(column))
    star = {"symbol": "star", "size": 18, "color": style.look(dark).ink, "line": {"color": "white", "width": 1.5}}
    x, y = result.coordinates[query].T
    figure.add_scatter(x=x, y=y, mode="markers", name="the query", marker=star, hovertext="the query", hoverinfo="text")


def _dots(
    figure: "Figure",
    result: "PlaneResult",
    rows: np.ndarray,
    name: str,
    dark: bool,
    colour: Any,
    size: Any,
    words: list[str],
) -> None:
    """One group of samples."""
    x, y = result.coordinates[rows].T
    edge = {"color": style.look(dark).paper, "width": 0.8}
    marker = {"color": colour, "size": size, "line": edge, "opacity": 0.95}
    figure.add_scatter(x=x, y=y, mode="markers", name=name, marker=marker, hovertext=words, hoverinfo="text")
