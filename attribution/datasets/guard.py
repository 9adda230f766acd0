"""Cells of a CSV that a spreadsheet would run as a formula: written harmless, and read back as they were."""

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

GUARD = "'"
COLUMN = "datablame_guarded"  # lists, as JSON, the columns of a row whose cells carry a guard
_RUN = re.compile(r"'*[=+\-@\t\r\n]")  # what spreadsheets take for a formula, behind any number of guards
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?\s*%?")


def guarded(text: str) -> str:
    """The cell with ' before it where a spreadsheet would run it; numbers, also negative ones, stay as they are.
    ``unguarded`` gives every text back."""
    return GUARD + text if _RUN.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The inverse of ``guarded``."""
    inner = text[1:]
    return inner if text.startswith(GUARD) and _RUN.match(inner) and not _NUMBER.fullmatch(inner) else text


def marked(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with ``COLUMN``, if any of its cells will be guarded: an import then takes the guards away."""
    words = [name for name in table.columns if table[name].dtype.kind not in "iufbmM"]
    hit = {name: table[name].map(_will_be) for name in words}
    hit = {name: column for name, column in hit.items() if column.any()}
    if not hit:
        return table
    lists = [[name for name, column in hit.items() if column.iat[row]] for row in range(len(table))]
    return table.assign(**{COLUMN: [json.dumps(names, ensure_ascii=False) if names else "" for names in lists]})


def _will_be(value: Any) -> bool:
    return isinstance(value, str) and guarded(value) != value


def restored(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame without the guards that its ``COLUMN`` tells of; as it is where it has none."""
    if COLUMN not in frame:
        return frame
    rows: dict[str, list[int]] = {}
    for row, said in enumerate(frame[COLUMN]):
        for name in _names(said):
            rows.setdefault(name, []).append(row)
    return frame.assign(**{name: _freed(frame[name], rows[name]) for name in rows if name in frame and name != COLUMN})


def _freed(column: "pd.Series", rows: list[int]) -> "pd.Series":
    """A column whose cells in these rows carry no guard."""
    values = column.tolist()
    for row in rows:
        if isinstance(values[row], str):
            values[row] = unguarded(values[row])
    return type(column)(values, index=column.index, dtype=column.dtype)


def _names(said: Any) -> list[str]:
    """The columns that a cell of ``COLUMN`` lists; none where it is no list."""
    try:
        found = json.loads(said) if isinstance(said, str) and said else []
    except (ValueError, RecursionError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
