"""Tables as Parquet files: whole or not at all, and small."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.storage.files import whole_file

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table without its index. Splitting floats by byte makes score tables 40 % smaller than Parquet's defaults."""
    floats = [name for name in table.columns if table[name].dtype.kind == "f"]
    with whole_file(path) as temporary:
        if floats:
            others = [name for name in table.columns if name not in floats]
            table.to_parquet(temporary, index=False, compression="zstd", use_dictionary=others, use_byte_stream_split=floats)
        else:
            table.to_parquet(temporary, index=False, compression="zstd")


def write_pieces(path: Path, pieces: "Iterator[pd.DataFrame]") -> None:
    """Write a table that comes in pieces (at least one) with the same columns; each is a row group, and only one is in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(pieces)
    floats = [name for name in first.columns if first[name].dtype.kind == "f"]
    others = [name for name in first.columns if name not in floats]
    table = pa.Table.from_pandas(first, preserve_index=False)
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, table.schema, compression="zstd", use_dictionary=others, use_byte_stream_split=floats) as out,
    ):
        out.write_table(table)
        for piece in pieces:
            out.write_table(pa.Table.from_pandas(piece, table.schema, preserve_index=False))
