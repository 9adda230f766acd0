"""Read a folder that Hugging Face `datasets` wrote with ``save_to_disk``: Arrow files, by pyarrow alone."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import hugging_features
from attribution.datasets.frames import PART, SPLIT_OF_PART
from attribution.datasets.readers import register
from attribution.datasets.readers.base import Reader
from attribution.datasets.readers.table import source_of, tidied
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source, listed, note
from attribution.datasets.splits import split_name
from attribution.datasets.stored import ArrowRows, Stored, joined
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SPLITS, STATE, ABOUT = "dataset_dict.json", "state.json", "dataset_info.json"


@register("hugging-face")
class HuggingFace(Reader):
    """Pictures, texts or a table, with the names of classes, in one split or several."""

    title = "a Hugging Face dataset"
    summary = "A folder written by datasets' save_to_disk: one dataset, or a folder per split."
    kind = "table"

    def sniff(self, path: Path, folder: bool) -> int:
        if not folder:
            return 0
        return 3 if (path / SPLITS).is_file() or ((path / STATE).is_file() and (path / ABOUT).is_file()) else 0

    def read(self, config: DataConfig) -> Source:
        return read(config)

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        """The first rows of the first split, without pictures."""
        part = next(iter(_parts(Path(words).expanduser()).values()))
        table = next(_batches(part)).slice(0, count)
        return _frame(table, _features(part), hugging_features.pictures(_features(part)))


def read(config: DataConfig) -> Source:
    """The rows of all splits; a column of pictures makes them pictures, else they are texts or a table.

    Class numbers become the names that the dataset has for them; -1 is no label. Splits are those of the folder (train,
    validation, test), or a column. Memory: the columns that are no pictures; pictures are decoded one by one from the
    files. Raises ``UserError`` for a folder that is not whole and whatever a table is refused for.
    """
    import pyarrow as pa

    path = Path(config.path).expanduser()
    parts = _parts(path)
    tables = {split: pa.Table.from_batches(list(_batches(folder))) for split, folder in parts.items()}
    features = _features(next(iter(parts.values())))
    pictures = hugging_features.pictures(features)
    rows = sum(len(table) for table in tables.values())
    plain_bytes = sum(table.drop_columns(pictures).nbytes for table in tables.values())
    check_memory(path, rows, len(features) - len(pictures), plain_bytes, config.max_gigabytes)
    problems: list[dict[str, Any]] = []
    frame = _joined(tables, features, pictures, path, problems)
    stored = {name: _stored(parts, name) for name in pictures}
    frame.attrs["classes"] = {name: hugging_features.class_names(feature) for name, feature in features.items()}
    return source_of(frame, tidied(config), path, problems, stored)


def _parts(path: Path) -> dict[str, Path]:
    """Folders of the splits by their names; one of the name "" where there are none."""
    if not (path / SPLITS).is_file():
        return {"": path}
    names = _json(path / SPLITS).get("splits", [])
    if not names or not all(isinstance(name, str) and _plain(name) for name in names):
        raise _broken(path / SPLITS, f"it names the splits {names!r}")
    return {name: path / name for name in names}


def _plain(name: str) -> bool:
    """Whether a name is that of something right inside the folder: nothing outside of it is reached."""
    return Path(name).name == name and name not in ("", ".", "..") and "\\" not in name


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise _broken(path, "it is not there") from cause
    except (ValueError, OSError) as cause:
        raise _broken(path, str(cause)) from cause
    if not isinstance(found, dict):
        raise _broken(path, "it holds no names")
    return found


def _broken(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} cannot be read: {why}.",
        "It tells what the dataset consists of.",
        "Save the dataset again with save_to_disk.",
    )


def _files(folder: Path) -> list[str]:
    """The Arrow files of one split in their order."""
    named = [one.get("filename") for one in _json(folder / STATE).get("_data_files", []) if isinstance(one, dict)]
    files = [name for name in named if isinstance(name, str) and _plain(name)]
    if not files or len(files) < len(named):
        raise _broken(folder / STATE, f"it names the files {named!r}")
    return files


def _batches(folder: Path) -> "Iterator[pa.RecordBatch]":
    """The rows of one split, mapped from its files in their order."""
    for name in _files(folder):
        yield from _batches_of(folder / name)


def _batches_of(file: Path) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(pa.memory_map(str(file))) as stream:
            yield from stream
    except (OSError, pa.ArrowInvalid) as cause:
        raise _broken(file, str(cause).partition("\n")[0]) from cause


def _features(folder: Path) -> dict[str, Any]:
    """What each column is, as the dataset describes it."""
    found = _json(folder / ABOUT).get("features")
    if not isinstance(found, dict) or not found:
        raise _broken(folder / ABOUT, "it describes no columns")
    return found


def _frame(table: Any, features: dict[str, Any], without: Sequence[str]) -> "pd.DataFrame":
    """The columns but those ``without``, class numbers as names."""
    names = [name for name in table.schema.names if name not in without]
    frame: pd.DataFrame = table.select(names).to_pandas()
    for name in names:
        if known := hugging_features.class_names(features.get(name)):
            frame[name] = hugging_features.named(frame[name], known)
    return frame


def _joined(
    tables: dict[str, Any], features: dict[str, Any], pictures: list[str], path: Path, problems: list[dict[str, Any]]
) -> "pd.DataFrame":
    """All splits one below the other; where every one is named as a split, that is said for each row. What lies in
    others is read as one, and a column may hold the splits."""
    import pandas as pd

    meaning = {name: split_name(name) for name in tables}
    named = len(tables) > 1 and all(meaning.values())
    if len(tables) > 1 and not named:
        left = [name for name, split in meaning.items() if split is None]
        problems.append(note(f"splits {listed(left)}", "are none of train, val and test: all were read as one"))
    frames = []
    for name, table in tables.items():
        frame = _frame(table, features, pictures)
        frame[PART] = [f"row {row + 1}{f' of {name}' if name else ''}" for row in range(len(frame))]
        if named:
            frame[SPLIT_OF_PART] = meaning[name]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _stored(parts: dict[str, Path], name: str) -> Stored:
    """The pictures of a column of all splits, which stay in their files."""
    found: list[Stored] = []
    for folder in parts.values():
        for file in _files(folder):
            rows = sum(len(batch) for batch in _batches_of(folder / file))
            none = np.zeros(rows, np.int64)
            found.append(ArrowRows(folder, (file,), none, np.arange(rows), none, name))
    return joined(found)
