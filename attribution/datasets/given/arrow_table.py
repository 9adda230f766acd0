"""Arrow and what gives Arrow tables: pyarrow, polars, a DuckDB relation."""

from typing import Any

from attribution.datasets.given import register
from attribution.datasets.given.base import Kind, Part, Wanted
from attribution.errors import UserError


@register("arrow")
class Arrow(Kind):
    """A table in Arrow's types."""

    title = "a polars DataFrame or a pyarrow Table"
    types = (
        "pyarrow:Table",
        "pyarrow:RecordBatch",
        "polars:DataFrame",
        "polars:LazyFrame",
        "duckdb:DuckDBPyRelation",
        "_duckdb:DuckDBPyRelation",
    )

    def part(self, data: Any, wanted: Wanted) -> Part:
        import pyarrow as pa

        if type(data).__qualname__ == "LazyFrame":
            raise UserError(
                "The data is a polars LazyFrame.", "It has not been read yet.", "Pass its rows: data=frame.collect()."
            )
        if isinstance(data, pa.RecordBatch):
            data = pa.Table.from_batches([data])
        if not isinstance(data, pa.Table):
            data = data.to_arrow_table() if hasattr(data, "to_arrow_table") else data.to_arrow()
        return Part(len(data), table=_plain(data))


def _plain(table: Any) -> Any:
    """The columns without dictionaries and views, which not every reader knows."""
    import pyarrow as pa

    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if str(column.type) in ("string_view", "large_string"):
            column = column.cast(pa.string())
        columns[str(name)] = column
    return pa.table(columns)
