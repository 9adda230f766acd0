"""The user's own table as it stands in its file, row by row, if it still holds what was imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import UserError
from attribution.exporters.base import Exported

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class OwnTable:
    """``frame``: the rows of the file with its columns, in its order, CSV cells as written. ``rows``: (m,) int64 row of
    the project that each is, -1 for what the import left out. ``splits``: whether a column of it says the split."""

    frame: "pd.DataFrame"
    rows: "np.ndarray"
    split: str


def own_table(project: Exported) -> OwnTable | None:
    """The table that the project was made of; None where it was no table, is gone, or holds other samples by now."""
    from attribution.datasets.readers.base import reader_of

    path = Path(project.data_config.path).expanduser()
    if not path.exists() or reader_of(path).kind != "table" or reader_of(path).name != "table":
        return None
    try:
        return _read(project, path)
    except UserError:  # it was a table that could be imported, so it was changed
        return None


def _read(project: Exported, path: Path) -> OwnTable | None:
    from attribution.datasets.frames import first_rows, read_frame
    from attribution.datasets.readers.table import OWN

    dataset = project.dataset
    if not _same(project, path):
        return None
    frame = read_frame(path, tuple(first_rows(path, 1).columns))
    ids = _ids(frame, project.data_config.id)
    rows = dataset.find(ids)
    split = project.data_config.split or next((name for name in frame.columns if name.lower() == "split"), "")
    return OwnTable(frame.drop(columns=[name for name in OWN if name in frame]), rows, split)


def _same(project: Exported, path: Path) -> bool:
    """Whether the file still holds every sample of the project, as it was."""
    from dataclasses import replace

    from attribution.datasets.encode import sample_hashes
    from attribution.datasets.readers.base import reader_of

    dataset = project.dataset
    source = reader_of(path).read(replace(project.data_config, path=str(path)))
    if source.header is not None:  # pictures, which the table holds or names
        return False
    samples = source.samples
    there = dict(zip(samples["id"], sample_hashes(samples), strict=True))
    return all(there.get(name) == content for name, content in zip(dataset.ids, dataset.hashes, strict=True))


def _ids(frame: "pd.DataFrame", column: str) -> "np.ndarray":
    """The id of each row as the import has it."""
    import numpy as np

    from attribution.datasets.labels import label_words

    if column:
        return np.asarray(label_words(frame[column])[0], dtype=object)
    return np.array([f"row-{number:05d}" for number in range(1, len(frame) + 1)], dtype=object)


def relabelled(column: "pd.Series", words: "np.ndarray", changed: "np.ndarray") -> "pd.Series":
    """A label column with ``words`` where ``changed`` (both (m,)), written as the file writes that label elsewhere:
    the others are as they were."""
    import pandas as pd

    from attribution.datasets.labels import label_words
    from attribution.tasks.targets import parts_of

    if not changed.any():
        return column
    as_written = dict(zip(label_words(column, True)[0], column.tolist(), strict=True))
    lists = any(isinstance(value, (list, tuple)) or hasattr(value, "tolist") for value in column.head(100))
    new = [parts_of(word) if lists else as_written.get(word, word) for word in words[changed]]
    if column.dtype.kind in "iuf":
        new = pd.to_numeric(pd.Series(new, dtype=object)).tolist()
    values = column.astype(object)
    for place, value in zip(changed.nonzero()[0], new, strict=True):
        values.iat[place] = value
    return values.infer_objects() if column.dtype.kind in "iuf" else values
