"""Arrays: how far their numbers differ, each channel in its own standard deviations."""

from functools import cached_property
from typing import ClassVar

import numpy as np

from attribution.datasets.encode_arrays import channel_axis
from attribution.modalities.similarity.base import Criterion, Pairs, Similarity, register
from attribution.neighbors.exact import nearest_among
from attribution.progress import Progress

WIDEST = 256  # numbers; longer arrays are searched through a random projection of this width, and measured in full
BLOCK = 256  # samples projected at once


@register("array")
class ArraySimilarity(Similarity):
    """distance(i, q) = sqrt(mean over numbers of ((xᵢ - x_q) / s)²), s the training standard deviation of their
    channel.

    The search works on the scaled numbers, of long arrays on a random projection of them; candidates are measured in
    full. Blind to shifts in time or place.
    """

    title = "numbers"
    summary = "0 is the same number in every place. Blind to shifts, and to another scale."
    formula = "√(mean of ((xᵢ − x_q) / s)²), s the standard deviation of the channel"
    cost = "One product of at most 256 numbers per pair of samples, then one pass over the numbers of each candidate."
    source = "Random projection: Johnson and Lindenstrauss (1984)."
    threshold = 0.2
    measures: ClassVar[dict[str, Criterion]] = {
        "correlation": Criterion("correlation", 0.98, True, "1 is the same up to scale and offset."),
    }

    @cached_property
    def _scale(self) -> np.ndarray:
        """The deviation of each number's channel, in a shape that fits a sample."""
        shape = self.dataset.info.shape
        across = [1] * len(shape)
        across[channel_axis(shape)] = -1
        return np.asarray(self.dataset.info.preprocessing["std"], dtype=np.float64).reshape(across)

    def _rows(self, rows: np.ndarray) -> np.ndarray:
        """Samples (b, d) float32, in deviations."""
        values = np.asarray(self.dataset.inputs[rows], dtype=np.float64) / self._scale
        return values.reshape(len(rows), -1).astype(np.float32)

    @cached_property
    def _points(self) -> np.ndarray:
        """All samples (n, at most ``WIDEST``), projected where they are longer."""
        n = len(self.dataset)
        width = int(np.prod(self.dataset.info.shape))
        turn = None
        if width > WIDEST:
            turn = np.random.default_rng(0).normal(size=(width, WIDEST)).astype(np.float32) / np.float32(WIDEST**0.5)
        blocks = [self._rows(np.arange(start, min(start + BLOCK, n))) for start in range(0, n, BLOCK)]
        return np.concatenate([block if turn is None else block @ turn for block in blocks])

    def closest(self, rows: np.ndarray, among: np.ndarray, k: int, progress: Progress | None = None) -> Pairs:
        left, right = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(rows), 4096):
            part = rows[start : start + 4096]
            places, _ = nearest_among(self._points[part], self._points[among], k + 1)
            left.append(among[places].ravel())
            right.append(np.repeat(part, places.shape[1]))
            if progress is not None:
                progress.update(start, len(rows), f"comparing arrays, {start:,} of {len(rows):,}")
        one, other = np.concatenate(left), np.concatenate(right)
        return self.compare(one[one != other], other[one != other])

    def compare(self, left: np.ndarray, right: np.ndarray) -> Pairs:
        found = np.zeros(len(left), dtype=np.float32)
        for start in range(0, len(left), BLOCK):
            part = slice(start, start + BLOCK)
            apart = self._rows(left[part]) - self._rows(right[part])
            found[part] = np.sqrt((apart.astype(np.float64) ** 2).mean(axis=1))
        return Pairs(left, right, found, np.full(len(left), "", dtype=object))

    def measured(self, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
        found = np.zeros(len(left))
        for start in range(0, len(left), BLOCK):
            part = slice(start, start + BLOCK)
            a, b = (self._rows(rows[part]).astype(np.float64) for rows in (left, right))
            a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
            size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
            found[part] = np.divide((a * b).sum(axis=1), size, out=np.ones(len(a)), where=size > 0)
        return {"correlation": found}
