"""Read what a query of a DuckDB database gives, by the package duckdb."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attribution.datasets.readers import register
from attribution.datasets.readers._query import BLOCK, Queried, taken
from attribution.errors import UserError


@register("duckdb")
class DuckDb(Queried):
    """The rows of a table or of a query, opened for reading alone."""

    title = "a DuckDB database"
    summary = "Rows of a DuckDB database: duckdb:FILE?table=NAME or 'duckdb:FILE?sql=SELECT ...' (extra duckdb)."
    suffixes = (".duckdb",)
    scheme = "duckdb"

    def tables(self, path: Path) -> list[str]:
        with _open(path) as database:
            asked = "SELECT table_name FROM information_schema.tables ORDER BY 1"
            return [name for (name,) in database.execute(asked).fetchall()]

    def fetch(self, path: Path, sql: str, count: int, max_gigabytes: float) -> tuple[list[str], list[Sequence[Any]]]:
        rows: list[Sequence[Any]] = []
        with _open(path) as database:
            found = database.execute(sql)
            names = [column[0] for column in found.description or []]
            while block := found.fetchmany(count or BLOCK):
                taken(block, rows, path, max_gigabytes)
                if count:
                    break
        return names, rows


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """A connection that can neither write nor reach other files or the network; what DuckDB says of a mistake is
    said."""
    try:
        import duckdb
    except ImportError as cause:
        raise UserError(
            f"{path.name} is a DuckDB database, and duckdb is not installed.",
            "It reads such files.",
            "pip install duckdb, or write the rows to Parquet: COPY (SELECT ...) TO 'rows.parquet'.",
        ) from cause
    try:
        options = {"enable_external_access": "false", "autoinstall_known_extensions": "false", "threads": "1"}
        with closing(duckdb.connect(str(path), read_only=True, config=options)) as database:
            yield database
    except duckdb.Error as cause:
        raise UserError(
            f"{path.name} does not answer: {str(cause).partition(chr(10))[0]}.",
            "The rows are not known.",
            "Check the query, and the file.",
        ) from cause
