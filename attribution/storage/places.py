"""Where rows stand in a table that holds only some of them: an array instead of a dict, so that a million rows take 4
MB."""

import numpy as np


class Places:
    """Places of ``rows`` (n,), all different and not negative, in their own order."""

    def __init__(self, rows: np.ndarray) -> None:
        self._place = np.full(int(rows.max()) + 1 if len(rows) else 0, -1, dtype=np.int32)
        self._place[rows] = np.arange(len(rows), dtype=np.int32)

    def __contains__(self, row: int) -> bool:
        return 0 <= row < len(self._place) and self._place[row] >= 0

    def __getitem__(self, row: int) -> int:
        if row not in self:
            raise KeyError(row)
        return int(self._place[row])

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Which of these rows (k,) are there, (k,) bool."""
        rows = np.asarray(rows, dtype=np.int64)
        inside = (rows >= 0) & (rows < len(self._place))
        inside[inside] = self._place[rows[inside]] >= 0
        return inside

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Places (k,) int64 of rows that are all there; ``KeyError`` naming one that is not."""
        rows = np.asarray(rows, dtype=np.int64)
        known = self.known(rows)
        if not known.all():
            raise KeyError(int(rows[~known][0]))
        return self._place[rows].astype(np.int64)
