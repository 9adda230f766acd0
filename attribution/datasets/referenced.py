"""Pictures that a project refers to instead of copying them: read from their own files, and checked, when asked for."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from attribution.datasets.depth import Ranges
from attribution.datasets.pictures import PictureFiles, resize, with_channels
from attribution.datasets.row_hashes import content_hash
from attribution.datasets.source import Unreadable
from attribution.datasets.stored import STORES, Stored
from attribution.errors import UserError
from attribution.storage.files import damage, read_json, write_json
from attribution.storage.tables import read_table, write_table

FROM_BYTES = 2_000_000_000  # as DataConfig.reference says of "auto"
CACHED_BYTES = 128 << 20  # of decoded pictures kept at once
ABOUT, PLACES = "referenced.json", "referenced.parquet"


def wanted(files: PictureFiles | None, how: str, copied_bytes: int) -> bool:
    """Whether pictures are to be referred to: where their source allows it, and it is asked for or copies would take
    much."""
    there = files is not None and isinstance(files.files, Stored)
    return there and (how == "reference" or (how == "auto" and copied_bytes >= FROM_BYTES))


def write(folder: Path, files: PictureFiles, places: Sequence[int], shape: tuple[int, int, int]) -> None:
    """Keep where the pictures of these numbers lie, in this order; ``shape``: (H, W, C) that they are brought to."""
    import pandas as pd

    assert isinstance(files.files, Stored)
    stored = files.files.take(places)
    names = np.array(stored.files, dtype=object)[stored.file]
    write_table(folder / PLACES, pd.DataFrame({"file": names, "at": stored.at, "size": stored.size}))
    known = {kind: [one.low, one.high] for kind, one in files.ranges.known.items()} if files.ranges else {}
    about = {"store": stored.name, "root": str(stored.root.absolute()), "column": stored.column}
    write_json(folder / ABOUT, {**about, "shape": list(shape), "megapixels": files.megapixels, "ranges": known})


def is_referenced(folder: Path) -> bool:
    """Whether the pictures of a data set are referred to."""
    return (folder / ABOUT).is_file()


class Referenced:
    """What stands for an array (n, H, W, C) uint8 of pictures that are decoded when rows are asked for.

    ``hashes()``: content hashes (n,), by which a picture that is not what was imported is told: ``UserError``. Cost:
    the decoding of the rows that are asked for; the last 128 MB are kept.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, folder: Path, hashes: Callable[[], np.ndarray]) -> None:
        self._folder = folder
        self._hashes = hashes
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = Lock()  # pages of one process ask at the same time
        with damage(folder / ABOUT):
            about = read_json(folder / ABOUT)
            self._about = about
            self._item: tuple[int, int, int] = tuple(about["shape"])
            self._store = STORES[about["store"]]
            self._root = Path(about["root"])
        self._table = read_table(folder / PLACES)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, H, W, C)."""
        return (len(self), *self._item)

    @property
    def nbytes(self) -> int:
        """Bytes that all of them would take in memory."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.arange(len(self))[rows]
        if chosen.ndim == 0:
            return self._row(int(chosen))[rest] if rest else self._row(int(chosen))
        found = np.empty((*chosen.shape, *self._item), dtype=np.uint8)
        flat = found.reshape(-1, *self._item)
        for place, row in enumerate(chosen.ravel()):
            flat[place] = self._row(int(row))
        return found[(slice(None), *rest)] if rest else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = self[:]
        return found if dtype is None else found.astype(dtype)

    def original(self, row: int) -> np.ndarray:
        """A picture's uint8 pixels (h, w, C) at its own size; ``UserError`` where it is gone or has changed."""
        try:
            pixels = with_channels(self._files.pixels(row), self._item[2])
        except Unreadable as cause:
            raise self._gone(row, str(cause)) from cause
        pixels = np.ascontiguousarray(pixels)
        if content_hash(str(pixels.shape).encode(), pixels.tobytes()) != self._hashes()[row]:
            raise self._gone(row, "it has changed since the data were imported")
        return pixels

    def _row(self, row: int) -> np.ndarray:
        """The picture as the model sees it (H, W, C), from the cache where it is there."""
        with self._lock:
            if row in self._cache:
                self._cache.move_to_end(row)
                return self._cache[row]
        found = resize(self.original(row), *self._item[:2])
        found.flags.writeable = False
        with self._lock:
            self._cache[row] = found
            while len(self._cache) * found.nbytes > CACHED_BYTES:
                self._cache.popitem(last=False)
        return found

    @cached_property
    def _files(self) -> PictureFiles:
        codes, names = self._table["file"].factorize()
        at, size = (self._table[name].to_numpy(dtype=np.int64) for name in ("at", "size"))
        stored = self._store(self._root, tuple(names), codes.astype(np.int64), at, size, self._about["column"])
        files = PictureFiles(stored, [], self._about["megapixels"])
        files.ranges = Ranges.of(self._about["ranges"]) if self._about["ranges"] else None
        return files

    def _gone(self, row: int, why: str) -> UserError:
        name = self._table["file"].iloc[row]
        return UserError(
            f"The picture of row {row} cannot be read from {self._root / name}: {why}.",
            "The project refers to the pictures in their files and holds no copies of them.",
            "Put the file back as it was, or make the project anew (--reference copy keeps copies).",
        )
