"""Rows of a table: how far their columns differ, each column on its own scale."""

from functools import cached_property
from typing import ClassVar

import numpy as np

from attribution.modalities.similarity.base import Criterion, Pairs, Similarity, register
from attribution.neighbors.bounds import nearest_in_reach
from attribution.neighbors.exact import nearest_among
from attribution.progress import Progress

WIDEST = 96  # inputs; wider tables are searched through a random projection of this width, and measured in full
LIMIT = 1e12  # multiplications up to which even a wide table is searched in full
EXACT_PAIRS = 1_000_000_000  # up to here all pairs are compared
SHORTENED = 1.3  # a random projection shortens one distance in about 100,000 by more


@register("tabular")
class TabularSimilarity(Similarity):
    """distance(i, q) = sqrt(mean over columns of d^2), d the difference in training standard deviations for a number, 0
    or 1 for a word.

    A group column that is no feature takes no part. The search works on the standardised columns with each word as one
    column of its own; wide tables on a random projection of them. Beyond ``EXACT_PAIRS`` it skips the parts of the
    space that hold no close row.
    """

    title = "columns"
    summary = (
        "0 is the same value in every column. A table of few or coarse columns has equal rows that are no "
        "copies: look at the numbers."
    )
    formula = "√(mean over columns of d²), d in standard deviations, or 0 / 1 for words"
    cost = (
        "One product of the encoded rows per pair of samples, beyond 10⁹ pairs for about one pair in thirty; columns "
        "are compared for the candidates alone."
    )
    source = "After Gower, A general coefficient of similarity (1971)."
    threshold = 0.05  # rows of a table lie densely: many are close without being the same
    measures: ClassVar[dict[str, Criterion]] = {
        "equal": Criterion("columns that are equal", 0.9, True, "Share of the columns with exactly the same value.")
    }

    @cached_property
    def _columns(self) -> list[tuple[np.ndarray, float]]:
        """Each column's values (n,), and the standard deviation of a number (0: words)."""
        samples = self.dataset.samples
        found = []
        training = (samples["split"] == "train").to_numpy()
        for name in [name for name in samples.columns if name.startswith("col:")]:
            values = samples[name].to_numpy()
            if values.dtype.kind in "iuf":
                values = values.astype(np.float64)
                gone = np.isnan(values)
                if gone.any():  # as near to each other as to the middle
                    values = np.where(gone, np.nanmedian(values), values)
                found.append((values, float(values[training].std()) or 1.0))
            else:
                found.append((np.unique(values.astype(str), return_inverse=True)[1], 0.0))
        if not found:  # a dataset made of inputs alone
            inputs = np.asarray(self.dataset.inputs, dtype=np.float64)
            found = [(column, float(column[training].std()) or 1.0) for column in inputs.T]
        return found

    def closest(self, rows: np.ndarray, among: np.ndarray, k: int, progress: Progress | None = None) -> Pairs:
        points = np.asarray(self.dataset.inputs, dtype=np.float32)
        projected = points.shape[1] > WIDEST and len(rows) * len(among) * points.shape[1] > LIMIT
        if projected:
            chance = np.random.default_rng(0)
            points = (
                points
                @ chance.normal(size=(points.shape[1], WIDEST)).astype(np.float32)
                / np.sqrt(WIDEST, dtype=np.float32)
            )
        if not self.in_cells(len(rows), len(among)):
            left, right = self._all_compared(points, rows, among, k + 1, progress)
        else:
            found = nearest_in_reach(points[rows], points[among], k + 1, progress=progress)
            self.recall = min(self.recall, found.recall)
            self.certain = min(self.certain, found.certain / self._stretch(projected))
            known = found.places >= 0
            left = among[found.places[known]]
            right = np.repeat(rows, known.sum(1))
        other = left != right
        return self.compare(left[other], right[other])

    def in_cells(self, n_rows: int, n_among: int) -> bool:
        return n_rows * n_among > EXACT_PAIRS

    def _all_compared(
        self, points: np.ndarray, rows: np.ndarray, among: np.ndarray, k: int, progress: Progress | None
    ) -> tuple[np.ndarray, np.ndarray]:
        left = [np.zeros(0, dtype=np.int64)]
        right = [np.zeros(0, dtype=np.int64)]
        base = points[among]
        for start in range(0, len(rows), 4096):
            part = rows[start : start + 4096]
            places, _ = nearest_among(points[part], base, k)
            left.append(among[places].ravel())
            right.append(np.repeat(part, places.shape[1]))
            if progress is not None:
                progress.update(start, len(rows), f"comparing rows, {start:,} of {len(rows):,}")
        return np.concatenate(left), np.concatenate(right)

    def _stretch(self, projected: bool) -> float:
        """By what rows at a distance of 1 differ at most in the space that is searched: a word that differs turns two
        inputs."""
        if any(name.startswith("col:") for name in self.dataset.samples.columns):
            most = 1.0 if all(scale for _, scale in self._columns) else 2.0
        else:
            most = max(scale for _, scale in self._columns) ** 2
        return float(np.sqrt(len(self._columns) * most)) * (SHORTENED if projected else 1.001)

    def compare(self, left: np.ndarray, right: np.ndarray) -> Pairs:
        total = np.zeros(len(left))
        for values, scale in self._columns:
            total += ((values[left] - values[right]) / scale) ** 2 if scale else (values[left] != values[right])
        return Pairs(
            left, right, np.sqrt(total / len(self._columns)).astype(np.float32), np.full(len(left), "", dtype=object)
        )

    def measured(self, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
        same = sum((values[left] == values[right]).astype(np.float64) for values, _ in self._columns)
        return {"equal": np.asarray(same) / len(self._columns)}
