"""What every reader offers: whether a path is its, and the samples that lie there."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attribution.datasets.readers import readers
from attribution.datasets.source import Source
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
    kind: ClassVar[str] = "archive"  # "table": columns are chosen from its own; "folder": named; "archive": it has none

    def sniff(self, path: Path, folder: bool) -> int:
        """How surely the path (a folder, or not) is for this reader: 2 it is, 1 if nobody else wants it, 0 it is not.

        Asked of paths that need not exist, too: then by their name alone.
        """
        return 2 if not folder and path.suffix.lower() in self.suffixes else 0

    @abstractmethod
    def read(self, config: DataConfig) -> Source:
        """The samples of ``config.path``, listed and checked; ``UserError`` naming the file or row for what is
        wrong."""

    def unused(self, path: Path) -> tuple[str, ...]:
        """Settings that name columns (``ROLES``) and mean nothing here."""
        return () if self.kind == "table" else ROLES

    def first_rows(self, path: Path, count: int) -> "pd.DataFrame":
        """The first rows of what has columns of its own, to choose them by; empty otherwise."""
        import pandas as pd

        return pd.DataFrame()


def reader_of(path: Path) -> Reader:
    """The reader that is surest of a path. What nobody wants is for the one that can say what is wrong."""
    folder = path.is_dir()
    found = [kind() for kind in readers.each()]
    reader: Reader = max(found, key=lambda one: one.sniff(path, folder))
    return reader


def suffixes() -> tuple[str, ...]:
    """The endings of all files that some reader reads."""
    return tuple(dict.fromkeys(suffix for kind in readers.each() for suffix in kind.suffixes))


def what_to_give() -> str:
    """What may be given as data: "Give a folder of pictures, or a file that ends in .csv, ... or .npz."."""
    *most, last = suffixes()
    return f"Give a folder of pictures, or a file that ends in {', '.join(most)} or {last}."
