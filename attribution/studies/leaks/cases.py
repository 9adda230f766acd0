"""From pairs of samples to cases: what hangs together at a threshold is one case, however often it was copied."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class Groups:
    """Disjoint sets of rows that grow together pair by pair."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self.count = 0

    def find(self, row: int) -> int:
        """The row that stands for this row's group."""
        root = row
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[row] != root:
            self._parent[row], row = root, self._parent[row]
        return root

    def join(self, one: int, other: int) -> None:
        """Put two rows into one group."""
        for row in (one, other):
            if row not in self._parent:
                self._parent[row] = row
                self.count += 1
        a, b = self.find(one), self.find(other)
        if a != b:
            self._parent[max(a, b)] = min(a, b)
            self.count -= 1


def agree(labels: np.ndarray, alike: float = 0.0) -> bool:
    """Whether these labels (m,) are one: the same class or set, or numbers at most ``alike`` apart."""
    return not float(np.ptp(labels)) > alike


def counts(pairs: "pd.DataFrame", thresholds: np.ndarray) -> np.ndarray:
    """Number of cases (t,) int64 at each of the ascending ``thresholds``: groups that the pairs with a ratio up to it
    make."""
    ordered = pairs.sort_values("ratio", kind="stable")
    ratios = ordered["ratio"].to_numpy()
    left = ordered["row"].tolist()
    right = ordered["other"].tolist()
    groups = Groups()
    at = 0
    found = []
    for threshold in thresholds:
        end = int(np.searchsorted(ratios, threshold, side="right"))
        for place in range(at, end):
            groups.join(left[place], right[place])
        at = max(at, end)
        found.append(groups.count)
    return np.array(found, dtype=np.int64)


def order(pairs: "pd.DataFrame") -> "pd.DataFrame":
    """The pairs, the best evidence first: the same content, then by how close they are for this data, then by how close
    to the model."""
    keys = (pairs["row"], pairs["other"], pairs["model_ratio"], pairs["ratio"], ~pairs["exact"])
    return pairs.iloc[np.lexsort([key.to_numpy() for key in keys])].reset_index(drop=True)


def group(pairs: "pd.DataFrame", threshold: float) -> "pd.DataFrame":
    """The pairs with a ratio up to ``threshold`` in order, with ``case``: 0 for the one with the best evidence, then 1,
    2, ..."""
    kept = order(pairs[pairs["ratio"] <= threshold])
    groups = Groups()
    for one, other in zip(kept["row"].tolist(), kept["other"].tolist(), strict=True):
        groups.join(one, other)
    numbers: dict[int, int] = {}
    case = [numbers.setdefault(groups.find(row), len(numbers)) for row in kept["row"].tolist()]
    return kept.assign(case=np.array(case, dtype=np.int32))


def summary(grouped: "pd.DataFrame", labels: np.ndarray, alike: float = 0.0) -> "pd.DataFrame":
    """One line per case of ``group``'s pairs: case, kind (exact, near), ratio (the smallest), row and other (its best
    pair), rows and others (tuples of all on either side), n (samples), conflict (whether labels differ, numbers by more
    than ``alike``)."""
    import pandas as pd

    lines = []
    for case, mine in grouped.groupby("case", sort=True):
        best = mine.iloc[0]
        rows = tuple(sorted(set(mine["row"].tolist())))
        others = tuple(sorted(set(mine["other"].tolist())))
        members = sorted({*rows, *others})
        lines.append(
            {
                "case": int(case),
                "kind": "exact" if bool(best["exact"]) else "near",
                "ratio": float(best["ratio"]),
                "row": int(best["row"]),
                "other": int(best["other"]),
                "rows": rows,
                "others": others,
                "n": len(members),
                "conflict": not agree(labels[members], alike),
            }
        )
    return pd.DataFrame(lines, columns=["case", "kind", "ratio", "row", "other", "rows", "others", "n", "conflict"])
