"""Read Feather and Arrow files, as pandas, Polars and DuckDB write them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets import hugging_features
from attribution.datasets.address import Address, address_of
from attribution.datasets.frames import index_columns, names_of
from attribution.datasets.readers import register
from attribution.datasets.readers.table import Rows
from attribution.datasets.sizes import check_memory
from attribution.datasets.stored import Stored
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@register("arrow")
class Arrow(Rows):
    """A table in Arrow's own format, as a file or as a stream."""

    title = "an Arrow file"
    summary = "A table in Arrow's own format: Feather, an IPC file or stream."
    suffixes = (".feather", ".arrow", ".ipc")

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        path = address.files()[0]
        table = _table(path)
        check_memory(path, len(table), table.num_columns, table.nbytes, max_gigabytes)
        return _frame(table, path), {}

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        path = address_of(str(words)).files()[0]
        return _frame(_table(path).slice(0, count), path)


def _table(path: Path) -> Any:
    """The table, mapped into memory where it is not compressed."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as mapped:
            start = mapped.read(6)
            mapped.seek(0)
            if start.startswith(b"FEA1"):
                from pyarrow import feather

                return feather.read_table(str(path))
            opened = pa.ipc.open_file if start == b"ARROW1" else pa.ipc.open_stream
            with opened(mapped) as reader:
                return reader.read_all()
    except (pa.ArrowException, OSError, ValueError) as cause:
        raise UserError(
            f"{path.name} is not whole as an Arrow file: {str(cause).partition(chr(10))[0]}.".replace("..", "."),
            "Its rows are not known.",
            "Write it again.",
        ) from cause


def _frame(table: Any, path: Path) -> "pd.DataFrame":
    described = hugging_features.of_schema(table.schema)
    index = index_columns(table.schema)
    names = names_of(list(table.schema.names), path)
    plain = table.replace_schema_metadata(None)
    frame: pd.DataFrame = plain.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    hugging_features.name_classes(frame, table.schema.names, described)
    frame.columns = names
    frame.attrs["index"] = [name for name in index if name in names]
    return frame
