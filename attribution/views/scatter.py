"""The data map: groups of points by meaning, and which points a lasso holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attribution.datasets.names import UNLABELLED
from attribution.views import colours
from attribution.views.numbers import three_digits


@dataclass(frozen=True)
class Group:
    """Points that share a colour: ``rows`` are int64 sample rows."""

    name: str
    colour: str
    rows: np.ndarray


def by_class(values: np.ndarray, classes: Sequence[str], rows: np.ndarray) -> list[Group]:
    """One group per class, and one of what has no label; ``values`` (n,) are class indices of all samples, ``rows`` the
    samples to draw."""
    bare = rows[values[rows] < 0]
    return [*([Group(UNLABELLED, colours.quiet(), bare)] if len(bare) else []), *_classes(values, classes, rows)]


def _classes(values: np.ndarray, classes: Sequence[str], rows: np.ndarray) -> list[Group]:
    return [Group(name, colours.class_colour(k), rows[values[rows] == k]) for k, name in enumerate(classes)]


def by_steps(
    values: np.ndarray,
    rows: np.ndarray,
    scale: Sequence[str],
    unit: str = "",
    dark: bool = False,
    over: np.ndarray | None = None,
) -> list[Group]:
    """Groups of about equal size in the order of ``values`` (n,), one per colour of ``scale``; NaN values are drawn
    quietly.

    Equal steps of rank, not of value, keep one outlier from bleaching the rest. The name says the values that a group
    spans. The steps are taken ``over`` these values, where there are any, rather than over the drawn ones.
    """
    known = rows[np.isfinite(values[rows])]
    groups = [Group("not known", colours.quiet(dark), rows[~np.isfinite(values[rows])])]
    if len(known):
        spanned = values[known] if over is None else over[np.isfinite(over)]
        edges = np.unique(np.quantile(spanned, np.linspace(0, 1, len(scale) + 1)))
        step = np.clip(np.searchsorted(edges, values[known], side="right") - 1, 0, max(len(edges) - 2, 0))
        for k in range(max(len(edges) - 1, 1)):
            low = edges[k]
            high = edges[min(k + 1, len(edges) - 1)]
            colour = scale[round(k * (len(scale) - 1) / max(len(edges) - 2, 1))]
            groups.append(Group(f"{three_digits(low)} to {three_digits(high)}{unit}", colour, known[step == k]))
    return [group for group in groups if len(group.rows)]


def by_queue(
    suspicion: np.ndarray, rows: np.ndarray, first: int, dark: bool = False, decided: np.ndarray | None = None
) -> list[Group]:
    """Groups by a sample's place in the queue, so that only the queue stands out; ``suspicion`` (n,) with NaN for what
    was not searched, ``first`` how many at its head are probably wrong, ``decided`` rows about which that was settled.

    Two dark groups hold the ``first`` (the surer half, the rest), a light one as many after them.
    """
    known = np.flatnonzero(np.isfinite(suspicion))
    order = known[np.argsort(-suspicion[known], kind="stable")]
    place = np.full(len(suspicion), np.iinfo(np.int64).max)
    place[order] = np.arange(len(order))
    ends = sorted({min(end, len(order)) for end in ((first + 1) // 2, first, 2 * first)})
    level = np.where(np.isfinite(suspicion), np.searchsorted(ends, place, side="right"), -1)
    if decided is not None:
        level[decided] = -2
    scale = colours.suspicion_scale(dark)
    looks = [("not searched", colours.quiet(dark), -1), ("decided", colours.EDITED, -2)]
    looks.append(("not suspicious", colours.unsuspicious(dark), len(ends)))
    starts = [0, *ends[:-1]]
    tints = (scale[4], scale[3], scale[1])
    looks += [
        (f"number {start + 1:,} to {end:,} in the queue", tints[step], step)
        for step, (start, end) in reversed(list(enumerate(zip(starts, ends, strict=True))))
    ]
    groups = [Group(name, colour, rows[level[rows] == step]) for name, colour, step in looks]
    return [group for group in groups if len(group.rows)]


def by_sign(values: np.ndarray, rows: np.ndarray, dark: bool = False) -> list[Group]:
    """Five groups by influence: the strongest 2 % on each side, the next 8 %, and the rest; values (n,) with NaN where
    there is none."""
    known = rows[np.isfinite(values[rows])]
    size = np.abs(values[known])
    strong, some = (float(np.quantile(size, q)) if len(size) else 0.0 for q in (0.98, 0.9))
    sign = np.sign(values[known])
    level = np.where(size >= strong, 2, np.where(size >= some, 1, 0)) * sign
    names = {-2: "strongly away", -1: "away", 0: "little influence", 1: "towards", 2: "strongly towards"}
    groups = [Group("not training data", colours.quiet(dark), rows[~np.isfinite(values[rows])])]
    groups += [
        Group(names[step], colours.influence_scale(dark)[step + 2], known[level == step]) for step in (0, -1, 1, -2, 2)
    ]
    return [group for group in groups if len(group.rows)]


def sizes(values: np.ndarray) -> np.ndarray:
    """How large each point is drawn by the size of its value, (n,) factors of the radius: 0.7 for none, 3 for the
    strongest; NaN is drawn small."""
    size = np.abs(np.nan_to_num(values))
    most = float(np.quantile(size[size > 0], 0.995)) if (size > 0).any() else 1.0
    return 0.7 + 2.3 * np.sqrt(np.minimum(size / most, 1.0))


def by_edit(verdicts: np.ndarray, rows: np.ndarray, dark: bool = False, changed: str = "relabelled") -> list[Group]:
    """Groups by verdict; ``verdicts`` (n,) holds "", "keep", "relabel" or "drop"."""
    looks = (
        ("", "not edited", colours.quiet(dark)),
        ("keep", "kept", "#5C8A3A"),
        ("relabel", changed, "#0F8F84"),
        ("drop", "dropped", "#B4233C"),
    )
    groups = [Group(name, colour, rows[verdicts[rows] == verdict]) for verdict, name, colour in looks]
    return [group for group in groups if len(group.rows)]


def points_frame(coordinates: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
    """``x``, ``y`` (float32, four digits: finer than a pixel, half the bytes) and ``row`` of the points to draw."""
    xy = np.round(coordinates[rows].astype(np.float32), 4)
    return pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "row": rows.astype(np.int32)})


def bounds(coordinates: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Axis limits with a margin of 4 %, fixed so that filtering and recolouring never move a point; NaN: a sample
    without a place."""
    low, high = np.nanmin(coordinates, axis=0), np.nanmax(coordinates, axis=0)
    margin = np.maximum((high - low) * 0.04, 1e-6)
    return tuple((round(float(a - m), 4), round(float(b + m), 4)) for a, b, m in zip(low, high, margin, strict=True))  # type: ignore[return-value]


def inside_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points (n, 2) lie inside a closed polygon (m, 2), by counting edge crossings; (n,) bool.

    Cost: one sort of the points by height, then each edge looks only at those between its ends: about 2 n for an
    outline without folds.
    """
    polygon = np.asarray(polygon, dtype=np.float64)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    # The box test leaves few points for the edges.
    near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    near = near[np.argsort(points[near, 1])]
    x = points[near, 0].astype(np.float64)
    y = points[near, 1].astype(np.float64)
    odd = np.zeros(len(near), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        between = slice(*np.searchsorted(y, (min(y0, y1), max(y0, y1))))  # low <= y < high
        if y0 != y1:
            odd[between] ^= x[between] < (x1 - x0) * (y[between] - y0) / (y1 - y0) + x0
    found = np.zeros(len(points), dtype=bool)
    found[near[odd]] = True
    return found


def by_row(places: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """The places (k, 2) of some rows (k,) as those of all ``n`` samples, (n, 2) float64 with NaN for the others."""
    found = np.full((n, 2), np.nan)
    found[rows] = places
    return found


def inside(coordinates: np.ndarray, outline: Sequence[Sequence[float]], visible: np.ndarray) -> np.ndarray:
    """Sample rows inside a drawn outline (m, 2) in data coordinates: only those of ``visible`` (int64), never what a
    filter hides."""
    if len(outline) < 3:
        return np.empty(0, np.int64)
    return visible[inside_polygon(coordinates[visible], np.asarray(outline, dtype=np.float64))]
