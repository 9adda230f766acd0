"""Which sample somebody means by an id of their own, or by the place of a line in an array beside the data."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

LINE = re.compile(r"(row) (\d+)")  # the source of a table's line, counted from 1
ENTRY = re.compile(r"(\w+)\[(\d+)\]")  # that of an array's, counted from 0


def places(dataset: "Dataset") -> np.ndarray:
    """Where each sample stands in the user's own order (n,) int64, from 0: the line of its table or of its one array,
    also where other lines were left out or went to other splits; else the place in ``project.samples``."""
    sources = [str(one) for one in dataset.column("source")]
    for pattern, first in ((LINE, 1), (ENTRY, 0)):
        found = [pattern.fullmatch(one) for one in sources]
        if found and all(found) and len({match.group(1) for match in found if match}) == 1:
            return np.array([int(match.group(2)) - first for match in found if match], dtype=np.int64)
    return np.arange(len(dataset))


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
