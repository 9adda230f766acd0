"""What every reader offers: whether a path is its, and the samples that lie there."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attribution.datasets.address import Address, address_of
from attribution.datasets.packed_text import ending
from attribution.datasets.readers import readers
from attribution.datasets.source import Source
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("text", "features", "id", "split", "group")  # settings that name columns, beside the label


class Reader(ABC):
    """Reads one kind of data. A subclass is one file: the words below and ``read``.

    Where several readers could read a path, the one that is surest (``sniff``) does.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # with its article: "a table"
    summary: ClassVar[str]  # what it reads, and how it should be laid out
    suffixes: ClassVar[tuple[str, ...]] = ()  # of the files that it reads
    scheme: ClassVar[str] = ""  # before the path of what is asked: sqlite:FILE?sql=...
    labelled: ClassVar[bool] = True  # a sample has a target beside it
    kind: ClassVar[str] = "archive"  # "table": columns are chosen from its own; "folder": named; "archive": it has none

    def sniff(self, path: Path, folder: bool) -> int:
        """How surely the path (a folder, or not) is for this reader: 2 it is, 1 if nobody else wants it, 0 it is not.

        Asked of paths that need not exist, too: then by their name alone.
        """
        return 2 if not folder and ending(path) in self.suffixes else 0

    @abstractmethod
    def read(self, config: DataConfig) -> Source:
        """The samples of ``config.path``, listed and checked; ``UserError`` naming the file or row for what is
        wrong."""

    def unused(self, path: Path) -> tuple[str, ...]:
        """Settings that name columns (``ROLES``) and mean nothing here."""
        return () if self.kind == "table" else ROLES

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        """The first rows of what has columns of its own (``words``: as ``DataConfig.path``), to choose them by; empty
        otherwise."""
        import pandas as pd

        return pd.DataFrame()


def reader_of(path: Path | str) -> Reader:
    """The reader that is surest of a path (or of the first file of a pattern); a query's by its scheme. What nobody
    wants is for the one that can say what is wrong."""
    address = address_of(str(path))
    found = [kind() for kind in readers.each()]
    if address.scheme:
        return _by_scheme(address, found)
    path = address.files()[0] if address.pattern else address.path
    folder = path.is_dir()
    reader: Reader = max(found, key=lambda one: one.sniff(path, folder))
    return reader


def _by_scheme(address: Address, found: list[Reader]) -> Reader:
    named = {one.scheme: one for one in found if one.scheme}
    if address.scheme not in named:
        raise UserError(
            f"Nothing reads {address.scheme}:...",
            f"{address.words.partition('?')[0]} is no file or folder, and no such database is known.",
            f"Give a path, or one of {', '.join(f'{name}:FILE?sql=...' for name in sorted(named))}.",
        )
    return named[address.scheme]


USUAL = (".csv", ".parquet", ".jsonl", ".npz", ".xlsx")  # named first: what most people have


def suffixes() -> tuple[str, ...]:
    """The endings of all files that some reader reads, the usual ones first."""
    found = dict.fromkeys(suffix for kind in readers.each() for suffix in kind.suffixes)
    return tuple(sorted(found, key=lambda suffix: USUAL.index(suffix) if suffix in USUAL else len(USUAL)))


def what_to_give() -> str:
    """What may be given as data: "Give a folder of pictures, or a file that ends in .csv, ... or .npz."."""
    *most, last = suffixes()
    return f"Give a folder of pictures, or a file that ends in {', '.join(most)} or {last}."
