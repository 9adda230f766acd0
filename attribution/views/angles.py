"""What the Angles page shows: the scatter of cosine against length, the polar histogram, layers, checkpoints, the
plane, and the words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attribution.views import colours, scatter
from attribution.views.numbers import count, percent, plural, three_digits

DECADES = 6  # lengths below the longest by more are drawn at the chart's lower edge
ROUGH, UNREACHED = 0.01, 0.5  # relative residuals above which a solution gives its turn only roughly, and not at all
BINS = 18  # of ten degrees
OWN, OTHER, ALL = "own label", "another label", "all training samples"
LOOKS = {OWN: "#0F8F84", OTHER: "#A8741A", ALL: colours.EDITED}


def degrees(cosines: np.ndarray) -> np.ndarray:
    """Angles in degrees, 0 to 180, of cosines."""
    return np.degrees(np.arccos(np.clip(np.asarray(cosines, dtype=np.float64), -1, 1)))


def points(rows: np.ndarray, cosines: np.ndarray, norms: np.ndarray, n: int) -> np.ndarray:
    """Positions (n, 2) float64 of all samples by row: cosine, and log10 of the gradient's length, at most ``DECADES``
    below the longest.

    NaN where nothing was measured. The logarithm is taken here, so that a lasso's straight edges hold what they seem to
    hold.
    """
    found = np.full((n, 2), np.nan)
    longest = max(float(norms.max(initial=0.0)), 1e-30)
    found[rows] = np.column_stack([cosines, np.log10(np.maximum(norms, longest * 10.0**-DECADES))])
    return found


def scatter_spec(
    positions: np.ndarray, groups: Sequence[scatter.Group], selected: np.ndarray | None = None, dark: bool = False
) -> dict[str, Any]:
    """The ECharts option: the map's lasso and groups, with a cosine axis from -1 to 1 and a length axis in powers of
    ten."""
    spec = scatter.map_spec(positions, groups, selected, dark)
    low, high = np.nanmin(positions[:, 1]), np.nanmax(positions[:, 1])
    line = {"splitLine": {"show": True, "lineStyle": {"opacity": 0.25}}, "nameLocation": "middle", "type": "value"}
    spec["grid"] = {"left": 62, "right": 18, "top": 44, "bottom": 74, "outerBoundsMode": "none"}
    spec["xAxis"] = {
        **line,
        "min": -1,
        "max": 1,
        "interval": 0.5,
        "nameGap": 28,
        "name": "cosine with the query's gradient",
    }
    spec["yAxis"] = {
        **line,
        "min": float(np.floor(low - 0.02)),
        "max": float(np.ceil(high + 0.02)),
        "interval": 1,
        "nameGap": 44,
    }
    spec["yAxis"] |= {"name": "length of the gradient", "axisLabel": {"formatter": "10^{value}"}}
    return spec


def sides(labels: np.ndarray, rows: np.ndarray, query_labels: Sequence[int]) -> dict[str, np.ndarray]:
    """Training rows by whether they carry a label of the query; one group where the query holds every label that they
    have."""
    own = np.isin(labels[rows], list(query_labels))
    return {ALL: rows} if own.all() or not own.any() else {OWN: rows[own], OTHER: rows[~own]}


def histogram(angles: np.ndarray) -> np.ndarray:
    """Shares (``BINS``,) of angles in steps of ten degrees; they add up to 1."""
    counts, _ = np.histogram(angles, bins=BINS, range=(0, 180))
    return counts / max(len(angles), 1)


def polar_spec(shares: Mapping[str, np.ndarray], dark: bool = False) -> dict[str, Any]:
    """A half-circle of bars: 0 degrees (pulls the same way) right, 90 on top, 180 (the opposite way) left; the radius
    is a share in percent."""
    names = [f"{10 * k}° to {10 * (k + 1)}°" for k in range(BINS)]
    ink = "#CFC9BD" if dark else "#5B564D"
    return {
        "animation": False,
        "polar": {"radius": ["4%", "125%"], "center": ["50%", "82%"]},
        "angleAxis": {
            "type": "category",
            "data": names,
            "startAngle": 0,
            "endAngle": 180,
            "clockwise": False,
            "axisLabel": {"show": False},
            "axisTick": {"show": False},
            "splitLine": {"show": True, "lineStyle": {"opacity": 0.2}},
        },
        "radiusAxis": {
            "type": "value",
            "min": 0,
            "axisLabel": {"formatter": "{value} %", "hideOverlap": True, "showMinLabel": False, "fontSize": 10},
            "splitLine": {"lineStyle": {"opacity": 0.25}},
            "axisLine": {"show": False},
            "axisTick": {"show": False},
        },
        "graphic": [
            _text("0° same way", {"right": 4, "bottom": 24}, ink),
            _text("90°", {"left": "center", "top": 26}, ink),
            _text("180° opposite", {"left": 4, "bottom": 24}, ink),
        ],
        "legend": {"top": 0, "left": 0, "itemWidth": 10, "itemHeight": 10, "icon": "circle", "selectedMode": False},
        "tooltip": {"trigger": "item", "formatter": "{a} · {b}: {c} %"},
        "series": [
            {
                "type": "bar",
                "name": name,
                "coordinateSystem": "polar",
                "data": [round(100 * float(value), 2) for value in values],
                "itemStyle": {"color": LOOKS[name], "opacity": 0.65},
                "barGap": "-100%",
                "barCategoryGap": "4%",
            }
            for name, values in shares.items()
        ],
    }


def _text(words: str, place: dict[str, Any], ink: str) -> dict[str, Any]:
    return {"type": "text", **place, "style": {"text": words, "fill": ink, "fontSize": 11}}


def medians(angles: np.ndarray, rows: np.ndarray, groups: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """Median angle of each group, per line of ``angles`` (lines, n), whose columns belong to ``rows``."""
    return {
        name: [float(np.median(line[np.isin(rows, members)])) for line in angles] for name, members in groups.items()
    }


def lines_spec(places: Sequence[str], series: Mapping[str, Sequence[float]], axis: str) -> dict[str, Any]:
    """Lines of angles over checkpoints: degrees from 0 to 180 upwards, one line per name; None leaves a gap."""
    return {
        "animation": False,
        "grid": {"left": 62, "right": 14, "top": 44, "bottom": 46, "outerBoundsMode": "none"},
        "legend": {"top": 0, "left": 0, "itemWidth": 14, "itemHeight": 8},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": list(places), "name": axis, "nameLocation": "middle", "nameGap": 26},
        "yAxis": _angle_axis(),
        "series": [
            {
                "type": "line",
                "name": name,
                "data": [round(value, 1) for value in values],
                "symbolSize": 7,
                **({"itemStyle": {"color": LOOKS[name]}, "lineStyle": {"color": LOOKS[name]}} if name in LOOKS else {}),
            }
            for name, values in series.items()
        ],
    }


def layers_spec(layers: Sequence[Mapping[str, Any]], series: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Bars of the median angle per layer and group, each layer with its share of the query's gradient under its
    name."""
    return {
        "animation": False,
        "grid": {"left": 62, "right": 14, "top": 44, "bottom": 46, "outerBoundsMode": "none"},
        "legend": {"top": 0, "left": 0, "itemWidth": 10, "itemHeight": 10, "icon": "circle"},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            "type": "category",
            "data": [layer_name(layer) for layer in layers],
            "axisLabel": {"interval": 0, "hideOverlap": True, "lineHeight": 15},
        },
        "yAxis": _angle_axis(),
        "series": [
            {
                "type": "bar",
                "name": name,
                "data": [round(value, 1) for value in values],
                "itemStyle": {"color": LOOKS[name], "opacity": 0.85},
            }
            for name, values in series.items()
        ],
    }


def _angle_axis() -> dict[str, Any]:
    label = {"formatter": "{value}°"}
    return {
        "type": "value",
        "min": 0,
        "max": 180,
        "interval": 45,
        "axisLabel": label,
        "name": "angle",
        "nameLocation": "middle",
        "nameGap": 40,
    }


def layer_name(layer: Mapping[str, Any]) -> str:
    """ "conv1 (Conv2d)" over its share of the query's squared gradient."""
    return f"{layer['name'] or 'model'} ({layer['kind']})\n{percent(round(float(layer['share']), 3))} of it"


def layer_sentence(layers: Sequence[Mapping[str, Any]]) -> str:
    """Where the query's gradient lies."""
    top = max(layers, key=lambda layer: float(layer["share"]))
    inside = percent(round(float(top["share"]), 3))
    name = top["name"] or "model"
    weights = plural(int(top["parameters"]), "weight")
    return f"{inside} of the query's squared gradient lies in layer {name} ({top['kind']}), which has {weights}."


def turn_at(checkpoint: Mapping[str, Any], ratio: float) -> Mapping[str, Any]:
    """What one checkpoint says of one damping ratio."""
    return next(one for one in checkpoint["curvature"] if one["ratio"] == ratio)


def turn_sentence(checkpoint: Mapping[str, Any], usual: float) -> str:
    """What curvature does to the question, in words."""
    turn = turn_at(checkpoint, usual)
    if turn["residual"] > UNREACHED:
        return "How far curvature turns the question was not reached: measure again with more `--iterations`."
    weak = min(
        (one for one in checkpoint["curvature"] if one["residual"] <= UNREACHED), key=lambda one: float(one["ratio"])
    )
    if turn["turn"] < 15:
        meaning = "estimators with and without curvature answer nearly the same question"
    elif turn["turn"] < 45:
        meaning = "estimators without curvature answer a somewhat different question"
    else:
        meaning = "estimators without curvature answer a different question"
    first = (
        f"Curvature turns the question by **{_degrees(turn)}** at the damping that the curvature estimators "
        f"use: {meaning}."
    )
    if weak["ratio"] == turn["ratio"]:
        return first
    return (
        f"{first} With damping {weak['ratio']:g} instead of {turn['ratio']:g} mean eigenvalues it would be "
        f"{_degrees(weak)}."
    )


def _degrees(turn: Mapping[str, Any]) -> str:
    if turn["residual"] > UNREACHED:
        return "not reached"
    about = "about " if turn["residual"] > ROUGH else ""
    return f"{about}{float(turn['turn']):.{1 if turn['turn'] < 10 else 0}f}°"


def turn_line(checkpoint: Mapping[str, Any], usual: float) -> dict[str, str]:
    """One checkpoint as a table's line: epoch, and the turn by damping ratio; the usual one is marked, rough ones say
    "about"."""
    line = {"epoch": str(checkpoint["epoch"])}
    for one in checkpoint["curvature"]:
        line[f"{one['ratio']:g}{' (usual)' if one['ratio'] == usual else ''}"] = _degrees(one)
    return line


def against_sentence(against: Mapping[str, Any], n_train: int) -> str:
    """How far the samples that pull against the query pull together."""
    if not against["n"]:
        return "No training sample pulls against the query."
    share = percent(round(against["n"] / n_train, 3))
    return (
        f"{plural(int(against['n']), 'training sample')} ({share}) {'pulls' if against['n'] == 1 else 'pull'} "
        "against the query; "
        f"their mean gradient stands at {float(against['angle']):.0f}° to it (180° would be its exact opposite)."
    )


def spread_sentence(angles: Mapping[str, np.ndarray]) -> str:
    """The middle and the ends of each group's angles."""
    parts = []
    for name, values in angles.items():
        low, middle, high = (float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9))
        who = {
            OWN: f"{count(len(values))} training samples with the query's own label",
            OTHER: f"{count(len(values))} with another label",
            ALL: f"All {count(len(values))} training samples",
        }[name]
        parts.append(f"{who}: median {middle:.0f}°, eight of ten between {low:.0f}° and {high:.0f}°")
    return "; ".join(parts) + "."


def agreement_sentence(influence: np.ndarray, curved: np.ndarray) -> str:
    """Of how many samples curvature changes the sign, and how alike the two orders are."""
    from scipy.stats import spearmanr

    same = float(np.mean(np.sign(influence) == np.sign(curved)))
    order = float(spearmanr(influence, curved).statistic) if len(influence) > 2 else float("nan")
    return (
        f"With curvature {percent(round(same, 3))} of the training samples keep their sign; rank correlation "
        "of "
        f"the two influences {three_digits(order)}."
    )


def plane(columns: Sequence[Mapping[str, Any]], inputs: np.ndarray) -> tuple[tuple[str, str], np.ndarray] | None:
    """Names of the two columns and the points (n, 2) in their own units, where the inputs are two numbers; None
    otherwise.

    ``columns`` describe the inputs (``DatasetInfo.preprocessing``), which are standardised.
    """
    if inputs.ndim != 2 or inputs.shape[1] != 2 or [column.get("kind") for column in columns] != ["number", "number"]:
        return None
    scale, middle = (np.array([float(column[key]) for column in columns]) for key in ("std", "mean"))
    return (str(columns[0]["name"]), str(columns[1]["name"])), np.asarray(inputs) * scale + middle


def plane_spec(
    inputs: np.ndarray, rows: np.ndarray, values: np.ndarray, names: tuple[str, str], dark: bool = False
) -> dict[str, Any]:
    """The two inputs as a plane, training points coloured by the sign of an influence, the strongest tenth darker.

    ``inputs`` (n, 2) of all samples; ``values`` (m,) belong to ``rows`` (m,).
    """
    strong = float(np.quantile(np.abs(values), 0.9)) if len(values) else 0.0
    looks = (
        ("helped", 3, values >= 0),
        ("hurt", 1, values < 0),
        ("helped most", 4, values >= strong),
        ("hurt most", 0, values <= -strong),
    )
    scale = colours.influence_scale(dark)
    left = np.ones(len(values), dtype=bool)
    groups = []
    for name, step, members in reversed(looks):
        groups.append(scatter.Group(name, scale[step], rows[members & left]))
        left &= ~members
    groups = [group for group in reversed(groups) if len(group.rows)]
    spec = scatter.map_spec(inputs.astype(np.float32), groups, None, dark)
    axis = {"type": "value", "nameLocation": "middle", "splitLine": {"show": False}, "scale": True}
    spec["xAxis"] = {**axis, "name": names[0], "nameGap": 26}
    spec["yAxis"] = {**axis, "name": names[1], "nameGap": 34}
    spec["grid"] = {"left": 52, "right": 12, "top": 12, "bottom": 76, "outerBoundsMode": "none"}
    del spec["toolbox"], spec["brush"], spec["dataZoom"]
    for series in spec["series"]:
        series["symbolSize"] = 9
    return spec
