"""How a column's values are spread over samples: a count per name, or per bar of a histogram."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attribution.browse.columns import Columns
from attribution.browse.filter import matching
from attribution.browse.kinds import Category, Column, Flag, Marks, Number
from attribution.browse.words import Filter

NAMES = ("no", "yes")


@dataclass(frozen=True)
class Spread:
    """Counts over all samples (``all``) and over those that a filter leaves (``found``), (k,) int each: of ``names``,
    or between ``edges`` (k + 1,); ``missing`` are the two counts of samples without a value."""

    all: np.ndarray
    found: np.ndarray
    missing: tuple[int, int]
    names: Sequence[str] = ()
    edges: Sequence[float] = ()


def spread(column: Column, mask: np.ndarray) -> Spread | None:
    """The spread of a column over all samples, and over those in ``mask`` (n,) bool; None for free text."""
    gone = column.missing
    missing = (int(gone.sum()), int((gone & mask).sum()))
    if isinstance(column, Number):
        edges, places = column.bars
        return Spread(*_counts(places, mask, len(edges) - 1), missing, edges=tuple(edges.tolist()))
    if isinstance(column, Flag):
        return Spread(*_counts(column.values, mask, len(NAMES)), missing, NAMES)
    if isinstance(column, Marks):
        held = [column.rows(name) for name in column.names]
        counts = np.array([[len(rows), int(mask[rows].sum())] for rows in held], dtype=np.int64).reshape(-1, 2)
        return Spread(counts[:, 0], counts[:, 1], missing, column.names)
    return _names(column, mask, missing) if isinstance(column, Category) else None


def _names(column: Category, mask: np.ndarray, missing: tuple[int, int]) -> Spread:
    """A count per name; a sample whose name stands for several counts for each of them."""
    whole = _counts(column.codes, mask, len(column.values[1]))
    names = column.names
    places = {name: place for place, name in enumerate(names)}
    pairs = [(code, places[part]) for code, name in enumerate(column.values[1]) for part in column.parts(name)]
    found = [np.zeros(len(names), dtype=np.int64) for _ in whole]
    for code, place in pairs:
        for counts, mine in zip(whole, found, strict=True):
            mine[place] += counts[code]
    return Spread(found[0], found[1], missing, names)


def _counts(codes: np.ndarray, mask: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each of the codes 0..k-1 occurs, in all and in the mask; below zero is none."""
    shifted = codes.astype(np.int64) + 1
    every = np.bincount(shifted, minlength=k + 1)[1:]
    return every, every if mask.all() else np.bincount(shifted[mask], minlength=k + 1)[1:]


def within(filter: Filter, columns: Columns, name: str) -> np.ndarray:
    """Which samples a filter leaves when what it says of one column is put aside, (n,) bool: among them that column's
    other values can be seen."""
    mask = np.zeros(len(columns.see.project.dataset), dtype=bool)
    mask[matching(filter.but(name), columns)] = True
    return mask
