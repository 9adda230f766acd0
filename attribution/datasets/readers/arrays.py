"""Read a folder of ``.npy`` files: X, or X_train, X_val and X_test, with a table of labels or y beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import beside
from attribution.datasets.arrays import as_numbers, in_blocks, said_of_numbers, why_numbers
from attribution.datasets.frames import PART, SPLIT_OF_PART, read_frame
from attribution.datasets.readers import register
from attribution.datasets.readers.base import Reader
from attribution.datasets.readers.table import labelled_rows, tidied
from attribution.datasets.source import Source, listed, note
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SPLITS = ("train", "val", "test")
TABLES = ("samples.parquet", "samples.csv")
NAMES = "classes.npy"
DO = "Save X.npy (n, ...) with y.npy (n,), or X_train.npy, y_train.npy, X_test.npy, y_test.npy."


@register("arrays")
class ArrayFolder(Reader):
    """Numbers of a shape, read from the disk sample by sample."""

    title = "a folder of arrays"
    summary = f"Arrays of numbers, mapped from the disk. {DO} samples.csv may stand for y: a line for each sample."
    kind = "table"

    def sniff(self, path: Path, folder: bool) -> int:
        return 3 if folder and ((path / "X.npy").is_file() or (path / "X_train.npy").is_file()) else 0

    def read(self, config: DataConfig) -> Source:
        return read(config)

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        path = Path(words).expanduser()
        return _frame(path, _parts(path), DataConfig(path=str(path)), [])[:count]


def read(config: DataConfig) -> Source:
    """The samples of the folder: numbers of a shape, or pictures where ``config.arrays`` and the values say so. The
    arrays are mapped, never loaded whole. ``UserError`` naming the file and sample for what is wrong."""
    import pandas as pd

    path = Path(config.path).expanduser()
    parts = _parts(path)
    blocks = _blocks(path, parts)
    problems: list[dict[str, Any]] = []
    frame, names = _named(_frame(path, parts, config, problems), config.label, path)
    rows = labelled_rows(frame, tidied(config), path, problems)
    why = next((why for block in blocks if (why := why_numbers(block, config.arrays))), "as they stand in a folder")
    problems = [*rows.problems, note("arrays", said_of_numbers(why))]
    for split, block in zip(parts, blocks, strict=True):
        as_numbers(block, _name("X", split))
    unused = [name for name in rows.frame.columns if name not in rows.taken]
    samples = pd.concat([rows.samples, beside.kept(rows.frame, unused)], axis=1)
    at = in_blocks(blocks)
    places = rows.places.tolist()
    problems += beside.said(unused)
    seen = sum(map(len, blocks))
    found = set(samples["label"])
    classes = tuple(name for name in names if name in found)
    return Source("array", path, samples, classes, problems, seen=seen, values=lambda i: at(places[i]))


def _blocks(path: Path, parts: Sequence[str]) -> list[np.ndarray]:
    """The arrays of the parts; ``UserError`` where their samples differ in shape."""
    blocks = [_mapped(path / _name("X", split)) for split in parts]
    for split, block in zip(parts, blocks, strict=True):
        if block.shape[1:] != blocks[0].shape[1:] or block.ndim < 2:
            raise UserError(
                f"{_name('X', split)} has the shape {block.shape}.", "One model takes one shape (n, ...).", DO
            )
    return blocks


def _parts(path: Path) -> list[str]:
    return [""] if (path / "X.npy").is_file() else [split for split in SPLITS if (path / _name("X", split)).is_file()]


def _name(letter: str, split: str, ending: str = ".npy") -> str:
    return f"{letter}{'_' if split else ''}{split}{ending}"


def _mapped(path: Path) -> np.ndarray:
    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as cause:
        raise UserError(f"{path.name} cannot be read: {cause}.", "It is no array of numbers.", DO) from cause
    return found


def _frame(path: Path, parts: list[str], config: DataConfig, problems: list[dict[str, Any]]) -> "pd.DataFrame":
    """A line per sample, in the order of the arrays: the table beside them, or what y says."""
    import pandas as pd

    table = next((path / name for name in TABLES if (path / name).is_file()), None)
    n = sum(len(_mapped(path / _name("X", split))) for split in parts)
    if table is not None:
        frame = read_frame(table, (config.label, config.id, config.split, config.group), problems)
        if len(frame) != n:
            raise UserError(
                f"{table.name} has {len(frame):,} lines for {n:,} samples.", "Each sample has one.", "Write as many."
            )
        return frame
    frames = []
    for split in parts:
        y = _labels(path / _name("y", split), len(_mapped(path / _name("X", split))))
        frame = pd.DataFrame({config.label: y})
        frame[PART] = [f"{_name('X', split, '')}[{i}]" for i in range(len(y))]
        if split:
            frame[SPLIT_OF_PART] = split
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _named(frame: "pd.DataFrame", label: str, path: Path) -> "tuple[pd.DataFrame, list[str]]":
    """The frame with the names of its class numbers, and these in the order of the numbers, where there are any."""
    if not (path / NAMES).is_file() or label not in frame or frame[label].dtype.kind not in "iu":
        return frame, []
    names = [str(name) for name in _mapped(path / NAMES).ravel()]
    bad = frame[label][(frame[label] < 0) | (frame[label] >= len(names))]
    if len(bad):
        raise UserError(
            f"Sample {bad.index[0]} of {path.name} is of the class {bad.iloc[0]}, but {NAMES} has {len(names)}.",
            "Its name is unknown.",
            f"Use 0 to {len(names) - 1}.",
        )
    return frame.assign(**{label: [names[number] for number in frame[label]]}), names


def _labels(path: Path, n: int) -> np.ndarray:
    if not path.is_file():
        raise UserError(f"There is no {path.name} in {path.parent}.", "It holds the labels.", DO)
    y = np.asarray(_mapped(path))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and len(y) == n and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        y = np.nonzero(y)[1]
    if y.shape != (n,):
        raise UserError(f"{path.name} has the shape {y.shape} for {n:,} samples.", "There is one label per sample.", DO)
    return y


def write_table(folder: Path, tables: "Mapping[str, Mapping[str, pa.Array]]", names: Sequence[str] = ()) -> None:
    """Write the table of labels of arrays that stand in ``folder`` already, the splits one behind the other; what is
    named ``split`` in it says which. ``names``: of class numbers."""
    import pyarrow as pa
    from pyarrow import parquet

    ordered = sorted(tables, key=lambda split: SPLITS.index(split) if split else 0)
    whole = []
    for split in ordered:
        columns = dict(tables[split])
        if split:
            columns["split"] = pa.array([split] * len(next(iter(columns.values()))))
        whole.append(pa.table(columns))
    unlike = sorted(set(whole[0].column_names) ^ set(whole[-1].column_names))
    if unlike:
        raise UserError(
            f"The splits differ in the fields {listed(unlike)}.", "They are one data set.", "Give all the same."
        )
    parquet.write_table(pa.concat_tables(whole, promote_options="permissive"), folder / TABLES[0])
    if names:
        np.save(folder / NAMES, np.array(list(names), dtype=str), allow_pickle=False)
