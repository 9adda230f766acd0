"""Read CSV, TSV, JSONL and Parquet: feature columns, or one column of text."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.config import DataConfig
from attribution.datasets.source import Source, left_out, listed
from attribution.datasets.splits import split_name
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read(config: DataConfig) -> Source:
    """The rows of a table, checked: no value may be missing, and numbers must be finite.

    Rows count from 1, without the header. Ids are the id column, or ``row-00017``. A column called ``split`` is taken as the split when
    none is named and all its values are splits. Memory: the whole table. Raises ``UserError`` naming row and column.
    """
    import pandas as pd

    path = Path(config.path).expanduser()
    frame = read_frame(path, (config.label, config.text, config.id, config.split or "split", config.group))
    samples = pd.DataFrame({"source": [f"row {number}" for number in range(1, len(frame) + 1)]})
    samples["label"] = column(frame, config.label, path, "holds the labels")
    samples["id"] = (
        column(frame, config.id, path, "holds the ids") if config.id else [f"row-{number:05d}" for number in range(1, len(frame) + 1)]
    )
    samples["split"] = given_splits(frame, config, path)
    if config.group:
        samples["group"] = column(frame, config.group, path, "holds the groups")
    if config.text:
        samples["text"] = column(frame, config.text, path, "holds the texts")
        return Source("text", path, samples, seen=len(frame))
    names, problems = _features(frame, config, path)
    features = pd.DataFrame({f"col:{name}": _feature(frame[name], name, path) for name in names})
    return Source("tabular", path, pd.concat([samples, features], axis=1), (), problems, seen=len(frame))


def read_frame(path: Path, as_text: tuple[str, ...] = ()) -> "pd.DataFrame":
    """A table file as a DataFrame. In CSV files the columns ``as_text`` are kept as written ("NA" and "None" are words there); in the
    others the usual spellings of a missing value become NaN. Raises ``UserError`` for an empty, broken or unknown file."""
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.", "There is nothing to load.", "Check that this is the file you meant.")
    suffix = path.suffix.lower()
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl, ".parquet": _read_parquet}
    if suffix not in readers:
        raise UserError(
            f"{path.name} ends in {suffix or 'nothing'!r}.", "Its format is unknown.", f"Use one of {', '.join(SUFFIXES)} or .npz."
        )
    frame = readers[suffix](path, as_text)
    frame.columns = [str(name) for name in frame.columns]
    if not len(frame):
        raise UserError(f"{path.name} has a header but no rows.", "There is nothing to load.", "Check that this is the file you meant.")
    return frame


def column(frame: "pd.DataFrame", name: str, path: Path, role: str) -> "pd.Series":
    """A column as text; ``UserError`` if it is not there (naming those that are) or has a missing value (naming the row)."""
    if name not in frame:
        raise UserError(
            f"{path.name} has no column {name!r}.", f"It {role}.", f"Choose one of its columns: {listed(list(frame.columns), 30)}."
        )
    values = frame[name]
    empty = values.isna() | (values.astype(str).str.strip() == "")
    if empty.any():
        raise _missing(int(np.flatnonzero(empty)[0]), int(empty.sum()), name, path)
    if values.dtype.kind == "f" and (values == np.floor(values)).all():
        values = values.astype(np.int64)  # labels 0.0 and 1.0 are the classes 0 and 1
    return values.astype(str)


def given_splits(frame: "pd.DataFrame", config: DataConfig, path: Path) -> np.ndarray:
    """The split each row names, (n,) str; "" everywhere without a split column. ``UserError`` for a value that is no split."""
    name = config.split
    if not name:
        usable = "split" in frame and frame["split"].map(lambda value: split_name(str(value)) is not None).all()
        if not usable:
            return np.full(len(frame), "", dtype=object)
        name = "split"
    values = column(frame, name, path, "says what is train, val and test").map(lambda value: (value, split_name(value)))
    for number, (value, split) in enumerate(values, start=1):
        if split is None:
            raise UserError(
                f"Row {number} of {path.name} has {value!r} in column {name}.",
                "That is not a split.",
                "Use train, val or test in every row.",
            )
    return np.array([split for _, split in values], dtype=object)


def _features(frame: "pd.DataFrame", config: DataConfig, path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    taken = {config.label, config.id, config.group, config.split}
    if not config.split and given_splits(frame, config, path).any():
        taken.add("split")
    counters = [name for name in frame.columns if name not in config.features and _is_index(frame[name], name)]
    names = list(config.features) or [name for name in frame.columns if name not in taken and name not in counters]
    for name in names:
        if name not in frame:
            raise UserError(
                f"{path.name} has no column {name!r}.", "It is listed as a feature.", f"Its columns: {listed(list(frame.columns), 30)}."
            )
        if name == config.label:
            raise UserError(
                f"Column {name!r} is both the label and a feature.", "The model would see the answer.", "Take it off the features."
            )
    if not names:
        raise UserError(
            f"{path.name} has no feature columns besides {listed(sorted(taken - {''}))}.",
            "There is nothing to learn from.",
            "Name the text column, or add feature columns.",
        )
    return names, [left_out(f"column {name}", "has no name and only counts the rows", 0) for name in counters]


def _is_index(values: "pd.Series", name: str) -> bool:
    """Whether this is the row number that pandas writes into a CSV file beside the data."""
    return bool(re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name)) and values.tolist() == list(range(len(values)))


def _feature(values: "pd.Series", name: str, path: Path) -> "pd.Series":
    """A feature column as numbers or text, every value present."""
    import pandas as pd

    if values.isna().any():
        raise _missing(int(np.flatnonzero(values.isna())[0]), int(values.isna().sum()), name, path)
    if values.dtype.kind in "iuf":
        finite = np.isfinite(values.to_numpy(dtype=np.float64))
        if not finite.all():
            row = int(np.flatnonzero(~finite)[0])
            raise UserError(
                f"Row {row + 1} of {path.name} has {values.iloc[row]} in column {name}.", "It is not a number.", "Correct or remove it."
            )
        return values
    if values.dtype.kind == "b":
        return values.astype(np.int64)
    values = values.astype(object)
    if values.map(lambda value: isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)).all():
        return _feature(values.astype(np.float64), name, path)
    nested = values.map(lambda value: isinstance(value, (list, dict, np.ndarray)))
    if nested.any():
        row = int(np.flatnonzero(nested)[0])
        raise UserError(
            f"Row {row + 1} of {path.name} has a list or an object in column {name}.",
            "A feature is one number or one word.",
            "Spread it over columns.",
        )
    words = values.astype(str)
    blank = words.str.strip() == ""
    if blank.any():
        raise _missing(int(np.flatnonzero(blank)[0]), int(blank.sum()), name, path)
    numbers = pd.to_numeric(words, errors="coerce").notna()
    if 0.9 <= numbers.mean() < 1:  # a column of numbers with a slip in it would silently become categories
        row = int(np.flatnonzero(~numbers)[0])
        raise UserError(
            f"Row {row + 1} of {path.name} has {words.iloc[row]!r} in column {name}, where {int(numbers.sum()):,} of {len(words):,} rows have numbers.",
            "One word turns the whole column into categories.",
            "Put a number there, remove the row, or leave the column out of the features.",
        )
    return words


def _missing(row: int, count: int, name: str, path: Path) -> UserError:
    more = f" ({count:,} rows miss it)" if count > 1 else ""
    return UserError(
        f"Row {row + 1} of {path.name} has no value in column {name}{more}.",
        "A model cannot learn from a missing value, and a guessed one would hide it.",
        "Fill it in, remove the row, or leave the column out.",
    )


def _read_csv(path: Path, as_text: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd
    from pandas.api.types import is_object_dtype, is_string_dtype

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            text = pd.read_csv(stream, sep=separator, nrows=0)
        kept = {name: str for name in text.columns if name in as_text}
        blanks = {name: ["", "NA", "N/A", "NaN", "nan", "null", "NULL"] for name in text.columns if name not in as_text}
        with open(path, encoding="utf-8-sig", newline="") as stream:
            frame = pd.read_csv(stream, sep=separator, dtype=kept, keep_default_na=False, na_values=blanks, low_memory=False)
    except pd.errors.EmptyDataError as cause:
        raise UserError(f"{path} is empty.", "There is nothing to load.", "Check that this is the file you meant.") from cause
    except UnicodeDecodeError as cause:
        raise UserError(
            f"{path.name} is not UTF-8 text (byte {cause.start}).", "Its letters cannot be read.", "Save it as UTF-8."
        ) from cause
    except pd.errors.ParserError as cause:
        raise UserError(
            f"{path.name} is not a table: {cause}.", "Rows must have as many values as the header.", "Correct that line."
        ) from cause
    if not isinstance(frame.index, pd.RangeIndex):
        raise UserError(f"The rows of {path.name} have more values than its header.", "Columns cannot be told apart.", "Name every column.")
    return frame.apply(lambda values: values.astype(object) if is_string_dtype(values) and not is_object_dtype(values) else values)


def _read_jsonl(path: Path, as_text: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd

    records: list[dict[str, Any]] = []
    with open(path, encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as cause:
                raise UserError(
                    f"Line {number} of {path.name} is not JSON: {cause.msg}.", "It cannot be read.", "Correct that line."
                ) from cause
            if not isinstance(record, dict):
                raise UserError(
                    f"Line {number} of {path.name} is not an object.", "Names are needed.", 'Write {"label": ..., ...} on each line.'
                )
            records.append(record)
    return pd.DataFrame(records)


def _read_parquet(path: Path, as_text: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow

    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except (pyarrow.ArrowInvalid, OSError) as cause:
        raise UserError(f"{path.name} is not a Parquet file: {cause}", "It cannot be read.", "Write it again.") from cause
