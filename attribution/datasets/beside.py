"""Columns of the user's that are neither label, split nor input: kept beside the data, to look at and to filter by."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attribution.datasets.extra import PREFIX
from attribution.datasets.frames import missing
from attribution.datasets.source import listed, note
from attribution.datasets.words import whole

if TYPE_CHECKING:
    import pandas as pd


def kept(frame: "pd.DataFrame", names: Iterable[str]) -> "pd.DataFrame":
    """These columns of a table as they are kept: numbers and yes or no as they are, everything else as words, None
    where there is nothing."""
    import pandas as pd

    return pd.DataFrame({f"{PREFIX}{name}": _plain(frame[name]) for name in names}, index=frame.index)


def said(names: list[str]) -> list[dict[str, Any]]:
    """A line for the import's report; none without such columns."""
    what = "not given to the model; kept to look at and to filter by"
    return [note(f"column{'s' * (len(names) > 1)} {listed(names)}", what)] if names else []


def _plain(values: "pd.Series") -> "pd.Series":
    if values.dtype.kind in "iufb":
        return values
    gone = missing(values)
    return values.astype(object).map(lambda value: whole(str(value))).where(~gone, None)
