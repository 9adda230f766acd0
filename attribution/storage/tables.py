"""Tables as Parquet files: whole or not at all, and small."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from attribution.storage.files import damage, whole_file
from attribution.storage.sums import checked

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: "pd.DataFrame", lines: int | None = None) -> None:
    """Write a table without its index, ``lines`` in a block that can be read alone (None: Parquet's own size).

    Splitting floats by byte makes score tables 40 % smaller than Parquet's defaults.
    """
    floats = [name for name in table.columns if table[name].dtype.kind == "f"]
    with whole_file(path) as temporary:
        if floats:
            others = [name for name in table.columns if name not in floats]
            kept: dict[str, Any] = {"use_dictionary": others, "use_byte_stream_split": floats}
            table.to_parquet(temporary, index=False, compression="zstd", row_group_size=lines, **kept)
        else:
            table.to_parquet(temporary, index=False, compression="zstd", row_group_size=lines)


def read_table(path: Path, **how: Any) -> "pd.DataFrame":
    """Read a table (``how``: ``columns``, ``filters``); ``UserError`` for one that is gone, cut, or changed since it
    was written."""
    import pyarrow.parquet

    with damage(path):
        return pyarrow.parquet.read_table(checked(path), **how).to_pandas()


class Lines:
    """Reads single lines of a large table file: a block of them at a time, the last few blocks stay in memory."""

    def __init__(self, path: Path, kept: int = 12) -> None:
        import numpy as np
        import pyarrow.parquet

        with damage(path):
            self._file = pyarrow.parquet.ParquetFile(checked(path))
        counts = [self._file.metadata.row_group(block).num_rows for block in range(self._file.num_row_groups)]
        self._ends = np.cumsum(counts)
        self._block = lru_cache(maxsize=kept)(self._read)
        self._lock = Lock()

    def iloc(self, row: int) -> "pd.Series":
        """The line of this number, from 0."""
        block = int(self._ends.searchsorted(row, side="right"))
        first = int(self._ends[block - 1]) if block else 0
        with self._lock:  # two sessions may ask one file at once
            return self._block(block).iloc[row - first]

    def _read(self, block: int) -> "pd.DataFrame":
        return self._file.read_row_group(block).to_pandas()


def write_pieces(path: Path, pieces: "Iterator[pd.DataFrame]") -> None:
    """Write a table that comes in pieces (at least one) with the same columns; each is a row group, and only one is in
    memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(pieces)
    floats = [name for name in first.columns if first[name].dtype.kind == "f"]
    others = [name for name in first.columns if name not in floats]
    table = pa.Table.from_pandas(first, preserve_index=False)
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(
            temporary, table.schema, compression="zstd", use_dictionary=others, use_byte_stream_split=floats
        ) as out,
    ):
        out.write_table(table)
        for piece in pieces:
            out.write_table(pa.Table.from_pandas(piece, table.schema, preserve_index=False))
