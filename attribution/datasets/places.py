"""Which sample somebody means by an id of their own, or by the place of a line in an array beside the data."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

NUMBERED = re.compile(r"row-(\d+)")  # ids that readers give to the lines of a table or of one array
FROM_ONE = "row "  # how the source of a table's line begins: those are counted from 1, arrays from 0


def places(dataset: "Dataset") -> np.ndarray:
    """Where each sample stands in the user's own order (n,) int64, from 0: the line of its table or array, also where
    other lines were left out or went to other splits; where ids are no line numbers, the place in
    ``project.samples``."""
    found = [NUMBERED.fullmatch(str(name)) for name in dataset.ids]
    if not found or not all(found):
        return np.arange(len(dataset))
    first = int(str(dataset.column("source").iloc[0]).startswith(FROM_ONE))
    return np.array([int(match.group(1)) - first for match in found if match], dtype=np.int64)


def rows_meant(dataset: "Dataset", ids: Any) -> np.ndarray:
    """Rows of these ids in the order given (m,) int64, -1 for one that there is not: a sample's id, or a whole number,
    which is its place (``places``) where no sample is called so."""
    given = list(ids)
    rows = dataset.find([str(one) for one in given])
    lost = np.flatnonzero(rows < 0)
    wholes = [place for place in lost.tolist() if _whole(given[place])]
    if wholes:
        own = places(dataset)
        row_at = dict(zip(own.tolist(), range(len(own)), strict=True))
        rows[wholes] = [row_at.get(int(given[place]), -1) for place in wholes]
    return rows


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) or str(value).isdecimal()
