"""Table files as they are met in the field: separators, encodings, headers, a Parquet index and folders of parts, each
said where it is not plain."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.guard import restored
from attribution.datasets.readers.base import suffixes
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import left_out, listed, note
from attribution.datasets.splits import split_name
from attribution.datasets.words import tidy, whole
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
BLANKS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
LOOKED_AT = 50  # records that show how a CSV file is separated
# Columns of a table in parts: file and row, and the split that the file's name says.
PART, SPLIT_OF_PART = "__part__", "__split_of_part__"
Problems = list[dict[str, Any]]
OTHER_KINDS = {  # how files begin that are often called .csv, what they are, and what to do
    b"\x1f\x8b": ("packed with gzip", "Unpack it first (gunzip)."),
    b"BZh": ("packed with bzip2", "Unpack it first (bunzip2)."),
    b"\xfd7zXZ\0": ("packed with xz", "Unpack it first (unxz)."),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "Unpack it first (unzstd)."),
    b"PK\x03\x04": ("a zip archive or an Excel file", "Unpack it, or save the sheet as CSV in UTF-8."),
    b"\xd0\xcf\x11\xe0": ("an old Excel file", "Save the sheet as CSV in UTF-8."),
    b"PAR1": ("a Parquet file", "Give it the ending .parquet."),
    b"\x93NUMPY": ("a NumPy array", "Save X and y with np.savez, in a file that ends in .npz."),
    b"SQLite format 3": ("an SQLite database", "Save its table as CSV in UTF-8."),
    b"%PDF": ("a PDF", "Give a table."),
    b"\x89PNG": ("a picture", "Give the folder of the pictures."),
    b"\xff\xd8\xff": ("a picture", "Give the folder of the pictures."),
    b"<!doctype html": (
        "a web page",
        "Download the file itself: a page that asks or reports an error was saved in its place.",
    ),
    b"<html": ("a web page", "Download the file itself: a page that asks or reports an error was saved in its place."),
    b"version https://git-lfs": ("a pointer of Git LFS", "Fetch the file itself: git lfs pull."),
}


def read_frame(
    path: Path, as_text: tuple[str, ...] = (), problems: Problems | None = None, max_gigabytes: float = 0.0
) -> "pd.DataFrame":
    """A table file, or a folder of Parquet parts, as a DataFrame; what was not taken as it stands there is added to
    ``problems``.

    In CSV files the columns ``as_text`` are kept as written ("NA" and "None" are words there); in the others the usual
    spellings of a missing value become NaN. A file that would take more than ``max_gigabytes`` of memory (0: no limit)
    is refused before it is read, as are empty, broken and unknown files and a column name that stands there twice
    (``UserError``).
    """
    problems = [] if problems is None else problems
    frame = (
        _read_parts(path, problems, max_gigabytes)
        if path.is_dir()
        else _read_file(path, as_text, problems, max_gigabytes)
    )
    if not len(frame):
        raise UserError(
            f"{path.name} has a header but no rows.",
            "There is nothing to load.",
            "Check that this is the file you meant.",
        )
    return frame


def is_table_folder(path: Path) -> bool:
    """Whether a folder holds Parquet files, and neither folders nor other data: a table in parts."""
    others = [
        entry
        for entry in path.iterdir()
        if not entry.name.startswith((".", "_")) and entry.suffix.lower() != ".parquet"
    ]
    return bool(_parts(path)) and not any(entry.is_dir() or entry.suffix.lower() in suffixes() for entry in others)


def _read_file(path: Path, as_text: tuple[str, ...], problems: Problems, max_gigabytes: float) -> "pd.DataFrame":
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.", "There is nothing to load.", "Check that this is the file you meant.")
    suffix = path.suffix.lower()
    readers = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".parquet": _read_parquet,
    }
    if suffix not in readers:
        raise UserError(
            f"{path.name} ends in {suffix or 'nothing'!r}.",
            "Its format is unknown.",
            f"Use one of {', '.join(suffixes())}.",
        )
    if suffix != ".parquet":
        _must_be_text(path)
    return readers[suffix](path, as_text, problems, max_gigabytes)


# --- text files


def _must_be_text(path: Path) -> None:
    """``UserError`` for a file of another kind whose name says that it is a table in text."""
    with open(path, "rb") as stream:
        start = stream.read(64)
    for sign, (kind, do) in OTHER_KINDS.items():
        if start.lstrip(b" \r\n\t").lower().startswith(sign.lower()):
            raise UserError(
                f"{path.name} is {kind}, whatever its name says.", f"It cannot be read as {path.suffix.lower()}.", do
            )


def encoding_of(path: Path) -> str:
    """UTF-8, or what the file's byte order mark says; ``UserError`` for UTF-16 without one."""
    with open(path, "rb") as stream:
        start = stream.read(4096)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.count(0) > len(start) / 5:
        raise UserError(
            f"{path.name} is not UTF-8 text.",
            "It looks like UTF-16 without a byte order mark, or like no text.",
            "Save it as UTF-8.",
        )
    return "utf-8-sig"


@contextmanager
def _decoding(path: Path, encoding: str) -> Iterator[None]:
    """Turns a letter that cannot be read into words that name its line."""
    try:
        yield
    except UnicodeError as cause:
        if encoding != "utf-8-sig":
            raise UserError(
                f"{path.name} is not whole as {encoding.upper()}.", "Its letters cannot be read.", "Save it as UTF-8."
            ) from cause
        line, byte = _first_bad_byte(path)
        raise UserError(
            f"{path.name} is not UTF-8 text (line {line:,} has the byte 0x{byte:02x}).",
            "Its letters cannot be told without guessing how it was written.",
            f"Save it as UTF-8. If it comes from Windows: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > "
            f"utf8{path.suffix}",
        ) from cause


def _first_bad_byte(path: Path) -> tuple[int, int]:
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as cause:
                return number, line[cause.start]
    return 0, 0


def names_of(names: list[str], path: Path) -> list[str]:
    """Column names without blanks around them and invisible signs; those without any become ``Unnamed: 3`` (counted
    from 0, as pandas does). ``UserError`` for one that stands there twice."""
    clean = [tidy(whole(str(name))) or f"Unnamed: {place}" for place, name in enumerate(names)]
    twice = [name for name, count in Counter(clean).items() if count > 1]
    if twice:
        places = listed([str(place + 1) for place, name in enumerate(clean) if name == twice[0]])
        raise UserError(
            f"{path.name} has two columns called {twice[0]!r} (columns {places}).",
            "Which one is meant cannot be told, and a second label would be an input that holds the answer.",
            "Rename or remove one of them.",
        )
    return clean


def header(path: Path) -> tuple[list[str], str, int]:
    """Column names of a CSV or TSV file as ``names_of`` gives them, its separator, and how many lines stand before the
    header (Excel's ``sep=;``)."""
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    encoding = encoding_of(path)
    with _decoding(path, encoding), open(path, encoding=encoding, newline="") as stream:
        sample = stream.read(1 << 16)
        if sample.count("\n") < 2 and "\r" not in sample:  # a header longer than the sample
            sample += stream.readline()
    said = re.match(r'"?sep=([,;|\t ])"?\r?\n', sample)
    if said:
        sample = sample[said.end() :]
    separator = said[1] if said else _separator(sample, usual)
    names = next(_records(sample, separator, 1), [])
    if not any(name.strip() for name in names):
        raise UserError(
            f"{path} is empty.", "Its first line holds no column names.", "Check that this is the file you meant."
        )
    return names_of(names, path), separator, 1 if said else 0


def _records(sample: str, separator: str, count: int) -> Iterator[list[str]]:
    """The first records that are not blank; a last one that was cut short may be among them."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        yield from islice(
            (record for record in reader if len(record) > 1 or any(value.strip() for value in record)), count
        )
    except csv.Error:
        return


def _separator(sample: str, usual: str) -> str:
    """The sign that cuts the header and (nearly) all of the first records into as many columns; the usual one unless
    another cuts finer."""
    best = usual
    columns = 1
    for separator in [usual, *(sign for sign in SEPARATORS if sign != usual)]:
        widths = [len(record) for record in _records(sample, separator, LOOKED_AT)]
        widths = widths[:-1] if len(widths) > 2 else widths  # the last may be cut
        fitting = sum(width == widths[0] for width in widths) if widths else 0
        if widths and widths[0] > columns and fitting >= 0.9 * len(widths):
            best = separator
            columns = widths[0]
    return best


def _read_csv(path: Path, as_text: tuple[str, ...], problems: Problems, max_gigabytes: float) -> "pd.DataFrame":
    from pandas.api.types import is_object_dtype, is_string_dtype

    names, separator, before = header(path)
    encoding = encoding_of(path)
    check_memory(path, _rows_of_text(path), len(names), 2 * path.stat().st_size, max_gigabytes)
    how = {
        "sep": separator,
        "names": names,
        "header": 0,
        "skiprows": before,
        "keep_default_na": False,
        "na_values": {name: BLANKS for name in names if name not in as_text},
        "skipinitialspace": True,
        "low_memory": False,
    }
    frame = _parsed_csv(path, encoding, **how, dtype=dict.fromkeys([name for name in names if name in as_text], str))
    if separator != ("\t" if path.suffix.lower() == ".tsv" else ","):
        problems.append(note(path.name, f"its columns are separated by {SEPARATORS.get(separator, repr(separator))}"))
    if encoding != "utf-8-sig":
        problems.append(note(path.name, f"it is written in {encoding.upper()}"))
    frame = _without_empty_columns(frame, problems)
    floats = [name for name in frame.columns if frame[name].dtype.kind == "f"] if separator == ";" else []
    if floats:
        words = _parsed_csv(path, encoding, **how, dtype=dict.fromkeys(floats, str), usecols=floats)
        problems += _dots_between_thousands(frame, words)
    plain = frame.apply(
        lambda values: values.astype(object) if is_string_dtype(values) and not is_object_dtype(values) else values
    )
    return restored(plain)


def _parsed_csv(path: Path, encoding: str, **how: Any) -> "pd.DataFrame":
    """The file as pandas reads it; ``UserError`` where its rows do not fit its header."""
    import pandas as pd

    try:
        with _decoding(path, encoding), open(path, encoding=encoding, newline="") as stream:
            frame = pd.read_csv(stream, **how)
    except pd.errors.EmptyDataError as cause:
        raise UserError(
            f"{path} is empty.", "There is nothing to load.", "Check that this is the file you meant."
        ) from cause
    except (pd.errors.ParserError, OverflowError) as cause:
        raise UserError(
            f"{path.name} is not a table: {str(cause).strip()}.",
            "Rows must have as many values as the header.",
            "Correct that line.",
        ) from cause
    if not isinstance(frame.index, pd.RangeIndex):
        raise UserError(
            f"The rows of {path.name} have more values than its header.",
            "Columns cannot be told apart.",
            "Name every column.",
        )
    return frame


def _dots_between_thousands(frame: "pd.DataFrame", words: "pd.DataFrame") -> Problems:
    """Correct in ``frame`` the columns (``words``: as written) whose 1.234 means a thousand: every dot has three digits
    behind it, and another column of the file has decimal commas. Without such a column the decimals stay, and it is
    said. Files with semicolons only."""
    comma = any(
        frame[name].dtype.kind == "O" and frame[name].dropna().astype(str).str.fullmatch(r"[+-]?[\d.]*,\d+").all()
        for name in frame.columns
    )
    said = []
    for name in words.columns:
        there = words[name].dropna().str.strip()
        if (
            not there.str.fullmatch(r"[+-]?[1-9]\d{0,2}(\.\d{3})*|0").all()
            or not there.str.contains(".", regex=False).any()
        ):
            continue
        first = there[there.str.contains(".", regex=False)].iloc[0]
        if comma:
            frame[name] = words[name].str.replace(".", "", regex=False).astype(np.float64)
            said.append(
                note(
                    f"column {name}",
                    f"read as numbers with a dot between thousands: {first!r} is {first.replace('.', '')}",
                )
            )
        else:
            said.append(
                note(
                    f"column {name}",
                    f"{first!r} was read with a decimal dot; if it stands between thousands, write the numbers "
                    "without it",
                )
            )
    return said


def _without_empty_columns(frame: "pd.DataFrame", problems: Problems) -> "pd.DataFrame":
    """Without columns that have neither name nor value, which a separator at the end of every line makes."""
    empty = [name for name in frame.columns if re.fullmatch(r"Unnamed: \d+", name) and frame[name].isna().all()]
    problems += [left_out(f"column {int(name[9:]) + 1}", "has no name and no values", 0) for name in empty]
    return frame.drop(columns=empty)


def _rows_of_text(path: Path) -> int:
    """About how many lines a text file has, from its first ones."""
    with open(path, "rb") as stream:
        start = stream.read(1 << 16)
    return int(path.stat().st_size / max(len(start), 1) * max(start.count(b"\n"), 1))


def _read_jsonl(path: Path, as_text: tuple[str, ...], problems: Problems, max_gigabytes: float) -> "pd.DataFrame":
    import pandas as pd

    encoding = encoding_of(path)
    records: list[dict[str, Any]] = []
    halves: list[int] = []
    with _decoding(path, encoding), open(path, encoding=encoding) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            record = _record(line, number, path)
            if not records:
                rows = _rows_of_text(path)
                check_memory(path, rows, 8 * len(record), 3 * path.stat().st_size, max_gigabytes)
            if "\\ud" in line or "\\uD" in line:
                record, before = _whole_record(record), record
                halves += [number] if record != before else []
            records.append(record)
    if halves:
        problems.append(
            note(
                f"line {halves[0]}",
                f"holds half a surrogate pair{f' ({len(halves):,} lines do)' if len(halves) > 1 else ''}; it was "
                "replaced by \ufffd",
                len(halves),
            )
        )
    if encoding != "utf-8-sig":
        problems.append(note(path.name, f"it is written in {encoding.upper()}"))
    frame = pd.DataFrame(records)
    frame.columns = names_of([str(name) for name in frame.columns], path)
    return frame


def _record(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_pairs)
    except _Twice as cause:
        raise UserError(
            f"Line {number} of {path.name} has {str(cause)!r} twice.",
            "Which one is meant cannot be told.",
            "Remove one of them.",
        ) from cause
    except json.JSONDecodeError as cause:
        raise UserError(
            f"Line {number} of {path.name} is not JSON: {cause.msg}.", "It cannot be read.", "Correct that line."
        ) from cause
    except (ValueError, RecursionError) as cause:
        what = "is nested too deeply" if isinstance(cause, RecursionError) else "has a number of thousands of digits"
        raise UserError(
            f"Line {number} of {path.name} {what}.", "It cannot be read.", "Correct or remove that line."
        ) from cause
    if not isinstance(record, dict):
        raise UserError(
            f"Line {number} of {path.name} is not an object.",
            "Names are needed.",
            'Write {"label": ..., ...} on each line.',
        )
    return record


class _Twice(Exception):
    """A name that stands in one JSON object twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _Twice(next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))
    return record


def _whole_record(record: dict[str, Any]) -> dict[str, Any]:
    return {whole(name): whole(value) if isinstance(value, str) else value for name, value in record.items()}


# --- Parquet


def _read_parquet(path: Path, as_text: tuple[str, ...], problems: Problems, max_gigabytes: float) -> "pd.DataFrame":
    with _parquet(path) as file:
        names = names_of(list(file.schema_arrow.names), path)
        groups = [file.metadata.row_group(place).total_byte_size for place in range(file.metadata.num_row_groups)]
        check_memory(path, file.metadata.num_rows, len(names), sum(groups), max_gigabytes)
        # Nothing in it is needed, and what is broken in it does no harm.
        read = file.read().replace_schema_metadata(None)
        frame = read.to_pandas(ignore_metadata=True, integer_object_nulls=True)
        index = _index_columns(file.schema_arrow)
    frame.columns = names
    frame.attrs["index"] = [tidy(one) for one in index if tidy(one) in names]
    return frame


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    """The file opened; whatever its reader raises is said."""
    import pyarrow
    import pyarrow.parquet

    odd = (OSError, ValueError, KeyError, TypeError, OverflowError, NotImplementedError)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, *odd) as cause:
        about = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        wrong = "cannot be read as Parquet" if _has_magic(path) else "is not a Parquet file"
        what = f"{path.name} {wrong}: {about}".rstrip(".") + "."
        raise UserError(what, "Its rows are not known.", "Write it again.") from cause


def _has_magic(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(4) in (b"PAR1", b"PARE")


def _index_columns(schema: Any) -> list[str]:
    """Columns that pandas stored as the index of its frame."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        return [name for name in stored.get("index_columns", []) if isinstance(name, str)]
    except (ValueError, AttributeError, TypeError):  # only a hint: the columns are there without it
        return []


def _parts(path: Path) -> list[Path]:
    """The Parquet files of a folder by name; a link that leads out of it is none."""
    files = [one for one in path.iterdir() if one.suffix.lower() == ".parquet" and not one.name.startswith((".", "_"))]
    return sorted(one for one in files if one.is_file() and one.resolve().is_relative_to(path.resolve()))


def _read_parts(path: Path, problems: Problems, max_gigabytes: float) -> "pd.DataFrame":
    """The Parquet files of a folder as one table, in the order of their names; files called after splits give the
    splits."""
    import pandas as pd

    parts = _parts(path)
    others = [one.name for one in path.iterdir() if one not in parts and not one.name.startswith((".", "_"))]
    problems += [left_out(name, "not a part of the table (a .parquet file in this folder)") for name in sorted(others)]
    splits = [split_name(re.split(r"[-_.\d]", part.stem)[0]) for part in parts]
    if any(splits) and not all(splits):
        raise UserError(
            f"{path.name} holds {parts[splits.index(None)].name} beside "
            f"{parts[[bool(split) for split in splits].index(True)].name}.",
            "Some files are called after a split and some are not.",
            "Give one file, or call every file after its split (train-0.parquet, test-0.parquet).",
        )
    frames: list[pd.DataFrame] = []
    for part, split in zip(parts, splits, strict=True):
        frame = _read_parquet(part, (), problems, max_gigabytes / len(parts))
        unlike = sorted(set(frame.columns) ^ set(frames[0].columns) - {PART, SPLIT_OF_PART}) if frames else []
        if unlike:
            raise UserError(
                f"{part.name} and {parts[0].name} differ in the columns {listed(unlike)}.",
                "They are not parts of one table.",
                "Give one file.",
            )
        frame[PART] = [f"row {number} of {part.name}" for number in range(1, len(frame) + 1)]
        if split:
            frame[SPLIT_OF_PART] = split
        frames.append(frame)
    problems.append(
        note(path.name, f"{len(parts):,} Parquet files were read as one table, in the order of their names")
    )
    joined = pd.concat(frames, ignore_index=True)
    joined.attrs = frames[0].attrs
    return joined


def first_rows(path: Path, count: int = 5) -> "pd.DataFrame":
    """The first rows of a table file, to choose its columns by; the whole file is not read. Raises ``UserError`` as
    ``read_frame`` does."""
    import pandas as pd

    suffix = path.suffix.lower()
    if path.is_dir():
        return first_rows(_parts(path)[0], count)
    if path.stat().st_size == 0 or suffix not in SUFFIXES:
        return _read_file(path, (), [], 0.0)  # says what is wrong
    if suffix == ".parquet":
        return _first_of_parquet(path, count)
    if suffix in (".csv", ".tsv"):
        names, separator, before = header(path)
        encoding = encoding_of(path)
        with _decoding(path, encoding), open(path, encoding=encoding, newline="") as stream:
            sample = stream.read(1 << 18)
        text = sample.split("\n", 1)[1] if before else sample
        records = list(_records(text, separator, count + 1))[1:]
        rows = [[*record, *[""] * len(names)][: len(names)] for record in records]
        return pd.DataFrame(rows, columns=names, dtype=object)
    encoding = encoding_of(path)
    with _decoding(path, encoding), open(path, encoding=encoding) as stream:
        found = ((number, line) for number, line in enumerate(stream, start=1) if line.strip())
        objects = [_whole_record(_record(line, number, path)) for number, line in islice(found, count)]
    frame = pd.DataFrame(objects)
    frame.columns = names_of([str(name) for name in frame.columns], path)
    return frame


def _first_of_parquet(path: Path, count: int) -> "pd.DataFrame":
    import pandas as pd

    with _parquet(path) as file:
        names = names_of(list(file.schema_arrow.names), path)
        batch = next(file.iter_batches(batch_size=max(count, 1)), None)
        if batch is None:
            return pd.DataFrame(columns=names)
        frame = batch.slice(0, count).to_pandas(ignore_metadata=True, integer_object_nulls=True)
    frame.columns = names
    return frame


def as_words(values: "pd.Series") -> "pd.Series":
    """A column's values as text; bytes are read as UTF-8 where they are that."""
    return values.map(
        lambda value: value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    )


def row_name(frame: "pd.DataFrame", row: int, path: Path) -> str:
    """How a message names a row: "Row 17 of people.csv"."""
    name = str(frame[PART].iloc[row]) if PART in frame else f"row {row + 1} of {path.name}"
    return f"{name[0].upper()}{name[1:]}"


def missing(values: "pd.Series") -> np.ndarray:
    """Which values are not there: NaN, None, or text in which nothing can be seen; bool (n,)."""
    empty = values.isna().to_numpy(dtype=bool, copy=True)
    if values.dtype.kind == "O":
        try:
            blank = [word for word in values[~empty].unique() if isinstance(word, str) and not tidy(word)]
        except TypeError:  # lists and objects, which are refused later by name
            blank = []
        if blank:
            empty |= values.isin(blank).to_numpy(dtype=bool)
    return empty
