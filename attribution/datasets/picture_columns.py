"""A column of a table that holds pictures: their bytes, or paths of files that lie beside the table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.frames import missing
from attribution.datasets.pictures import SUFFIXES
from attribution.datasets.source import left_out, listed, note
from attribution.datasets.stored import Files, Held, Stored, bytes_of, is_encoded
from attribution.datasets.walk import in_few_lines
from attribution.datasets.words import whole
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 20  # values that show what a column holds
ENOUGH = 0.9  # of names without suffix are there
CALLED = ("image", "img", "file", "photo", "picture", "path", "name", "id", "filepath")  # a name without suffix


@dataclass(frozen=True)
class PictureColumn:
    """``bytes_of``: the pictures by number, one per row of the frame; ``files`` (n,) object: their names beside the
    table, None where none is there or the bytes are in the table (then all are)."""

    name: str
    bytes_of: Stored | Held
    files: np.ndarray | None = None


def picture_column(
    frame: "pd.DataFrame", folder: Path, stored: dict[str, Stored], used: Sequence[str]
) -> PictureColumn | None:
    """The first column that holds pictures and has no other use; None where there is none. ``stored``: those whose
    bytes stay in their files. ``folder``: where paths begin."""
    if stored:
        name = next(iter(stored))
        return PictureColumn(name, stored[name])
    beside: Beside | None = None
    for name in frame.columns:
        if name in used or frame[name].dtype.kind != "O":
            continue
        some = frame[name][~missing(frame[name])].iloc[:LOOKED_AT].tolist()
        if some and all(is_encoded(bytes_of(value)) for value in some):
            return PictureColumn(name, Held(frame[name].tolist()))
        words = [path for value in some if (path := path_of(value))]
        named = have_suffixes(words)
        if not named and not (len(set(words)) > 1 and len(words) == len(some) and _called_so(name)):
            continue
        beside = beside or Beside(folder)
        there = np.mean([beside.find(word) is not None for word in words])
        if there >= (1 / LOOKED_AT if named else ENOUGH):
            return _of_files(name, frame[name].tolist(), beside)
    return None


def refuse_outside(frame: "pd.DataFrame", folder: Path, used: Sequence[str]) -> None:
    """``UserError`` for a column of whole paths of pictures that are there, but not below the table's folder."""
    for name in frame.columns:
        if name in used or frame[name].dtype.kind != "O":
            continue
        words = [path for value in frame[name].iloc[:LOOKED_AT] if (path := path_of(value))]
        there = [word for word in words if os.path.isabs(word) and os.path.isfile(word)] if have_suffixes(words) else []
        if there:
            above = os.path.commonpath([os.path.dirname(word) for word in there] + [str(folder.absolute())])
            raise UserError(
                f"Column {name} names pictures outside of the table's folder, such as {there[0]}.",
                "Only what lies below the folder of the table is read.",
                f"Save the table in {above}, which lies above the pictures. To use the other columns alone, name them "
                "with --features.",
            )


def path_of(value: Any) -> str:
    """The path that a cell names: a word, or the path of a picture's object; "" for neither."""
    found = value.get("path") or value.get("file_name") if isinstance(value, dict) else value
    return whole(found.strip()) if isinstance(found, str) and len(found) < 1000 and "\0" not in found else ""


def have_suffixes(words: list[str]) -> bool:
    """Whether all of these words end as the names of picture files do."""
    return bool(words) and all(PurePosixPath(word).suffix.lower() in SUFFIXES for word in words)


def _called_so(name: str) -> bool:
    """Whether a column's name says that it holds names of files."""
    return any(part in CALLED for part in name.lower().replace("-", "_").split("_"))


def names_elsewhere(values: "pd.Series", name: str) -> list[dict[str, Any]]:
    """A line about a feature column that holds names of pictures which do not lie beside the table."""
    words = [path_of(value) for value in values.iloc[:LOOKED_AT]] if values.dtype.kind == "O" else []
    what = "holds names of pictures ({!r}) that do not lie beside the table; taken as categories"
    return [note(f"column {name}", what.format(words[0]))] if have_suffixes(words) else []


def _of_files(name: str, values: list[Any], beside: "Beside") -> PictureColumn:
    found = [beside.find(path) if (path := path_of(value)) else None for value in values]
    names = np.array([str(one or "") for one in found], dtype=object)
    return PictureColumn(name, Files.of(beside.folder, names.tolist()), np.array(found, dtype=object))


def gone(column: PictureColumn, values: "pd.Series", where: Sequence[str]) -> list[dict[str, Any]]:
    """Lines about the rows whose picture is not there; ``where`` names every row."""
    assert column.files is not None
    nowhere = [place for place, name in enumerate(column.files) if name is None]
    said = [f"{where[place]} ({path_of(values.iloc[place]) or 'no name'})" for place in nowhere]
    return in_few_lines(said, f"the picture that column {column.name} names does not lie beside the table")


def not_used(columns: Sequence[str], why: str) -> list[dict[str, Any]]:
    """A line about columns of pictures that nothing looks at."""
    return [left_out(f"column {listed(list(columns))}", f"not used: {why}", 0)] if columns else []


class Beside:
    """Finds files below a folder by their path from it; or by their name, with or without suffix, in the folder itself
    and in the folders directly in it. Nothing outside is found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = os.path.realpath(folder)
        self._names: dict[str, str | None] | None = None

    def find(self, word: str) -> str | None:
        """The path of the file that is meant, relative to the folder; None where there is none, or several."""
        inside = os.path.normpath(os.path.join(self._root, word.replace("\\", "/")))
        if os.path.isfile(inside) and PurePosixPath(inside).suffix.lower() in SUFFIXES:
            real = os.path.realpath(inside)
            return (
                os.path.relpath(inside, self._root) if _below(real, self._root) and _below(inside, self._root) else None
            )
        if self._names is None:
            self._names = self._listed()
        return self._names.get(word)

    def _listed(self) -> dict[str, str | None]:
        """Pictures by name and by name without suffix; None for a name that several have."""
        found: dict[str, str | None] = {}
        with os.scandir(self._root) as entries:
            places = sorted((one for one in entries if not one.name.startswith(".")), key=lambda one: one.name)
        inner = [one for one in places if one.is_dir(follow_symlinks=False)]
        files = [one.name for one in places if one.is_file()]
        for folder in inner:
            try:
                with os.scandir(folder.path) as entries:
                    files += sorted(
                        f"{folder.name}/{one.name}" for one in entries if one.is_file(follow_symlinks=False)
                    )
            except OSError:
                continue
        for name in files:
            path = PurePosixPath(name)
            if path.suffix.lower() in SUFFIXES:
                for called in {path.name, path.stem}:
                    found[called] = name if called not in found else None
        return found


def _below(path: str, root: str) -> bool:
    return path.startswith(root.rstrip(os.sep) + os.sep)
