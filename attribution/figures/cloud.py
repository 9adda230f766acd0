"""Clouds of points for the canvas of the app: the map and the like, to point at, click and draw around."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attribution.views import colours
from attribution.views.scatter import Group, bounds, points_frame


def _drawn(groups: Sequence[Group], selected: np.ndarray | None, dark: bool) -> list[Group]:
    """The groups as drawn: with a selection, what is outside it first, in grey."""
    if selected is None:
        return list(groups)
    outside = [group.rows[~selected[group.rows]] for group in groups]
    parts = [Group("not selected", colours.quiet(dark), np.concatenate([np.empty(0, np.int64), *outside]))]
    parts += [Group(group.name, group.colour, group.rows[selected[group.rows]]) for group in groups]
    return [part for part in parts if len(part.rows)]


@dataclass(frozen=True)
class Scene:
    """What is drawn beside the points.

    ``selected`` (n,) bool or None: with a selection, points outside it stay visible in grey beneath. ``chosen`` and
    ``query`` are rows to mark; ``sizes`` (n,) factors of a point's radius, 0 to 7; ``axes`` their names, with ticks;
    ``limits`` ((x0, x1), (y0, y1)) stand in for those of the coordinates; ``power``: the second axis counts powers of
    ten. ``words`` are ``regions.words``; ``ground`` and ``shade`` pictures (``png`` as data URI, ``bounds``).
    """

    selected: np.ndarray | None = None
    dark: bool = False
    chosen: int | None = None
    query: int | None = None
    sizes: np.ndarray | None = None
    axes: Sequence[str] | None = None
    limits: Sequence[Sequence[float]] | None = None
    power: bool = False
    words: Sequence[dict[str, Any]] = ()
    ground: dict[str, Any] | None = None
    shade: dict[str, Any] | None = None


def angles_scene(positions: np.ndarray) -> Scene:
    """A cosine axis from -1 to 1 and a length axis in powers of ten."""
    low, high = np.nanmin(positions[:, 1]), np.nanmax(positions[:, 1])
    return Scene(
        axes=("the other way ← pull → the same way (cosine)", "strength of the pull (length of the gradient)"),
        limits=((-1.0, 1.0), (float(np.floor(low - 0.02)), float(np.ceil(high + 0.02)))),
        power=True,
    )


def points(coordinates: np.ndarray, groups: Sequence[Group], scene: Scene) -> dict[str, Any]:
    """What the canvas of the map (``pages/parts/points.js``) draws: ``points`` with x, y, row, group and perhaps size,
    14 bytes each, and beside them the groups, the axes' limits and names, words and pictures behind the points.

    ``coordinates`` (n, 2), NaN for a sample without a place; ``groups`` in the order in which they are drawn.
    """
    parts = _drawn(groups, scene.selected, scene.dark)
    rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)])
    frame = points_frame(coordinates, rows)
    frame["group"] = np.repeat(np.arange(len(parts), dtype=np.int16), [len(part.rows) for part in parts])
    if scene.sizes is not None:
        frame["size"] = np.clip(np.round(32 * scene.sizes[rows]), 8, 255).astype(np.uint8)
    return {
        "points": frame[np.isfinite(coordinates[rows]).all(axis=1)],
        "groups": [{"name": part.name, "colour": part.colour} for part in parts],
        "bounds": [list(pair) for pair in (scene.limits or bounds(coordinates))],
        "axes": _axes(scene),
        "words": list(scene.words),
        "ground": scene.ground,
        "shade": scene.shade,
        "marks": _marks(coordinates, scene),
    }


def _axes(scene: Scene) -> list[dict[str, Any]] | None:
    if not scene.axes:
        return None
    return [{"name": name, "power": scene.power and side == 1} for side, name in enumerate(scene.axes)]


def _marks(coordinates: np.ndarray, scene: Scene) -> list[dict[str, Any]]:
    known = [(scene.query, "query", "the query"), (None if scene.chosen == scene.query else scene.chosen, "chosen", "")]
    return [
        {"x": float(coordinates[row][0]), "y": float(coordinates[row][1]), "kind": kind, "text": text}
        for row, kind, text in known
        if row is not None and np.isfinite(coordinates[row]).all()
    ]
