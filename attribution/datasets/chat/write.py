"""Writes rows of a chat file back as they stood there: their own schema, every column, in their own order."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.chat.conversation import ROW
from attribution.datasets.source import natural_key
from attribution.errors import UserError
from attribution.storage.files import whole_file

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

SUFFIXES = (".jsonl", ".ndjson")


def write_rows(dataset: "Dataset", stay: np.ndarray, path: str | Path) -> Path:
    """Write the rows of which ``stay`` (n,) bool is true, of all splits, as JSON lines; the file's path.

    ``UserError`` for a name that ends otherwise, and for a file that is there already.
    """
    file = Path(path).expanduser()
    if file.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{file.name} ends in {file.suffix or 'nothing'!r}.", "Rows are written as JSON lines.", "Call it .jsonl."
        )
    if file.exists():
        raise UserError(f"{file} is there already.", "It would be overwritten.", "Choose another name, or remove it.")
    lines = dataset.column(ROW)
    order = in_file_order(dataset)
    with whole_file(file) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        stream.writelines(f"{lines.iat[row]}\n" for row in order[stay[order]])
    return file


def in_file_order(dataset: "Dataset") -> np.ndarray:
    """All rows as they stood in the file or the files, int64."""
    keys = [natural_key(where) for where in dataset.column("source").astype(str)]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
