"""Values that are not there in the columns of a table: what stands in for them, and the input that says so."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.source import note

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "(no value)"  # how the input that says so, and a category of its own, are called
RULES = {
    "median": lambda values: float(np.median(values)),
    "mean": lambda values: float(np.mean(values)),
    "zero": lambda values: 0.0,
}


@dataclass(frozen=True)
class Filled:
    """A number column (n,) with nothing missing, what stands in (None: nothing was missing), and where (n,) bool."""

    values: np.ndarray
    stands_in: float | None
    gone: np.ndarray


def filled(values: "pd.Series", training: np.ndarray, rule: str) -> Filled:
    """A column of numbers with NaN replaced by what ``rule`` makes of its training values; whole columns as they
    are."""
    plain = values.to_numpy()
    gone = np.isnan(plain) if plain.dtype.kind == "f" else np.zeros(len(plain), dtype=bool)
    if not gone.any():
        return Filled(plain, None, gone)
    known = plain[training & ~gone]
    stands_in = float(f"{RULES[rule](known):.9g}") if len(known) else 0.0
    return Filled(np.where(gone, stands_in, plain), stands_in, gone)


def indicator(found: Filled, training: np.ndarray, name: str) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The input (n, 1) that is 1 where a value is missing, with its description; (n, 0) where training rows all have
    one, or none: nothing is learned from it."""
    share = found.gone[training].mean() if training.any() else 0.0
    if not 0 < share < 1:
        return np.zeros((len(found.gone), 0), dtype=np.float32), []
    return found.gone[:, None].astype(np.float32), [{"name": name, "kind": "category", "value": NOTHING}]


def said(found: Filled, name: str, rule: str, told_apart: bool) -> list[dict[str, Any]]:
    """The line about a column with missing values."""
    if found.stands_in is None:
        return []
    of = {"median": "the median of its training rows", "mean": "the mean of its training rows", "zero": "0"}[rule]
    own = ", and an input of its own says where" if told_apart else ""
    count = int(found.gone.sum())
    value = f" ({found.stands_in:.6g})" if rule != "zero" else ""
    return [note(f"column {name}", f"has no value in some rows ({count:,}): {of}{value} stands in{own}", count)]


def said_of_words(words: "pd.Series", name: str) -> list[dict[str, Any]]:
    """The line about a column of categories with missing values."""
    count = int((words == "").sum())
    what = f"has no value in some rows ({count:,}): a category of its own"
    return [note(f"column {name}", what, count)] if count else []
