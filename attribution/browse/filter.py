"""Which samples a filter means, in which order, and what a table shows of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.browse.columns import LIKE, Columns
from attribution.browse.see import alike
from attribution.browse.words import Filter, Term, between, parse, words
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Filter", "between", "matching", "ordered", "parse", "table", "words"]
USUAL = ("id", "split", "label", "prediction", "error", "certainty", "loss", "suspicion", "verdict", "tag")
FREE = ("id", "text", "note")  # where words without a column are looked for


def matching(filter: Filter, columns: Columns) -> np.ndarray:
    """Rows of the samples that a filter means, ascending int64; all of them for no terms. ``UserError`` for a column
    or a value that there is not. Cost: one pass over the rows for each value."""
    found = np.ones(len(columns.see.project.dataset), dtype=bool)
    for term in filter.terms:
        found &= _term(term, columns) != term.without
    return np.flatnonzero(found).astype(np.int64)


def _term(term: Term, columns: Columns) -> np.ndarray:
    """Which samples any of a term's values means."""
    found = np.zeros(len(columns.see.project.dataset), dtype=bool)
    for value in term.values:
        if term.column == LIKE:
            found[alike(columns.see.project, value.text)[0]] = True
        else:
            for name in [columns.called(term.column)] if term.column else [one for one in FREE if one in columns]:
                found |= columns[name].matches(value)
    return found


def ordered(filter: Filter, columns: Columns, rows: np.ndarray, by: str = "") -> np.ndarray:
    """These rows in the order of a column, ``-loss`` the largest first; those without a value last, equal ones by row.
    Without ``by``: the most alike first under ``like:``, else as they are."""
    if not by:
        like = [term for term in filter.of(LIKE) if not term.without]
        return _by_likeness(columns, rows, like[-1].values[0].text) if like else rows
    keys = columns[by.removeprefix("-")].keys[rows]
    return rows[np.argsort(-keys if by.startswith("-") else keys, kind="stable")]


def _by_likeness(columns: Columns, rows: np.ndarray, sample: str) -> np.ndarray:
    near, _ = alike(columns.see.project, sample)
    places = np.full(len(columns.see.project.dataset), len(near), dtype=np.int64)
    places[near] = np.arange(len(near))
    return rows[np.argsort(places[rows], kind="stable")]


def table(columns: Columns, names: Sequence[str], rows: "Sequence[int] | np.ndarray") -> "pd.DataFrame":
    """One line per row, indexed by row, with these columns (none: the usual ones that there are)."""
    import pandas as pd

    chosen = [columns.called(name) for name in names] or [columns.called(name) for name in USUAL if name in columns]
    n = len(columns.see.project.dataset)
    rows = np.asarray(rows, dtype=np.int64)
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise UserError(
            f"There is no row {rows.max() if rows.max() >= n else rows.min()}.", f"Rows go from 0 to {n - 1}.", ""
        )
    return pd.DataFrame({name: columns[name].cells(rows) for name in chosen}, index=pd.Index(rows, name="row"))
