"""Fewer points for the browser: an even share of a large cloud, so that dense places stay dense and nothing rare
vanishes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from attribution.views.numbers import count
from attribution.views.scatter import Group

LIMIT = 30_000  # points that are drawn, about; what every browser draws and zooms without a wait
WHOLE = 500  # groups up to this size are drawn whole, and so is a selection
SIDE = 128  # the cloud is cut into SIDE x SIDE cells, and each that holds a point shows one


@dataclass(frozen=True)
class Drawn:
    """What a chart shows: ``groups`` with the rows that are drawn, and of how many samples (``total``) they were
    taken."""

    groups: tuple[Group, ...]
    total: int

    @property
    def shown(self) -> int:
        """Points that are drawn."""
        return sum(len(group.rows) for group in self.groups)

    def sentence(self) -> str:
        """What is left out and what a lasso does, in words; "" when every sample is drawn."""
        if self.shown == self.total:
            return ""
        return (
            f"Showing {count(self.shown)} of {count(self.total)} samples, thinned evenly: what looks dense is dense. "
            "A lasso takes every sample inside it, shown or not."
        )


def thin(
    coordinates: np.ndarray, groups: Sequence[Group], selected: np.ndarray | None = None, limit: int = LIMIT
) -> Drawn:
    """About ``limit`` of the groups' rows, the same ones whatever they are grouped by; all of them when there are no
    more.

    ``coordinates`` (n, 2), ``selected`` rows (k,) or None. A row is drawn when its fixed random number is below the
    share that may be drawn; in addition one row of every occupied cell of the plane that would be empty, groups of up
    to ``WHOLE`` rows, and a selection of up to that size. Costs a few passes over the rows, nothing else.
    """
    total = sum(len(group.rows) for group in groups)
    if total <= limit:
        return Drawn(tuple(groups), total)
    rows = np.concatenate([group.rows for group in groups])
    kept = np.zeros(len(coordinates), dtype=bool)
    kept[rows] = chance(rows) < limit / total
    cells = _cells(coordinates, rows)
    drawn = kept[rows]
    empty = np.ones(SIDE * SIDE, dtype=bool)
    empty[cells[drawn]] = False
    lonely = np.flatnonzero(empty[cells])
    lonely = lonely[np.argsort(rows[lonely])]  # the first row of a cell, in whatever order the groups came
    kept[rows[lonely[np.unique(cells[lonely], return_index=True)[1]]]] = True
    if selected is not None and len(selected) <= WHOLE:
        kept[selected] = True
    few = [group if len(group.rows) <= WHOLE else replace(group, rows=group.rows[kept[group.rows]]) for group in groups]
    return Drawn(tuple(few), total)


def chance(rows: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for every row, uniform and always the same (splitmix64), so that recolouring and filtering
    draw the same points."""
    x = (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _cells(coordinates: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The cell (k,) of each row in the box of all coordinates (NaN: a row without a place)."""
    low, high = np.nanmin(coordinates, axis=0), np.nanmax(coordinates, axis=0)
    places = (coordinates[rows] - low) / np.maximum(high - low, 1e-12) * SIDE
    x, y = np.clip(np.nan_to_num(places), 0, SIDE - 1).astype(np.int32).T
    return np.asarray(x * SIDE + y)
