"""Predictions and embeddings of the user's own, brought into the order of the project's samples and checked."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.places import places, rows_meant
from attribution.errors import UserError
from attribution.tasks.given import kept_from

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset

ID = "id"  # the column, or the array of an archive, that says which sample a line is about
FILES = (".npy", ".npz", ".csv", ".parquet")


def kept(dataset: "Dataset", given: Any, ids: Sequence[Any] | np.ndarray | None = None) -> np.ndarray:
    """What a run keeps of these predictions, for every row (n, ...) float32 (``Task.kept``)."""
    values = _aligned(dataset, given, ids, "predictions", dataset.task.targets.names()).astype(np.float64)
    return kept_from(dataset.task, values, dataset.labels, dataset.ids)


def seen(
    dataset: "Dataset", given: Any, kept: np.ndarray, ids: Sequence[Any] | np.ndarray | None = None
) -> tuple[np.ndarray, str]:
    """What stands for what the model sees in every row (n, d) float32, and where it is from: ``given``; else a table's
    ``inputs``, as a built-in network is handed them; else the ``predictions`` themselves."""
    if given is not None:
        values = _aligned(dataset, given, ids, "embeddings", ())
        return np.asarray(values.reshape(len(values), -1), dtype=np.float32), "given"
    if len(dataset.info.shape) == 1 and dataset.inputs.dtype.kind == "f":
        return dataset.tensor(np.arange(len(dataset))).reshape(len(dataset), -1).numpy(), "inputs"
    return kept.reshape(len(kept), -1), "predictions"


def ordered(dataset: "Dataset", lines: Any) -> Any:
    """A table or an array of a line per sample, in the order of the dataset's rows."""
    order = _order(dataset, len(lines), "inputs")
    return lines.iloc[order] if hasattr(lines, "iloc") else np.asarray(lines)[order]


def _aligned(
    dataset: "Dataset", given: Any, ids: Sequence[Any] | np.ndarray | None, what: str, columns: Sequence[str]
) -> np.ndarray:
    """The values in the order of the dataset's rows (n, ...); ``UserError`` for samples without a line."""
    values, own = _read(given, what, columns)
    names = own if ids is None else list(ids)
    if names is not None and len(names) != len(values):
        raise UserError(
            f"There are {len(names):,} ids for {len(values):,} lines of {what}.",
            "Each line is about one sample.",
            "Give an id for each.",
        )
    order = _order(dataset, len(values), what) if names is None else _by_id(dataset, names, what)
    found = np.asarray(values)[order]
    bad = np.flatnonzero(~np.isfinite(found.reshape(len(found), -1)).all(1))
    if len(bad):
        raise UserError(
            f"The {what} of {dataset.ids[bad[0]]} are not finite ({len(bad):,} of {len(found):,} samples).",
            "Nothing can be said of these samples.",
            "Look for a division by 0 or a missing value where they were made.",
        )
    return found


def _order(dataset: "Dataset", count: int, what: str) -> np.ndarray:
    """The line of every row, by the user's own order."""
    own = places(dataset)
    if count == len(dataset) or (count > own.max(initial=-1) and len(set(own.tolist())) == len(own)):
        return own if count > own.max(initial=-1) else np.arange(count)
    raise UserError(
        f"There are {count:,} lines of {what} for {len(dataset):,} samples.",
        "Without ids a line belongs to a sample by its place.",
        f"Give one line per sample, or ids= (a column {ID!r}); ids look like {dataset.ids[0]}.",
    )


def _by_id(dataset: "Dataset", names: Sequence[Any], what: str) -> np.ndarray:
    rows = rows_meant(dataset, names)
    line = np.full(len(dataset), -1)
    line[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    lost = np.flatnonzero(line < 0)
    if len(lost):
        strange = [str(names[place]) for place in np.flatnonzero(rows < 0)[:3]]
        unknown = f" Not known here: {', '.join(strange)}." if strange else ""
        raise UserError(
            f"There are no {what} for {len(lost):,} of {len(dataset):,} samples, the first is {dataset.ids[lost[0]]}."
            + unknown,
            "Every sample is shown with what the model says of it.",
            "Give a line for each; ids are those of project.samples.",
        )
    return line


def _read(given: Any, what: str, columns: Sequence[str]) -> tuple[np.ndarray, list[Any] | None]:
    """The values (m, ...), and the ids where they came with them."""
    if isinstance(given, str | Path):
        return _from_file(Path(given).expanduser(), what, columns)
    if hasattr(given, "columns") and hasattr(given, "to_numpy"):
        return _from_table(given if hasattr(given, "iloc") else given.to_pandas(), what, columns)
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    return _numeric(given, what), None


def _from_file(path: Path, what: str, columns: Sequence[str]) -> tuple[np.ndarray, list[Any] | None]:
    if not path.is_file():
        raise UserError(f"{path} is no file.", f"The {what} are read from it.", f"Name a file: {', '.join(FILES)}.")
    if path.suffix == ".npy":
        with _reading(path):
            return _numeric(np.load(path, allow_pickle=False), what), None
    if path.suffix == ".npz":
        with _reading(path), np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        ids = [str(one) for one in arrays.pop(ID).tolist()] if ID in arrays else None
        if len(arrays) != 1 and what not in arrays:
            raise UserError(
                f"{path.name} has the arrays {', '.join(arrays) or 'none'}.",
                f"One of them holds the {what}.",
                f"Call it {what!r}.",
            )
        return _numeric(arrays.get(what, next(iter(arrays.values()))), what), ids
    if path.suffix in (".csv", ".parquet"):
        import pandas as pd

        with _reading(path):
            frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        return _from_table(frame, what, columns)
    raise UserError(f"{path.name} is no file of {what}.", "", f"It may be {', '.join(FILES)}.")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What a reader says of a file that is not what its name promises."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path.name} cannot be read ({type(error).__name__}).",
            "It is cut, not what its name promises, or holds Python objects.",
            "Write it again: np.save(path, array), or frame.to_parquet(path).",
        ) from error


def _from_table(frame: "pd.DataFrame", what: str, columns: Sequence[str]) -> tuple[np.ndarray, list[Any] | None]:
    """The numbers of a table: columns called like the classes in their order, else all but the ids."""
    ids = frame[ID].tolist() if ID in frame else None
    rest = frame.drop(columns=[ID], errors="ignore")
    named = {str(name): name for name in rest.columns}
    if columns and all(name in named for name in columns):
        rest = rest[[named[name] for name in columns]]
    return _numeric(rest.to_numpy(), what), ids


def _numeric(values: Any, what: str) -> np.ndarray:
    found = np.asarray(values)
    if found.dtype.kind not in "fiub" or not found.ndim:
        raise UserError(
            f"The {what} are {found.dtype} of shape {found.shape}.",
            "They are numbers, a line per sample.",
            "Give an array (n, ...), or a table whose other columns are numbers.",
        )
    return found
