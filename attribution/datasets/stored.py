"""Where the bytes of pictures lie: files of their own, rows of Parquet or Arrow files, or places in a tar; read when
one is asked for."""

import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from attribution.datasets.source import Unreadable

LARGEST_FILE = 256 << 20  # bytes of one encoded picture
KEPT = 2  # row groups held at once


@dataclass(frozen=True)
class Stored(Sequence[Path | bytes], ABC):
    """Encoded pictures by number. ``files``: names relative to ``root``; ``file`` (n,) int64: which of them holds a
    picture, ``at`` (n,) int64: where in it, ``size`` (n,) int64: how many bytes (0: not known). ``column``: of a
    table."""

    root: Path
    files: tuple[str, ...]
    file: np.ndarray
    at: np.ndarray
    size: np.ndarray
    column: str = ""
    name: ClassVar[str]

    def __len__(self) -> int:
        return len(self.file)

    def take(self, places: Any) -> "Stored":
        """Those of these numbers, in this order."""
        return replace(self, file=self.file[places], at=self.at[places], size=self.size[places])

    def path(self, i: int) -> Path:
        """The file that holds a picture."""
        return self.root / self.files[int(self.file[i])]

    def __getitem__(self, i: Any) -> Any:
        return self.read(int(i))

    @abstractmethod
    def read(self, i: int) -> Path | bytes:
        """The picture's own file, or its bytes; none (b"") where nothing is stored. ``Unreadable`` where the file is
        gone."""


class Files(Stored):
    """Each picture is a file of its own."""

    name = "file"

    def read(self, i: int) -> Path | bytes:
        return self.path(i)

    @staticmethod
    def of(root: Path, names: Sequence[str]) -> "Files":
        """These files below ``root``."""
        n = len(names)
        return Files(root, tuple(names), np.arange(n), np.zeros(n, np.int64), np.zeros(n, np.int64))


class Places(Stored):
    """Each picture is a stretch of bytes in a file: a member of a tar."""

    name = "place"

    def read(self, i: int) -> Path | bytes:
        if self.size[i] > LARGEST_FILE:
            raise Unreadable(f"has {int(self.size[i]):,} bytes; at most {LARGEST_FILE:,} are read")
        try:
            with open(self.path(i), "rb") as stream:
                stream.seek(int(self.at[i]))
                return stream.read(int(self.size[i]))
        except OSError as cause:
            raise Unreadable(f"{self.path(i).name} cannot be opened: {cause.strerror}") from cause


class ParquetRows(Stored):
    """Each picture is a value of a Parquet file: the row ``at`` of ``column``. The row groups read last are kept."""

    name = "parquet"

    def read(self, i: int) -> Path | bytes:
        return _row_group(str(self.path(i)), self.column, int(self.at[i]))


@lru_cache(8)
def _parquet_file(path: str, changed: int) -> tuple[Any, np.ndarray]:
    """An open Parquet file and the rows at which its groups end."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path, memory_map=True)
    ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
    return file, ends


class ArrowRows(Stored):
    """Each picture is a value of an Arrow stream file, which is mapped into memory: the row ``at`` of ``column``."""

    name = "arrow"

    def read(self, i: int) -> Path | bytes:
        import pyarrow

        path = self.path(i)
        try:
            column, ends = _arrow_column(str(path), self.column, os.stat(path).st_mtime_ns)
            row = int(self.at[i])
            batch = int(np.searchsorted(ends, row, side="right"))
            found = column[batch][row - (int(ends[batch - 1]) if batch else 0)].as_py()
        except (OSError, IndexError, KeyError, pyarrow.ArrowException) as cause:
            raise Unreadable(f"cannot be read from {path.name}: {str(cause).partition(chr(10))[0]}") from cause
        return bytes_of(found)


@lru_cache(16)
def _arrow_column(path: str, column: str, changed: int) -> tuple[list[Any], np.ndarray]:
    """One column of an Arrow stream file, batch by batch, and the rows at which the batches end."""
    import pyarrow as pa

    with pa.ipc.open_stream(pa.memory_map(path)) as stream:
        batches = [batch.column(column) for batch in stream]
    return batches, np.cumsum([len(batch) for batch in batches])


_lock = Lock()  # pages of one process ask at the same time
_groups: OrderedDict[tuple[str, int, str, int], Any] = OrderedDict()


def _row_group(path: str, column: str, row: int) -> bytes:
    """A picture's bytes in a Parquet file."""
    import pyarrow

    try:
        changed = os.stat(path).st_mtime_ns
        file, ends = _parquet_file(path, changed)
        group = int(np.searchsorted(ends, row, side="right"))
        values = _values(file, (path, changed, column, group))
        found = values[row - (int(ends[group - 1]) if group else 0)].as_py()
    except (OSError, IndexError, KeyError, ValueError, pyarrow.ArrowException) as cause:
        raise Unreadable(f"cannot be read from {Path(path).name}: {str(cause).partition(chr(10))[0]}") from cause
    return bytes_of(found)


def _values(file: Any, key: tuple[str, int, str, int]) -> Any:
    """One column of a row group, from those that are kept or from the file."""
    with _lock:
        if key not in _groups:
            _groups[key] = file.read_row_group(key[3], columns=[key[2]]).column(0).combine_chunks()
            while len(_groups) > KEPT:
                _groups.popitem(last=False)
        _groups.move_to_end(key)
        return _groups[key]


def bytes_of(value: Any) -> bytes:
    """The bytes of a picture as tables store it: themselves, or beside a path; b"" for neither. What only a path names
    is not opened."""
    found = value.get("bytes") if isinstance(value, dict) else value
    return bytes(found) if isinstance(found, (bytes, bytearray, memoryview)) else b""


SIGNS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6")


def is_encoded(start: bytes) -> bool:
    """Whether bytes begin as those of a picture file do."""
    return start.startswith(SIGNS) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def joined(parts: Sequence[Stored]) -> Stored:
    """Pictures of several files, one after the other."""
    first = parts[0]
    if len(parts) == 1:
        return first
    root = Path(os.path.commonpath([part.root for part in parts]))
    shift = np.cumsum([0, *(len(part.files) for part in parts)])
    names = [os.path.relpath(part.root / name, root) for part in parts for name in part.files]
    file, at, size = (np.concatenate([getattr(part, name) for part in parts]) for name in ("file", "at", "size"))
    moved = file + np.repeat(shift[:-1], [len(part) for part in parts])
    return replace(first, root=root, files=tuple(names), file=moved, at=at, size=size)


@dataclass(frozen=True)
class Held(Sequence[bytes]):
    """Pictures whose bytes were read with their table, and are in memory."""

    values: list[Any]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: Any) -> Any:
        return bytes_of(self.values[i])

    def take(self, places: Any) -> "Held":
        """Those of these numbers, in this order."""
        return Held([self.values[place] for place in places])


STORES: dict[str, type[Stored]] = {kind.name: kind for kind in (Files, Places, ParquetRows, ArrowRows)}
