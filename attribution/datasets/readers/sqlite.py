"""Read what a query of an SQLite database gives."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attribution.datasets.readers import register
from attribution.datasets.readers._query import BLOCK, Queried, taken
from attribution.errors import UserError


@register("sqlite")
class Sqlite(Queried):
    """The rows of a table or of a query, opened for reading alone."""

    title = "an SQLite database"
    summary = "Rows of an SQLite database: sqlite:FILE?table=NAME or 'sqlite:FILE?sql=SELECT ...'."
    suffixes = (".sqlite", ".sqlite3", ".db")
    scheme = "sqlite"

    def tables(self, path: Path) -> list[str]:
        with _open(path) as database:
            found = database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY 1"
            )
            return [name for (name,) in found]

    def fetch(self, path: Path, sql: str, count: int, max_gigabytes: float) -> tuple[list[str], list[Sequence[Any]]]:
        rows: list[Sequence[Any]] = []
        with _open(path) as database:
            cursor = database.execute(sql)
            if cursor.description is None:
                raise UserError(f"{sql!r} gives no rows.", "A project is made of rows.", "Ask with SELECT.")
            while block := cursor.fetchmany(count or BLOCK):
                taken(block, rows, path, max_gigabytes)
                if count:
                    break
        return [column[0] for column in cursor.description], rows


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can neither write nor open another file; what SQLite says of a mistake is said."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA query_only = ON")
            database.execute("PRAGMA trusted_schema = OFF")
            database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            yield database
    except (sqlite3.Error, sqlite3.Warning) as cause:
        raise UserError(
            f"{path.name} does not answer: {cause}.", "The rows are not known.", "Check the query, and the file."
        ) from cause
