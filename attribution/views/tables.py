"""Tables in pages: the browser gets one page of rows, never the whole frame."""

from typing import TypeVar

import numpy as np
import pandas as pd

Rows = TypeVar("Rows", pd.DataFrame, np.ndarray, list)


def page_count(n: int, size: int) -> int:
    """Number of pages that ``n`` rows fill, at least one."""
    return max(1, -(-n // size))


def page_of(rows: Rows, number: int, size: int) -> Rows:
    """Page ``number`` (1-based) of ``size`` rows; a number beyond the end gives the last page."""
    number = min(max(number, 1), page_count(len(rows), size))
    return rows[(number - 1) * size : number * size]


def mix(labels: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """How the classes are mixed in some samples: ``class``, ``n``, ``share`` (of one), most frequent first, absent ones left out."""
    counts = np.bincount(labels, minlength=len(classes))
    frame = pd.DataFrame({"class": list(classes), "n": counts, "share": counts / max(len(labels), 1)})
    return frame[frame["n"] > 0].sort_values("n", ascending=False, kind="stable").reset_index(drop=True)
