"""Where samples crowd on a map, and a word for each crowd: its most typical target and, of texts, its own words."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attribution.views.cards import data_uri
from attribution.views.ground import finer, png

SIDE = 96  # cells of the grid along each side
BLUR = 2.0  # cells: the width of the bell that smooths counts
SADDLE = 0.7  # two peaks are one crowd where the pass between them is this high, as a share of the lower peak
LEAST = 0.012  # of all samples: a smaller crowd has no word
FEWEST = 25  # samples: nor has one of fewer
MOST = 24  # words on a map
LEVELS = (0.08, 0.25, 0.5, 0.75)  # of the highest density: where lines are drawn
TELLING = 3.0  # standard deviations
LETTERS = re.compile(r"[^\W\d_]{4,}")
Limits = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Region:
    """A crowd: the densest place in it, and its rows (k,) int64."""

    x: float
    y: float
    rows: np.ndarray


def density(coordinates: np.ndarray, rows: np.ndarray, limits: Limits) -> np.ndarray:
    """How many of these rows are in each cell, smoothed: (SIDE, SIDE) float64, the first axis across."""
    cells = _cells(coordinates, rows, limits)
    counts = np.bincount(cells, minlength=SIDE * SIDE).reshape(SIDE, SIDE).astype(np.float64)
    reach = np.arange(-int(3 * BLUR), int(3 * BLUR) + 1)
    bell = np.exp(-0.5 * (reach / BLUR) ** 2)
    bell /= bell.sum()
    for axis in (0, 1):
        counts = np.apply_along_axis(np.convolve, axis, counts, bell, mode="same")
    return counts


def crowds(coordinates: np.ndarray, rows: np.ndarray, limits: Limits) -> list[Region]:
    """The dense regions of these rows, the largest first. The same rows in another order give the same ones.

    From the densest cell down each joins the crowd of a denser neighbour; where two crowds meet at a pass that is high
    against the lower of their peaks they become one. Costs one pass over the rows and one over the cells.
    """
    rows = rows[np.isfinite(coordinates[rows]).all(axis=1)]
    if not len(rows):
        return []
    heights = density(coordinates, rows, limits)
    owner = _flooded(heights)
    of_row = owner[_cells(coordinates, rows, limits)]
    found = []
    for peak, many in zip(*np.unique(of_row, return_counts=True), strict=True):
        if many >= max(LEAST * len(rows), FEWEST):
            x, y = _middle(int(peak), limits)
            found.append(Region(x, y, rows[of_row == peak]))
    return sorted(found, key=lambda one: (-len(one.rows), one.x, one.y))[:MOST]


def _flooded(heights: np.ndarray) -> np.ndarray:
    """The cell of the peak that each cell (SIDE * SIDE,) belongs to."""
    flat = heights.ravel()
    owner = np.arange(len(flat))

    def peak_of(cell: int) -> int:
        while owner[cell] != cell:
            owner[cell] = owner[owner[cell]]
            cell = int(owner[cell])
        return cell

    done = np.zeros(len(flat), dtype=bool)
    for cell in np.argsort(-flat, kind="stable").tolist():
        done[cell] = True
        peaks = {peak_of(other) for other in _beside(cell) if done[other]}
        if peaks:
            first, *others = sorted(peaks, key=lambda one: (-flat[one], one))
            owner[cell] = first
            for other in others:
                if flat[cell] >= SADDLE * flat[other]:
                    owner[other] = first
    return np.array([peak_of(cell) for cell in range(len(flat))])


def _beside(cell: int) -> list[int]:
    x, y = divmod(cell, SIDE)
    around = [(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
    return [a * SIDE + b for a, b in around if 0 <= a < SIDE and 0 <= b < SIDE]


def _cells(coordinates: np.ndarray, rows: np.ndarray, limits: Limits) -> np.ndarray:
    low, high = np.asarray(limits, dtype=np.float64).T
    places = np.nan_to_num((coordinates[rows] - low) / np.maximum(high - low, 1e-12)) * SIDE
    x, y = np.clip(places, 0, SIDE - 1).astype(np.int64).T
    return np.asarray(x * SIDE + y)


def _middle(cell: int, limits: Limits) -> tuple[float, float]:
    at = np.array(divmod(cell, SIDE)) + 0.5
    low, high = np.asarray(limits, dtype=np.float64).T
    x, y = (low + (high - low) * at / SIDE).tolist()
    return x, y


def words(
    regions: Sequence[Region], typical: Callable[[np.ndarray], str], texts: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """What is written on the map: x, y, text and size in pixels, the largest crowds first. ``typical`` words the
    targets of some rows ("": no word); ``texts`` (n,) add what is said in a crowd and seldom elsewhere."""
    most = max((len(region.rows) for region in regions), default=1)
    everywhere = (
        _counted(texts, np.concatenate([one.rows for one in regions])) if texts is not None and regions else None
    )
    found = []
    for region in regions:
        named = typical(region.rows)
        said = own_words(_counted(texts, region.rows), everywhere) if texts is not None and everywhere else []
        text = " · ".join(part for part in (named, ", ".join(said)) if part)
        if text:
            size = round(12 + 5 * (len(region.rows) / most) ** 0.5)
            found.append({"x": region.x, "y": region.y, "text": text, "size": size})
    return found


def _counted(texts: Sequence[str] | None, rows: np.ndarray, most: int = 1500) -> Counter[str]:
    """In how many of (at most ``most`` of) these texts each word stands; "" is how many they are."""
    if texts is None or not len(rows):
        return Counter()
    chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    return Counter(word for row in chosen for word in {"", *LETTERS.findall(str(texts[row]).lower())})


def own_words(here: Counter[str], everywhere: Counter[str], top: int = 2) -> list[str]:
    """The words that tell a crowd from the rest: those that stand in more of its texts than chance would have it, by
    the most standard deviations (at least ``TELLING``)."""
    n_here, n_all = max(here[""], 1), max(everywhere[""], 1)
    chance = {word: n_here * everywhere[word] / n_all for word in here if word and here[word] >= 3}
    telling = {word: (here[word] - usual) / max(usual, 0.5) ** 0.5 for word, usual in chance.items()}
    best = sorted(telling, key=lambda word: (-telling[word], word))[:top]
    return [word for word in best if telling[word] >= TELLING]


def contours(coordinates: np.ndarray, rows: np.ndarray, limits: Limits, dark: bool = False) -> dict[str, Any]:
    """``png`` (a data URI) and ``bounds``: thin lines around where samples crowd, ``LEVELS`` of them, as on a map of
    mountains."""
    rows = rows[np.isfinite(coordinates[rows]).all(axis=1)]
    heights = finer(density(coordinates, rows, limits).T[..., None])[..., 0]
    band = np.searchsorted(np.array(LEVELS) * max(float(heights.max()), 1e-12), heights)
    line = np.zeros(band.shape, dtype=bool)
    line[:, 1:] |= band[:, 1:] != band[:, :-1]
    line[1:] |= band[1:] != band[:-1]
    pixels = np.zeros((*band.shape, 4), dtype=np.uint8)
    pixels[line] = (240, 235, 226, 120) if dark else (40, 37, 33, 110)
    return {"png": data_uri(png(pixels[::-1])), "bounds": [list(pair) for pair in limits]}
