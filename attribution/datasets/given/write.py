"""Write a Python object into the project, once and whole: what a reader reads, so that nobody needs the object again.

Tables, texts and pictures become a folder as Hugging Face `datasets` saves it, numbers of a shape an array beside
a table of labels.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.given.base import Part, Wanted, parts_of
from attribution.datasets.given.labels import label_column
from attribution.datasets.given.rows import (
    NONE,
    NUMBERS,
    PICTURES,
    SPOOLED,
    NotPictures,
    Poured,
    column,
    content_of,
    pour,
)
from attribution.datasets.names import NO_PROJECT
from attribution.datasets.readers.arrays import write_table
from attribution.datasets.saved import PICTURE, WHOLE, picture_type, schema_of, value, write_split
from attribution.errors import UserError
from attribution.progress import Progress, counted
from attribution.settings.configs import DataConfig, fingerprint
from attribution.storage.files import write_json

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 500  # in one record batch
IDS = ("id", "datablame_id")  # what the column of ids is called, where the object has none
FOLDERS = {"train": "train", "val": "validation", "test": "test", "": ""}
VECTOR = "x"


def write_given(data: Any, config: DataConfig, fields: Sequence[str], folder: Path, progress: Progress) -> DataConfig:
    """Write the samples of ``data`` into ``folder``, which is made, and the settings by which a reader finds them
    there (``path`` is left to the caller). Items are asked for in order, the first one twice. ``UserError`` for what
    cannot be samples."""
    folder.mkdir(parents=True)
    parts = parts_of(data, Wanted(config, tuple(fields)))
    for part in parts.values():
        if not part.n:
            raise UserError("The data has no samples.", "There is nothing to learn from.", "Check what was passed.")
    text = config.text or next((part.text for part in parts.values() if part.text), "")
    config = replace(config, text=text)
    tables = _tables(parts, config, folder, progress)
    id_name = config.id or next(name for name in IDS if not any(name in table for table in tables.values()))
    for split, table in tables.items():
        if config.id == "":
            table.columns[id_name] = _ids(split, parts[split])
        _check_label(table, config)
    if any(table.kind == NUMBERS for table in tables.values()):
        names = next((part.names[config.label] for part in parts.values() if config.label in part.names), ())
        write_table(folder, {split: table.columns for split, table in tables.items()}, names)
    else:
        _write_saved(folder, tables, parts, config)
    return replace(config, id=id_name, features=_features(config, tables))


def _features(config: DataConfig, tables: "Mapping[str, _Table]") -> tuple[str, ...]:
    """The features, where they name what became the content or the columns of a vector."""
    first = next(iter(tables.values()))
    if not first.content or first.content not in config.features:
        return config.features
    return tuple(name for name in first.columns if name[:1] == VECTOR and name[1:].isdigit())


class _Table:
    """The columns of one split in Arrow's types, and its content."""

    def __init__(self, columns: "Mapping[str, pa.Array]", poured: Poured | None = None) -> None:
        self.columns = dict(columns)
        self.kind = poured.kind if poured else NONE
        self.content = poured.content if poured else ""
        self.files = poured.files if poured else None
        self.array = poured.array if poured else None

    def __contains__(self, name: str) -> bool:
        return name in self.columns or name == self.content


def _tables(parts: Mapping[str, Part], config: DataConfig, folder: Path, progress: Progress) -> dict[str, _Table]:
    """Every split as columns and content; pictures are numbers in all of them where they are in one."""
    kinds: dict[str, tuple[str, str]] = {}
    for split, part in parts.items():
        if part.rows is not None:
            kinds[split] = content_of(next(part.rows()), config)
    if any(kind == NUMBERS for _, kind in kinds.values()):
        kinds = {split: (name, NUMBERS if kind == PICTURES else kind) for split, (name, kind) in kinds.items()}
    try:
        return {split: _table(split, part, kinds.get(split), config, folder, progress) for split, part in parts.items()}
    except NotPictures:
        for left in folder.glob(f"*{SPOOLED}"):
            left.unlink()
        kinds = {split: (name, NUMBERS) for split, (name, _) in kinds.items()}
        return {split: _table(split, part, kinds.get(split), config, folder, progress) for split, part in parts.items()}


def _table(
    split: str, part: Part, kind: tuple[str, str] | None, config: DataConfig, folder: Path, progress: Progress
) -> _Table:
    if part.table is not None:
        columns = {name: part.table.column(name).combine_chunks() for name in part.table.column_names}
        return _Table(_labelled(columns, part, config))
    assert kind is not None
    began_s = time.monotonic()

    def tick(done: int) -> None:
        progress.update(done, part.n, counted("reading samples", done, part.n, began_s))

    poured = pour(part, *kind, folder / f"X{split and '_'}{split}.npy", tick)
    columns = {name: column(values) for name, values in poured.columns.items()}
    if poured.kind == NUMBERS and poured.array is not None:
        values = np.load(poured.array, mmap_mode="r", allow_pickle=False)
        if values.ndim == 2:  # a vector each: a table
            columns |= {f"{VECTOR}{place}": column_of(values[:, place]) for place in range(values.shape[1])}
            poured.array.unlink()
            poured = Poured(NONE, poured.content)
    return _Table(_labelled(columns, part, config), poured)


def column_of(values: np.ndarray) -> "pa.Array":
    """A column of numbers."""
    import pyarrow as pa

    return pa.array(np.array(values))


def _labelled(columns: "dict[str, Any]", part: Part, config: DataConfig) -> dict[str, Any]:
    """The columns with labels of one number each, or lists of names."""
    if config.label in columns:
        columns[config.label] = label_column(columns[config.label], part.names.get(config.label, ()), config)
    return columns


def _ids(split: str, part: Part) -> "pa.Array":
    """Positions in the object, or in the one that a subset was chosen from."""
    import pyarrow as pa

    places = part.places if part.places is not None else range(part.n)
    return pa.array([f"{split or 'row'}-{place:05d}" for place in places])


def _check_label(table: _Table, config: DataConfig) -> None:
    names = [name for name in table.columns if name not in IDS]
    if config.label not in table.columns and not config.annotators:
        raise UserError(
            f"The data has no column {config.label!r}.",
            "It holds the labels.",
            f"Name the one that does, label=...: {', '.join(names[:30])}. {NO_PROJECT}",
        )


def _write_saved(folder: Path, tables: Mapping[str, _Table], parts: Mapping[str, Part], config: DataConfig) -> None:
    for split, table in tables.items():
        classes = parts[split].names
        features = {name: _feature(values.type, classes.get(name, ())) for name, values in table.columns.items()}
        kinds = {name: values.type for name, values in table.columns.items()}
        if table.kind == PICTURES:
            features = {table.content: PICTURE, **features}
            kinds = {table.content: picture_type(), **kinds}
        schema = schema_of(kinds, features)
        mark = fingerprint("given", split, len(next(iter(table.columns.values()))))
        name = FOLDERS[split]
        write_split(folder / name, name, schema, features, _batches(table, schema), mark)
    if "" not in tables:
        write_json(folder / WHOLE, {"splits": [FOLDERS[split] for split in tables]})


def _feature(kind: "pa.DataType", classes: Sequence[str]) -> dict[str, Any]:
    import pyarrow as pa

    if classes and pa.types.is_integer(kind):
        return {"names": list(classes), "_type": "ClassLabel"}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type, classes), "_type": "List"}
    return value({"double": "float64", "float": "float32"}.get(str(kind), str(kind)))


def _batches(table: _Table, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    n = len(next(iter(table.columns.values())))
    for start in range(0, n, ROWS):
        arrays = []
        for name in schema.names:
            if name == table.content and table.files is not None:
                some = [{"bytes": one, "path": None} for one in table.files.take(ROWS)]
                arrays.append(pa.array(some, picture_type()))
            else:
                arrays.append(table.columns[name].slice(start, ROWS))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
