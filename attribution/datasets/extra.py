"""The file that holds the user's columns which are neither label, split nor input."""

from pathlib import Path
from typing import TYPE_CHECKING

from attribution.storage.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

FILE = "extra.parquet"
PREFIX = "meta:"  # before their names in ``Source.samples``, until they are written


def write(folder: Path, samples: "pd.DataFrame") -> None:
    """Write those of ``samples``, if it has any."""
    names = [name for name in samples.columns if name.startswith(PREFIX)]
    if names:
        write_table(folder / FILE, samples[names].rename(columns=lambda name: name.removeprefix(PREFIX)))


def names(folder: Path) -> tuple[str, ...]:
    """The names of those that a dataset has; none in one from before they were kept."""
    from pyarrow import parquet

    return tuple(parquet.read_schema(folder / FILE).names) if (folder / FILE).is_file() else ()


def read(folder: Path, name: str) -> "pd.Series":
    """One of them, in row order."""
    return read_table(folder / FILE, columns=[name])[name]
