"""Read a folder of pictures with a table beside them that says their labels, as Kaggle hands them out."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets import frames
from attribution.datasets.address import Address, address_of
from attribution.datasets.packed_text import ending
from attribution.datasets.picture_columns import picture_column
from attribution.datasets.picture_layout import METADATA, is_picture
from attribution.datasets.readers import register
from attribution.datasets.readers.table import Rows
from attribution.datasets.source import left_out, note
from attribution.datasets.splits import split_name
from attribution.datasets.stored import Stored
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("train", "label", "annotation", "data", "index")  # how the name of a table of labels begins
LOOKED_AT = 50  # rows of a table, and files of a folder, that show what lies there


@register("pictures-and-table")
class PicturesAndTable(Rows):
    """A flat folder of pictures with train.csv beside it; a column names the pictures, with suffix or without."""

    title = "a folder of pictures with a table"
    summary = "Pictures that lie in one folder, with a table beside it (train.csv) whose column names them."

    def sniff(self, path: Path, folder: bool) -> int:
        return 2 if folder and _table(str(path), path.stat().st_mtime_ns) else 0

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        table = self._table(address)
        names = tuple(frames.first_rows(table, 1).columns)
        frame = frames.read_frame(table, names, problems, max_gigabytes)
        others = [one.name for one in _tables(address.path) if one != table]
        problems.append(note(table.name, "holds the labels of the pictures that lie beside it"))
        problems += [left_out(name, f"not read: {table.name} is") for name in others]
        return frame, {}

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        return frames.first_rows(self._table(address_of(str(words))), count)

    def _table(self, address: Address) -> Path:
        return Path(_table(str(address.path), address.path.stat().st_mtime_ns))


@lru_cache(32)
def _table(folder: str, changed: int) -> str:
    """The table in a folder whose column names pictures that lie there; "" where the folders are classes, a metadata
    file lies there, or none does."""
    root = Path(folder)
    tables = _tables(root)
    names = {one.name.lower() for one in tables}
    if not tables or names & set(METADATA) or not _is_flat(root):
        return ""
    for table in tables:
        try:
            rows = frames.first_rows(table, LOOKED_AT).astype(object)
        except (UserError, OSError):
            continue
        if len(rows.columns) > 1 and picture_column(rows.map(_word), root, {}, ()):
            return str(table)
    return ""


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


def _tables(root: Path) -> list[Path]:
    """The tables right in a folder, those whose names say so first."""
    found = [one for one in root.iterdir() if ending(one) in frames.SUFFIXES and not one.name.startswith((".", "_"))]
    rank = {one: next((at for at, word in enumerate(FIRST) if one.stem.lower().startswith(word)), 99) for one in found}
    return sorted(found, key=lambda one: (rank[one], one.name))


def _is_flat(root: Path) -> bool:
    """Whether pictures lie in the folder or in one folder beside the table (or one per split), in no class folders."""
    folders = [one for one in root.iterdir() if one.is_dir() and not one.name.startswith(".")]
    flat = [one for one in folders if _holds_pictures(one)]
    named = [one for one in flat if split_name(one.name.split("_")[0].split("-")[0])]
    return _holds_pictures(root) or (len(flat) == 1 and len(folders) == 1) or (bool(flat) and len(named) == len(flat))


def _holds_pictures(folder: Path) -> bool:
    for number, one in enumerate(folder.iterdir()):
        if is_picture(one.name):
            return True
        if number > LOOKED_AT:
            break
    return False
