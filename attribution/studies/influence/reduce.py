"""Streaming reductions of an influence matrix: best and worst per query, moments and histogram, and the same the other
way round.

Blocks of the matrix arrive in any shape; NumPy only, and never more than one block in memory beside the running state.
Pairs that are not finite (masked self-pairs are NaN) take no part.
"""

import numpy as np

BINS = 41
Table = dict[str, np.ndarray]


class Extremes:
    """The ``k`` highest and ``k`` lowest values seen per line, with the labels and extra values they came with.

    Equal values keep the order of arrival, so the result depends only on the order of the labels, not on the blocks.
    Holds 32 k bytes a line; a block costs a few passes over its values (selection, not sorting) and temporaries of a
    few times its size.
    """

    def __init__(self, lines: int, k: int) -> None:
        self._sides: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {
            sign: (
                np.full((lines, k), np.nan, np.float32),
                np.full((lines, k), -1, np.int64),
                np.full((lines, k), np.nan, np.float32),
            )
            for sign in (1, -1)
        }

    def update(
        self, values: np.ndarray, labels: np.ndarray, extra: np.ndarray | None = None, lines: slice = slice(None)
    ) -> None:
        """Take in a block: values (lines, m), labels (m,), extra (lines, m); ``lines`` says which lines they belong
        to."""
        block = (
            values,
            np.broadcast_to(labels, values.shape),
            np.full_like(values, np.nan) if extra is None else extra,
        )
        for sign, kept in self._sides.items():
            merged = [np.concatenate((old[lines], new), axis=1) for old, new in zip(kept, block, strict=True)]
            key = np.where(np.isfinite(merged[0]), -sign * merged[0], np.inf)
            order = leading(key, kept[0].shape[1])  # (lines, k)
            for old, new in zip(kept, merged, strict=True):
                old[lines] = np.take_along_axis(new, order, axis=1)

    def table(self, sign: int) -> Table:
        """The kept values of one sign (1 highest, -1 lowest) as a long table; values of the other sign and gaps are
        left out.

        Columns: ``line`` and ``rank`` (from 1), ``value``, ``label``, ``extra``.
        """
        values, labels, extra = self._sides[sign]
        line, position = np.nonzero(np.isfinite(values) & (sign * values > 0))
        return {
            "line": line,
            "rank": (position + 1).astype(np.int32),
            "value": values[line, position],
            "label": labels[line, position],
            "extra": extra[line, position],
        }


def leading(key: np.ndarray, k: int) -> np.ndarray:
    """Positions (lines, k) of the k smallest keys of each line (lines, m), smallest first, equal ones in their order;
    keys are no NaN."""
    if key.shape[1] <= 2 * k:
        return np.argsort(key, axis=1, kind="stable")[:, :k]
    edge = np.partition(key, k - 1, axis=1)[:, k - 1 : k]  # the k-th smallest
    below = key < edge
    tied = key == edge
    room = k - below.sum(1, keepdims=True)
    chosen = below | (tied & (np.cumsum(tied, axis=1, dtype=np.int32) <= room))
    position = np.nonzero(chosen)[1].reshape(len(key), k)
    order = np.argsort(np.take_along_axis(key, position, axis=1), axis=1, kind="stable")
    return np.take_along_axis(position, order, axis=1)


class Moments:
    """Count, mean, standard deviation, smallest and largest value per line, merged block by block in float64 (Chan et
    al.)."""

    def __init__(self, lines: int) -> None:
        self.n = np.zeros(lines, dtype=np.int64)
        self.mean, self._m2 = np.zeros(lines), np.zeros(lines)
        self.min = np.full(lines, np.inf)
        self.max = np.full(lines, -np.inf)

    def update(self, values: np.ndarray, lines: slice = slice(None)) -> None:
        """Take in a block (lines, m)."""
        finite = np.isfinite(values)
        safe = np.where(finite, values, 0.0).astype(np.float64)
        count = finite.sum(1)
        mean = safe.sum(1) / np.maximum(count, 1)
        m2 = np.where(finite, (safe - mean[:, None]) ** 2, 0.0).sum(1)
        total = np.maximum(self.n[lines] + count, 1)
        delta = mean - self.mean[lines]
        self._m2[lines] += m2 + delta**2 * self.n[lines] * count / total
        self.mean[lines] += delta * count / total
        self.n[lines] += count
        self.min[lines] = np.minimum(self.min[lines], np.where(finite, values, np.inf).min(1))
        self.max[lines] = np.maximum(self.max[lines], np.where(finite, values, -np.inf).max(1))

    @property
    def std(self) -> np.ndarray:
        """Population standard deviation per line."""
        return np.sqrt(self._m2 / np.maximum(self.n, 1))

    @property
    def reach(self) -> np.ndarray:
        """The largest absolute value per line: the histogram runs from -reach to reach, so that zero is in its middle
        bin."""
        reach = np.where(self.n > 0, np.maximum(np.abs(self.min), np.abs(self.max)), 0.0)
        return np.where(reach > 0, reach, 1.0)


def histogram(values: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Counts (lines, BINS) int64 of one block (lines, m) in equal bins over ``[-reach, reach]`` of each line."""
    finite = np.isfinite(values)
    bins = np.clip(
        ((values / reach[:, None] + 1) / 2 * BINS), 0, BINS - 1, where=finite, out=np.zeros(values.shape)
    ).astype(np.int64)
    flat = (bins + np.arange(len(values))[:, None] * BINS)[finite]
    return np.bincount(flat, minlength=len(values) * BINS).reshape(len(values), BINS)
