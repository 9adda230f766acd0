"""Slices: how well the model does where a column has a value, against the rest of the samples; the worst first."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.browse.columns import Columns
from attribution.browse.kinds import Category, Column, Flag, Marks, Number
from attribution.browse.words import Value, between, quoted, words
from attribution.statistics.by_group import figure_against_rest, holm, share_against_rest

if TYPE_CHECKING:
    import pandas as pd

    from attribution.tasks.figure import Figure

LEAST = 10  # samples of a slice, and of the rest
MOST = 60  # names of a column, beyond which it is no grouping
BANDS = 5  # of a number, about equally full
OURS = ("label", "group", "tag")  # of ours that are grouped by unasked, beside all of the user's
LEVEL = 0.05


def sliced(columns: Columns) -> list[str]:
    """Columns that samples are grouped by unasked."""
    return [name for name in columns if name in OURS or name in columns.own]


def slices(
    columns: Columns, names: Sequence[str], rows: np.ndarray, said: "pd.DataFrame", figure: "Figure"
) -> "pd.DataFrame":
    """A line per value of these columns among ``rows`` (k,), whose lines of ``Project.predictions`` are ``said``.

    Columns: column, slice (in words), n, value of the figure with low and high, difference to the rest with
    difference_low and difference_high (95 % each), p (adjusted by Holm for all slices together), told (below .05), and
    find (filter words). The worst come first: those that are told from chance, by the size of the difference.
    """
    import pandas as pd

    terms = figure.by_sample(said)
    share = terms.ndim == 1 and figure.unit == "%" and bool(np.isin(terms, (0.0, 1.0)).all())
    lines = []
    for name in names:
        for shown, find, inside in _values(columns[name], rows):
            n = int(inside.sum())
            if not LEAST <= n <= len(rows) - LEAST:
                continue
            line = share_against_rest(inside, terms > 0) if share else figure_against_rest(inside, terms, figure.value)
            lines.append({"column": name, "slice": shown, "n": n, **line, "find": find})
    table = pd.DataFrame(lines, columns=None if lines else _EMPTY)
    table["p"] = holm(table["p"].to_numpy())
    table["told"] = table["p"] < LEVEL
    worst = -figure.sign * table["difference"]  # large is bad
    order = np.lexsort((-worst.to_numpy(), ~(table["told"] & (worst > 0)).to_numpy()))
    return table.iloc[order].reset_index(drop=True)


_EMPTY = [
    "column",
    "slice",
    "n",
    "value",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "find",
]


def _values(column: Column, rows: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """The column's values among these rows: in words, as a filter, and which rows have it, (k,) bool."""
    if isinstance(column, Number):
        yield from _bands(column, column.values[rows])
    elif isinstance(column, Flag | Category | Marks):
        names: Sequence[str] = ("yes", "no") if isinstance(column, Flag) else column.names
        for name in names if len(names) <= MOST else ():
            yield name, words(column.name, name), column.matches(Value(name, True))[rows]


def _bands(column: Number, values: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """About equally full bands of a number (k,); one for each value where there are few."""
    known = np.unique(values[np.isfinite(values)])
    if len(known) <= BANDS:
        for value in known.tolist():
            yield f"{value:.6g}", between(column.name, value, value), values == value
        return
    quantiles = np.nanquantile(values, np.linspace(0, 1, BANDS + 1))
    ends = np.unique([float(f"{end:.6g}") for end in quantiles])  # as a filter writes them
    ends[0] = -np.inf
    ends[-1] = np.inf
    for low, high in itertools.pairwise(ends):
        parts = [f"{quoted(column.name)}:>{low:.6g}"] if np.isfinite(low) else []
        parts += [f"{quoted(column.name)}:<={high:.6g}"] if np.isfinite(high) else []
        edge = f"up to {high:.4g}" if np.isfinite(high) else f"above {low:.4g}"
        shown = f"{low:.4g} to {high:.4g}" if len(parts) == 2 else edge
        yield shown, " ".join(parts), (values > low) & (values <= high)
