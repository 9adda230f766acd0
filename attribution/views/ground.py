"""What the model says everywhere in the plane of two columns, as a picture to lie behind the samples."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.tasks.probabilities import likeliest, sureness
from attribution.views.cards import data_uri

if TYPE_CHECKING:
    from attribution.studies.plane.result import PlaneResult

SIDE = 600  # pixels of the picture along each side
FAINT, STRONG = 0.05, 0.34  # how opaque the colour of an unsure and of a sure answer is
LINE = 3  # pixels of the line between two answers


def finer(grid: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A grid (a, b, ...) between its points: (side, side, ...) float32, straight from point to point."""
    for axis in (0, 1):
        place = np.linspace(0, grid.shape[axis] - 1, side)
        low = np.minimum(place.astype(np.int64), grid.shape[axis] - 2)
        share = (place - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        share = share.reshape(share.shape + (1,) * (grid.ndim - 2))
        below, above = (np.take(grid, low + step, axis=axis).astype(np.float32) for step in (0, 1))
        grid = below + (above - below) * share
    return grid


def borders(answers: np.ndarray) -> np.ndarray:
    """Where another answer is near in a grid (a, b): the lines of decision, ``LINE`` points wide; bool."""
    found = np.zeros(answers.shape, dtype=bool)
    for step in range(1, LINE):
        found[:, step:] |= answers[:, step:] != answers[:, :-step]
        found[step:] |= answers[step:] != answers[:-step]
    return found


def picture(plane: "PlaneResult", colour: Callable[[Any], str], dark: bool = False, side: int = SIDE) -> dict[str, Any]:
    """``png`` (a data URI) and ``bounds``: the ``colour`` of the model's answer, the stronger the surer it is, and a
    line where the answer changes; of numbers the colour of the predicted one."""
    if plane.probabilities is None:
        step = np.linspace(0, len(plane.answers) - 1, side).round().astype(np.int64)
        answers = plane.answers[np.ix_(step, step)]
        alpha = np.full(answers.shape, STRONG)
        line = np.zeros(answers.shape, dtype=bool)
    else:
        fine = finer(plane.probabilities, side)
        answers = likeliest(fine)
        alpha = FAINT + (STRONG - FAINT) * sureness(fine)
        line = borders(answers)
    values, place = np.unique(answers, return_inverse=True)
    tones = np.array([_rgb(colour(value)) for value in values], dtype=np.uint8)
    pixels = np.dstack([tones[place.reshape(answers.shape)], (255 * alpha).astype(np.uint8)])
    pixels[line] = (230, 225, 216, 210) if dark else (40, 37, 33, 200)
    return {"png": data_uri(png(pixels[::-1])), "bounds": [list(pair) for pair in plane.limits]}


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def words(plane: "PlaneResult", size: int = 15) -> list[dict[str, Any]]:
    """What is written on the plane: each answer of the model in words (x, y, text, size), where it is sure and few
    samples stand; nothing of numbers."""
    if plane.probabilities is None:
        return []
    steps = len(plane.answers)
    low, high = np.array(plane.limits).T
    at = np.linspace(0.14, 0.86, 19)
    spots = low + (high - low) * np.dstack(np.meshgrid(at, at)).reshape(-1, 2)  # (spots, 2)
    cells = np.round((spots - low) / (high - low) * (steps - 1)).astype(np.int64)
    answers = plane.answers[cells[:, 1], cells[:, 0]]
    sure = sureness(plane.probabilities[cells[:, 1], cells[:, 0]].astype(np.float64))
    placed = plane.coordinates[np.isfinite(plane.coordinates).all(axis=1)][:5000]
    apart = [np.min(np.hypot(*((placed - spot) / (high - low)).T), initial=1.0) for spot in spots]
    score = sure + 4 * np.minimum(apart, 0.15)
    found = []
    for value in np.unique(answers).tolist():
        x, y = spots[max(np.flatnonzero(answers == value).tolist(), key=score.__getitem__)].tolist()
        found.append({"x": x, "y": y, "text": str(plane.config["words"][str(value)]), "size": size})
    return found


def png(pixels: np.ndarray) -> bytes:
    """Pixels (h, w, 4) uint8 as a file's bytes."""
    from PIL import Image

    found = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels), "RGBA").save(found, "PNG", optimize=True)
    return found.getvalue()
