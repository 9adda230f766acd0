"""Read a folder that Hugging Face `datasets` wrote with ``save_to_disk``: Arrow files, by pyarrow alone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets import beside
from attribution.datasets.frames import PART, SPLIT_OF_PART
from attribution.datasets.pictures import PictureFiles
from attribution.datasets.readers import register
from attribution.datasets.readers.base import Reader
from attribution.datasets.readers.table import labelled_rows, source_of, tidied
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source, left_out, listed, note
from attribution.datasets.splits import split_name
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.targets import parts_of

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

    def first_rows(self, path: Path, count: int) -> "pd.DataFrame":
        """The first rows of the first split, without pictures."""
        part = next(iter(_parts(path).values()))
        table = next(_batches(part)).slice(0, count)
        return _frame(table, _features(part), _pictures(_features(part)))


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
    pictures = _pictures(features)
    rows = sum(len(table) for table in tables.values())
    stored = sum(table.drop_columns(pictures).nbytes for table in tables.values())
    check_memory(path, rows, len(features) - len(pictures), stored, config.max_gigabytes)
    problems: list[dict[str, Any]] = []
    frame = _joined(tables, features, pictures, path, problems)
    if pictures:
        source = _of_pictures(frame, tables, pictures, config, path, problems)
    else:
        source = source_of(frame, tidied(config), path, problems)
    return replace(source, classes=_in_order(_classes(features.get(config.label)), source))


def _in_order(names: list[str], source: Source) -> tuple[str, ...]:
    """The classes that occur, in the order of their numbers, which is that of a model's outputs; () where others do."""
    words = set(source.samples["label"].unique()) - {""}
    found = words if words <= set(names) else {part for word in words for part in parts_of(word)}
    return tuple(name for name in names if name in found) if found <= set(names) else ()


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


def _batches(folder: Path) -> "Iterator[pa.RecordBatch]":
    """The rows of one split, mapped from its files in their order."""
    import pyarrow as pa

    named = [one.get("filename") for one in _json(folder / STATE).get("_data_files", []) if isinstance(one, dict)]
    files = [name for name in named if isinstance(name, str) and _plain(name)]
    if not files or len(files) < len(named):
        raise _broken(folder / STATE, f"it names the files {named!r}")
    for name in files:
        try:
            with pa.ipc.open_stream(pa.memory_map(str(folder / name))) as stream:
                yield from stream
        except (OSError, pa.ArrowInvalid) as cause:
            raise _broken(folder / name, str(cause).partition("\n")[0]) from cause


def _features(folder: Path) -> dict[str, Any]:
    """What each column is, as the dataset describes it."""
    found = _json(folder / ABOUT).get("features")
    if not isinstance(found, dict) or not found:
        raise _broken(folder / ABOUT, "it describes no columns")
    return found


def _pictures(features: dict[str, Any]) -> list[str]:
    return [name for name, feature in features.items() if isinstance(feature, dict) and feature.get("_type") == "Image"]


def _frame(table: Any, features: dict[str, Any], without: Sequence[str]) -> "pd.DataFrame":
    """The columns but those ``without``, class numbers as names."""
    names = [name for name in table.schema.names if name not in without]
    frame: pd.DataFrame = table.select(names).to_pandas()
    for name in names:
        if classes := _classes(features.get(name)):
            frame[name] = [_named(value, classes) for value in frame[name]]
    return frame


def _classes(feature: Any) -> list[str]:
    """The class names of a column, or of the lists in it; [] where it holds something else."""
    if isinstance(feature, list) and len(feature) == 1:
        return _classes(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or []]
    return _classes(feature.get("feature"))


def _named(value: Any, classes: list[str]) -> Any:
    """A class number (or a list of them) by name; None for -1 and for no value."""
    if hasattr(value, "__len__"):
        return [_named(one, classes) for one in value]
    if value is None or value != value or int(value) == -1:
        return None
    number = int(value)
    return classes[number] if 0 <= number < len(classes) else str(number)


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


def _of_pictures(
    frame: "pd.DataFrame",
    tables: dict[str, Any],
    pictures: list[str],
    config: DataConfig,
    path: Path,
    problems: list[dict[str, Any]],
) -> Source:
    """The first column of pictures with its labels; what else is known of them is kept beside."""
    import pandas as pd

    name, *others = pictures
    problems += [left_out(f"column {listed(others)}", f"not used: the pictures in {name} are", 0)] if others else []
    rows = labelled_rows(frame, tidied(config), path, problems)
    unused = [name for name in rows.frame.columns if name not in rows.taken]
    samples = pd.concat([rows.samples, beside.kept(rows.frame, unused)], axis=1)
    bytes_of = _Stored([table.column(name) for table in tables.values()], rows.places.tolist())
    files = PictureFiles(bytes_of, rows.samples["id"].tolist(), config.max_megapixels)
    lines = rows.problems + beside.said(unused)
    return Source("image", path, samples, (), lines, files.header, files.pixels, len(frame), files.measure)


class _Stored(Sequence[bytes]):
    """The bytes of pictures, read from the mapped files when one is asked for; none where only a path is stored:
    nothing outside of the folder is reached."""

    def __init__(self, columns: list[Any], places: list[int]) -> None:
        self._columns, self._places = columns, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: Any) -> Any:
        place = self._places[i]
        for column in self._columns:
            if place < len(column):
                found = column[place].as_py()
                return (found.get("bytes") if isinstance(found, dict) else found) or b""
            place -= len(column)
        raise IndexError(i)
