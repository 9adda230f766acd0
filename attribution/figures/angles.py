"""Figures of angles: the half-circle of all of them, their distributions layer by layer and over the checkpoints, and
the plane of two inputs coloured by influence."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.figures import style
from attribution.views import angles as views
from attribution.views import colours
from attribution.views.numbers import count, percent, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.angles.result import AnglesResult

Groups = Mapping[str, np.ndarray]  # training rows (int64) by name
STEP = 180 / views.BINS  # degrees
MOST_LAYERS, MOST_CHECKPOINTS = 12, 8  # distributions below one another that are still looked at
ROW_PX = 92
# colour and line of each group of training samples: told apart without colours, too
LOOKS = {
    views.OWN: (style.ACCENT, "solid"),
    views.OTHER: (style.SECOND, "dash"),
    views.NEAR: (style.ACCENT, "solid"),
    views.FAR: (style.SECOND, "dash"),
    views.ALL: (style.ACCENT, "solid"),
}


def figures_of(found: "AnglesResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of a measurement of angles, by name."""
    return {"polar": polar, "layers": layers, "checkpoints": checkpoints}


def _groups(found: "AnglesResult", groups: Groups | None) -> dict[str, np.ndarray]:
    """Places in the result's columns by group; all of them without groups."""
    rows = found.samples["row"].to_numpy(np.int64)
    return {name: np.isin(rows, members) for name, members in (groups or {views.ALL: rows}).items()}


def polar(found: "AnglesResult", *, groups: Groups | None = None, dark: bool = False) -> "Figure":
    """A half-circle of bars: 0° (pulls the same way) right, 90° on top, 180° (the opposite way) left.

    The radius is the share of a group's training samples in percent, in steps of ten degrees. ``groups`` are training
    rows by name (``views.angles.sides``); without it all samples are one.
    """
    angles = views.degrees(found.samples["cosine"].to_numpy())
    chosen = _groups(found, groups)
    figure = style.canvas(
        "Angles to the question's gradient",
        "Half-circle histogram of the angles between training gradients and the query's: right pulls the same way, "
        "left the opposite way",
        dark=dark,
        height=310,
        legend=len(chosen) > 1,
    )
    centres = STEP * (np.arange(views.BINS) + 0.5)
    for name, inside in chosen.items():
        shares = 100 * views.histogram(angles[inside])
        colour, dash = LOOKS[name]
        figure.add_barpolar(
            r=shares,
            theta=centres,
            width=[STEP] * views.BINS,
            name=name,
            marker={
                "color": style.faint(colour, 0.55),
                "line": {"color": colour, "width": 1},
                "pattern": {"shape": "/" if dash == "dash" else "", "size": 5},
            },
            hovertext=[_bin_words(name, centre, share) for centre, share in zip(centres, shares, strict=True)],
            hoverinfo="text",
        )
    figure.update_layout(polar=_half_circle(style.look(dark)), margin={"l": 62, "r": 68, "b": 40})
    return figure


def _half_circle(ground: style.Look) -> dict[str, Any]:
    """The polar axes: angles over the upper half, shares along its base."""
    return {
        "sector": [0, 180],
        "bgcolor": "rgba(0,0,0,0)",
        "barmode": "overlay",
        "angularaxis": {
            "tickvals": [0, 45, 90, 135, 180],
            "ticktext": ["0°<br>same way", "45°", "90°", "135°", "180°<br>opposite"],
            "gridcolor": ground.grid,
            "linecolor": ground.grid,
        },
        "radialaxis": {
            "ticksuffix": " %",
            "nticks": 4,
            "angle": 0,
            "tickangle": 0,
            "tickfont": {"size": 10},
            "gridcolor": ground.grid,
            "linecolor": ground.grid,
            "title": {"text": "share of samples, %", "font": {"size": 11}},
        },
    }


def _bin_words(name: str, centre: float, share: float) -> str:
    low = centre - STEP / 2
    high = centre + STEP / 2
    return f"{name}, {low:.0f}° to {high:.0f}°: {three_digits(share)} %"


def layers(found: "AnglesResult", *, groups: Groups | None = None, dark: bool = False) -> "Figure":
    """The angles within each layer's own weights at the last checkpoint, one distribution below the other; of a deep
    network the layers that hold most of the query's gradient."""
    told = found.config["layers"]
    shares = np.array([float(layer["share"]) for layer in told])
    kept = np.sort(np.argsort(-shares, kind="stable")[:MOST_LAYERS])
    names = [f"{_layer(told[at])}, {percent(round(shares[at], 3))} of the gradient" for at in kept]
    of = f" ({len(kept)} of {count(len(told))})" if len(kept) < len(told) else ""
    return multiples(
        views.degrees(found.by_layer[0][kept]),
        names,
        _groups(found, groups),
        f"Angles layer by layer{of}",
        "Distribution of the angles within each layer, one below the other",
        dark=dark,
    )


def _layer(layer: Mapping[str, object]) -> str:
    return f"{layer['name'] or 'model'} ({layer['kind']})"


def checkpoints(found: "AnglesResult", *, groups: Groups | None = None, dark: bool = False) -> "Figure":
    """The angles at each checkpoint that was kept, oldest on top."""
    told = found.config["checkpoints"]
    kept = style.some_of(len(told), MOST_CHECKPOINTS)
    of = f" ({len(kept)} of {count(len(told))})" if len(kept) < len(told) else ""
    return multiples(
        views.degrees(found.over_checkpoints[0][kept]),
        [f"epoch {told[at]['epoch']}" for at in kept],
        _groups(found, groups),
        f"Angles while it was trained{of}",
        "Distribution of the angles at each checkpoint, the oldest on top",
        dark=dark,
    )


def multiples(
    angles: np.ndarray, names: Sequence[str], groups: Groups, title: str, alt: str, *, dark: bool = False
) -> "Figure":
    """Small multiples with shared axes: per line of ``angles`` (lines, n; degrees) the share of each group's samples
    in steps of ten degrees. ``groups`` are places (n,) bool by name."""
    n = len(names)
    figure = style.canvas(title, alt, dark=dark, height=ROW_PX * n + 110, legend=len(groups) > 1)
    figure.set_subplots(rows=n, cols=1, shared_xaxes=True, vertical_spacing=min(0.24 / n, 0.06))
    shares = {name: [100 * views.histogram(line[inside]) for line in angles] for name, inside in groups.items()}
    top = 1.05 * max((float(np.max(line)) for lines in shares.values() for line in lines), default=1.0) or 1.0
    centres = STEP * (np.arange(views.BINS) + 0.5)
    for at, line_name in enumerate(names):
        for name, lines in shares.items():
            colour, dash = LOOKS[name]
            figure.add_scatter(
                x=np.append(centres - STEP / 2, 180.0),
                y=np.append(lines[at], lines[at][-1:]),
                row=at + 1,
                col=1,
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=at == 0,
                line={"color": colour, "dash": dash, "width": 1.5, "shape": "hv"},
                fill="tozeroy",
                fillcolor=style.faint(colour, 0.18),
                hovertext=[
                    f"{style.plain(line_name)}<br>{_bin_words(name, centre, share)}"
                    for centre, share in zip(centres, lines[at], strict=True)
                ],
                hoverinfo="text",
            )
        figure.add_annotation(
            text=style.short(line_name, 46),
            x=0,
            xref="x domain",
            xanchor="left",
            y=1,
            yref=f"y{at + 1 if at else ''} domain",
            yanchor="bottom",
            showarrow=False,
            font={"size": 11},
        )
    figure.update_yaxes(range=[0, top], title_text="share, %", nticks=3)
    figure.update_xaxes(range=[0, 180], tickvals=[0, 45, 90, 135, 180], ticksuffix="°")
    figure.update_xaxes(title_text="angle to the question's gradient, degrees", row=n, col=1)
    return figure


def plane(
    inputs: np.ndarray, rows: np.ndarray, values: np.ndarray, names: tuple[str, str], title: str, *, dark: bool = False
) -> "Figure":
    """The two inputs as a plane, training points coloured by the sign of an influence, the strongest tenth darker.

    ``inputs`` (n, 2) of all samples in the columns' own units, which ``names`` name; ``values`` (m,) belong to
    ``rows`` (m,). At most ``style.MOST_POINTS`` are drawn.
    """
    figure = style.canvas(
        title,
        f"Training points in the plane of the inputs, coloured by influence. {title}",
        x=names[0],
        y=names[1],
        dark=dark,
        height=360,
        legend=True,
    )
    strong = float(np.quantile(np.abs(values), 0.9)) if len(values) else 0.0
    scale = colours.influence_scale(dark)
    shown = np.zeros(len(values), dtype=bool)
    shown[style.some_of(len(values))] = True
    looks = (
        ("against", 1, "circle-open", (values < 0) & (values > -strong)),
        ("with", 3, "circle-open", (values >= 0) & (values < strong)),
        ("most against", 0, "diamond", (values <= -strong) & (values < 0)),
        ("most with", 4, "circle", values >= strong),
    )
    for name, step, symbol, members in looks:
        inside = np.flatnonzero(members & shown)
        if len(inside):
            figure.add_scatter(
                x=inputs[rows[inside], 0].astype(np.float32),
                y=inputs[rows[inside], 1].astype(np.float32),
                mode="markers",
                name=name,
                marker={"color": scale[step], "size": 7, "symbol": symbol},
                hovertext=[f"row {rows[at]}: influence {three_digits(float(values[at]), True)}" for at in inside],
                hoverinfo="text",
            )
    return figure
