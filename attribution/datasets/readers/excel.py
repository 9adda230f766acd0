"""Read a sheet of an Excel workbook, by pandas and openpyxl."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.address import Address, address_of
from attribution.datasets.frames import names_of
from attribution.datasets.readers import register
from attribution.datasets.readers.table import Rows
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import listed, note
from attribution.datasets.stored import Stored
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

TIMES = 4  # memory that cells take, as a multiple of the unpacked workbook


@register("excel")
class Excel(Rows):
    """The first sheet that has rows, values as they were last calculated."""

    title = "an Excel workbook"
    summary = "The first sheet of a workbook that has rows; names of columns in its first line (extra excel)."
    suffixes = (".xlsx", ".xlsm")

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        path = address.files()[0]
        frame, sheet, others = _sheet(path, max_gigabytes, None)
        if others:
            problems.append(note(path.name, f"its sheet {sheet!r} was read; {listed(others, 6)} were not"))
        return frame, {}

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        return _sheet(address_of(str(words)).files()[0], 0.0, count)[0]


def _sheet(path: Path, max_gigabytes: float, rows: int | None) -> tuple["pd.DataFrame", str, list[str]]:
    """The first sheet that has rows (its first ``rows``), its name, and those of the others."""
    _must_have_openpyxl(path)
    try:
        with zipfile.ZipFile(path) as packed:
            check_memory(path, 0, 0, TIMES * sum(one.file_size for one in packed.infolist()), max_gigabytes)
        frame, name, names = _first_with_rows(path, rows)
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as cause:
        raise UserError(
            f"{path.name} cannot be read as an Excel workbook: {cause}.",
            "It is damaged, or locked by a password.",
            "Save it again, or save the sheet as CSV in UTF-8.",
        ) from cause
    frame.columns = names_of(["" if str(one).startswith("Unnamed: ") else str(one) for one in frame.columns], path)
    return frame, name, [one for one in names if one != name]


def _must_have_openpyxl(path: Path) -> None:
    try:
        import openpyxl  # noqa: F401 - what pandas reads it with
    except ImportError as cause:
        raise UserError(
            f"{path.name} is an Excel workbook, and openpyxl is not installed.",
            "It reads such files.",
            "pip install openpyxl, or save the sheet as CSV in UTF-8.",
        ) from cause


def _first_with_rows(path: Path, rows: int | None) -> tuple["pd.DataFrame", str, list[str]]:
    """The first sheet that has rows, its name, and those of all."""
    import pandas as pd

    with pd.ExcelFile(path, engine="openpyxl") as book:
        names = [str(name) for name in book.sheet_names]
        for name in names:
            frame = book.parse(name, nrows=rows)
            if len(frame):
                break
    return frame, name, names
