"""What readers of databases share: which query is asked, and how its rows become a frame."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.address import Address, address_of
from attribution.datasets.frames import names_of
from attribution.datasets.readers.table import Rows
from attribution.datasets.sizes import PER_ROW
from attribution.datasets.source import listed
from attribution.datasets.stored import Stored
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 10_000  # rows fetched at once


class Queried(Rows):
    """The rows that a query of a database gives, read by a connection that cannot write."""

    @abstractmethod
    def tables(self, path: Path) -> list[str]:
        """The names of the tables and views."""

    @abstractmethod
    def fetch(self, path: Path, sql: str, count: int, max_gigabytes: float) -> tuple[list[str], list[Sequence[Any]]]:
        """Names of the columns, and the rows of a query: the first ``count`` (0: all)."""

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        return self._frame(address, 0, max_gigabytes), {}

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        return self._frame(address_of(str(words)), count, 0.0)

    def _frame(self, address: Address, count: int, max_gigabytes: float) -> "pd.DataFrame":
        import pandas as pd

        names, rows = self.fetch(address.path, self.sql(address), count, max_gigabytes)
        if not rows:
            what = f"The query gives no row of {address.path.name}."
            raise UserError(what, "There is nothing to load.", "Change it.")
        return pd.DataFrame(rows, columns=names_of(names, address.path))

    def sql(self, address: Address) -> str:
        """What is asked: the query, or all of a table; of the only one where none is named."""
        kind, value = address.asked
        if kind == "sql":
            return value
        known = self.tables(address.path)
        if not kind and len(known) == 1:
            value = known[0]
        if value not in known:
            raise UserError(
                f"{address.path.name} has no table {value!r}."
                if kind
                else f"No table of {address.path.name} is named.",
                f"Its tables: {listed(known) or 'none'}.",
                f"Write {self.scheme}:{address.path}?table={known[0] if known else 'NAME'}, or ?sql=SELECT ... (the "
                "whole in quotes).",
            )
        return f'SELECT * FROM "{value.replace(chr(34), chr(34) * 2)}"'


def taken(block: list[Sequence[Any]], rows: list[Sequence[Any]], path: Path, max_gigabytes: float) -> None:
    """Add rows to those that were fetched; ``UserError`` once they would take more than ``max_gigabytes`` (0: no
    limit)."""
    rows += block
    if not max_gigabytes or not rows:
        return
    first = rows[-len(block) :][:100]
    wide = sum(len(value) if isinstance(value, (str, bytes)) else 8 for row in first for value in row) / len(first)
    if len(rows) * (PER_ROW + 50 * len(rows[0]) + wide) > max_gigabytes * 1e9:
        raise UserError(
            f"The query of {path.name} gives more than {len(rows):,} rows.",
            f"They would take more than the limit of {max_gigabytes:g} GB of memory.",
            "Ask for fewer (LIMIT), or raise the limit with --max-gigabytes.",
        )
