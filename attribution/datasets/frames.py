"""Table files as they are met in the field: separators, encodings, headers, a Parquet index and folders of parts, each
said where it is not plain."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import hugging_features
from attribution.datasets.guard import restored
from attribution.datasets.packed_text import ending, opened_bytes, opened_text, text_size
from attribution.datasets.readers.base import suffixes
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import left_out, listed, note
from attribution.datasets.splits import split_name
from attribution.datasets.stored import ParquetRows, Stored, bytes_of, is_encoded, joined
from attribution.datasets.words import tidy, whole
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")
PLAIN = (*SUFFIXES, ".npz")  # files that are data whatever lies beside them
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
BLANKS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
LOOKED_AT = 50  # records that show how a CSV file is separated
# Columns of a table in parts: file and row, and the split that the file's name says.
PART, SPLIT_OF_PART = "__part__", "__split_of_part__"
Problems = list[dict[str, Any]]
Pictures = dict[str, Stored]  # by the names of their columns
_SAVE_ARRAYS = "Save its arrays with np.savez(FILE.npz, X=X, y=y)."
_SAVE_FRAME = "Read it with pandas and save it as Parquet: frame.to_parquet(FILE.parquet)."
NEAREST = {  # what to make of files that are not read, by their suffix
    ".npy": _SAVE_ARRAYS,
    ".mat": _SAVE_ARRAYS,
    ".h5": _SAVE_ARRAYS,
    ".hdf5": _SAVE_ARRAYS,
    ".pt": _SAVE_ARRAYS,
    ".pth": _SAVE_ARRAYS,
    ".pkl": f"A pickle can run any code and is never opened. {_SAVE_ARRAYS} {_SAVE_FRAME}",
    ".pickle": f"A pickle can run any code and is never opened. {_SAVE_ARRAYS} {_SAVE_FRAME}",
    ".dta": _SAVE_FRAME,
    ".sav": _SAVE_FRAME,
    ".orc": _SAVE_FRAME,
    ".avro": _SAVE_FRAME,
    ".xml": _SAVE_FRAME,
    ".html": _SAVE_FRAME,
    ".zip": "Unpack it, and give the folder or file inside; the New project page unpacks an uploaded ZIP itself.",
    ".7z": "Unpack it, and give the folder or file inside.",
    ".rar": "Unpack it, and give the folder or file inside.",
    ".tfrecord": "Write its samples as pictures in class folders, or as a WebDataset tar.",
    ".arff": "Save it as CSV.",
    ".xls": "Save the sheet as .xlsx, or as CSV in UTF-8.",
    ".ods": "Save the sheet as .xlsx, or as CSV in UTF-8.",
    ".tar.gz": "Unpack it (tar -xf), and give the folder; WebDataset shards are plain .tar files.",
    ".tgz": "Unpack it (tar -xf), and give the folder; WebDataset shards are plain .tar files.",
    ".bz2": "Unpack it; gzip is read as it is.",
    ".xz": "Unpack it; gzip is read as it is.",
    ".zst": "Unpack it; gzip is read as it is.",
}
OTHER_KINDS = {  # how files begin that are often called .csv, what they are, and what to do
    b"\x1f\x8b": ("packed with gzip", "Call it .csv.gz (or .jsonl.gz), or unpack it first (gunzip)."),
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
    path: Path,
    as_text: tuple[str, ...] = (),
    problems: Problems | None = None,
    max_gigabytes: float = 0.0,
    files: Sequence[Path] = (),
    pictures: "Pictures | None" = None,
) -> "pd.DataFrame":
    """A table file, a folder of Parquet parts, or these ``files`` as one table, as a DataFrame; what was not taken as
    it stands there is added to ``problems``. Columns of pictures in Parquet files are not read into memory: they are
    added to ``pictures`` instead.

    In CSV files the columns ``as_text`` are kept as written ("NA" and "None" are words there); in the others the usual
    spellings of a missing value become NaN. A file that would take more than ``max_gigabytes`` of memory (0: no limit)
    is refused before it is read, as are empty, broken and unknown files and a column name that stands there twice
    (``UserError``).
    """
    problems = [] if problems is None else problems
    pictures = {} if pictures is None else pictures
    if path.is_dir() or len(files) > 1:
        frame = _read_parts(path, list(files), as_text, problems, max_gigabytes, pictures)
    else:
        frame = _read_file(files[0] if files else path, as_text, problems, max_gigabytes, pictures)
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
    return bool(_parts(path)) and not any(entry.is_dir() or ending(entry) in PLAIN for entry in others)


def _read_file(
    path: Path, as_text: tuple[str, ...], problems: Problems, max_gigabytes: float, pictures: "Pictures"
) -> "pd.DataFrame":
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.", "There is nothing to load.", "Check that this is the file you meant.")
    if ending(path) not in SUFFIXES:
        raise _unknown(path)
    if ending(path) == ".parquet":
        return _read_parquet(path, max_gigabytes, pictures)
    must_be_text(path)
    return (_read_csv if is_csv(path) else _read_jsonl)(path, as_text, problems, max_gigabytes)


def is_csv(path: Path) -> bool:
    """Whether a table's name says that a line is a row with separated values."""
    return ending(path).removesuffix(".gz") in (".csv", ".tsv")


def _unknown(path: Path) -> UserError:
    """The error for a file that no reader reads: the nearest door."""
    suffix = ending(path)
    do = NEAREST.get(suffix) or NEAREST.get(path.suffix.lower(), "")
    return UserError(
        f"{path.name} ends in {suffix or 'nothing'!r}.",
        "Its format is unknown.",
        f"{do}{' Read are' if do else 'Use one of'} {', '.join(suffixes())}.",
    )


# --- text files


def must_be_text(path: Path) -> None:
    """``UserError`` for a file of another kind whose name says that it is a table in text."""
    with opened_bytes(path) as stream:
        start = stream.read(64)
    for sign, (kind, do) in OTHER_KINDS.items():
        if start.lstrip(b" \r\n\t").lower().startswith(sign.lower()):
            raise UserError(
                f"{path.name} is {kind}, whatever its name says.", f"It cannot be read as {path.suffix.lower()}.", do
            )


def encoding_of(path: Path) -> str:
    """UTF-8, or what the file's byte order mark says; ``UserError`` for UTF-16 without one."""
    with opened_bytes(path) as stream:
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
def decoding(path: Path, encoding: str) -> Iterator[None]:
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
    with opened_bytes(path) as stream:
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
    usual = "\t" if ending(path).startswith(".tsv") else ","
    must_be_text(path)
    encoding = encoding_of(path)
    with decoding(path, encoding), opened_text(path, encoding, newline="") as stream:
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
    size = text_size(path, max_gigabytes)
    check_memory(path, _rows_of_text(path, size), len(names), 2 * size, max_gigabytes)
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
    if separator != ("\t" if ending(path).startswith(".tsv") else ","):
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
        with decoding(path, encoding), opened_text(path, encoding, newline="") as stream:
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


def _rows_of_text(path: Path, size: int) -> int:
    """About how many lines a text file of this size has, from its first ones."""
    with opened_bytes(path) as stream:
        start = stream.read(1 << 16)
    return int(size / max(len(start), 1) * max(start.count(b"\n"), 1))


def _read_jsonl(path: Path, as_text: tuple[str, ...], problems: Problems, max_gigabytes: float) -> "pd.DataFrame":
    import pandas as pd

    encoding = encoding_of(path)
    records: list[dict[str, Any]] = []
    halves: list[int] = []
    with decoding(path, encoding), opened_text(path, encoding) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            record = _record(line, number, path)
            if not records:
                size = text_size(path, max_gigabytes)
                check_memory(path, _rows_of_text(path, size), 8 * len(record), 3 * size, max_gigabytes)
            if "\\ud" in line or "\\uD" in line:
                record, before = whole_record(record), record
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
        record = json.loads(line, object_pairs_hook=pairs)
    except Twice as cause:
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


class Twice(Exception):
    """A name that stands in one JSON object twice."""


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    """The names and values of a JSON object; ``Twice`` for a name that it has two times."""
    record = dict(found)
    if len(record) < len(found):
        raise Twice(next(name for name, count in Counter(name for name, _ in found).items() if count > 1))
    return record


def whole_record(record: dict[str, Any]) -> dict[str, Any]:
    """A JSON object whose words can be written to a file."""
    return {whole(name): whole(value) if isinstance(value, str) else value for name, value in record.items()}


# --- Parquet


def _read_parquet(path: Path, max_gigabytes: float, pictures: "Pictures") -> "pd.DataFrame":
    with _parquet(path) as file:
        schema = file.schema_arrow
        names = names_of(list(schema.names), path)
        described = hugging_features.of_schema(schema)
        apart = [name for name in schema.names if _holds_pictures(file, name, described)]
        plain = [name for name in schema.names if name not in apart]
        check_memory(path, file.metadata.num_rows, len(plain), _stored_bytes(file, apart), max_gigabytes)
        # Nothing in it is needed, and what is broken in it does no harm.
        read = file.read(columns=plain).replace_schema_metadata(None)
        frame = read.to_pandas(ignore_metadata=True, integer_object_nulls=True)
        index = index_columns(schema)
        rows = file.metadata.num_rows
    hugging_features.name_classes(frame, plain, described)
    clean = dict(zip(schema.names, names, strict=True))
    frame.columns = [clean[name] for name in plain]
    frame.attrs["index"] = [tidy(one) for one in index if tidy(one) in names]
    none = np.zeros(rows, np.int64)
    for name in apart:
        pictures[clean[name]] = ParquetRows(path.parent, (path.name,), none, np.arange(rows), none, name)
    return frame


def _holds_pictures(file: Any, name: str, described: dict[str, Any]) -> bool:
    """Whether a column of a Parquet file holds encoded pictures: described so, or by its type and its first value."""
    from pyarrow import types

    kind = file.schema_arrow.field(name).type
    fields = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
    inner = fields.get("bytes", kind) if types.is_struct(kind) else kind
    if not (types.is_binary(inner) or types.is_large_binary(inner)):
        return False
    batch = next(file.iter_batches(batch_size=8, columns=[name]), None)
    values = [] if batch is None else batch.column(0).drop_null().to_pylist()
    known = name in hugging_features.pictures(described) or set(fields) == {"bytes", "path"}
    return bool(values) and (is_encoded(bytes_of(values[0])) or (known and bool(bytes_of(values[0]))))


def _stored_bytes(file: Any, without: list[str]) -> int:
    """How many bytes the columns but these have unpacked."""
    size = 0
    for group in range(file.metadata.num_row_groups):
        about = file.metadata.row_group(group)
        columns = [about.column(place) for place in range(about.num_columns)]
        size += sum(
            one.total_uncompressed_size for one in columns if one.path_in_schema.partition(".")[0] not in without
        )
    return size


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


def index_columns(schema: Any) -> list[str]:
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


def _read_parts(
    path: Path,
    parts: list[Path],
    as_text: tuple[str, ...],
    problems: Problems,
    max_gigabytes: float,
    pictures: "Pictures",
) -> "pd.DataFrame":
    """These files (of a folder: its Parquet files) as one table, in the order of their names; files called after splits
    give the splits."""
    import pandas as pd

    parts = parts or _told_parts(path, problems)
    splits = splits_of(parts, path)
    frames: list[pd.DataFrame] = []
    stored: list[Pictures] = []
    for part, split in zip(parts, splits, strict=True):
        stored.append({})
        frame = _read_file(part, as_text, problems, max_gigabytes / len(parts), stored[-1])
        _must_be_alike(frame, part, frames, parts[0])
        frame[PART] = [f"row {number} of {part.name}" for number in range(1, len(frame) + 1)]
        if split:
            frame[SPLIT_OF_PART] = split
        frames.append(frame)
    pictures |= {name: joined([some[name] for some in stored]) for name in stored[0] if all(name in s for s in stored)}
    what = "Parquet files" if parts[0].suffix.lower() == ".parquet" else f"{ending(parts[0])} files"
    problems.append(note(path.name, f"{len(parts):,} {what} were read as one table, in the order of their names"))
    together = pd.concat(frames, ignore_index=True)
    together.attrs = frames[0].attrs
    return together


def _told_parts(path: Path, problems: Problems) -> list[Path]:
    """The Parquet files of a folder; what lies beside them is said."""
    parts = _parts(path)
    others = [one.name for one in path.iterdir() if one not in parts and not one.name.startswith((".", "_"))]
    problems += [left_out(name, "not a part of the table (a .parquet file in this folder)") for name in sorted(others)]
    return parts


def splits_of(parts: list[Path], path: Path) -> list[str | None]:
    """The split that the name of each file says, None where none says one."""
    splits = [split_name(re.split(r"[-_.\d]", part.stem)[0]) for part in parts]
    if any(splits) and not all(splits):
        raise UserError(
            f"{path.name} holds {parts[splits.index(None)].name} beside "
            f"{parts[[bool(split) for split in splits].index(True)].name}.",
            "Some files are called after a split and some are not.",
            "Give one file, or call every file after its split (train-0.parquet, test-0.parquet).",
        )
    return splits if len(set(splits)) > 1 else [None] * len(parts)


def _must_be_alike(frame: "pd.DataFrame", part: Path, before: list["pd.DataFrame"], first: Path) -> None:
    unlike = sorted(set(frame.columns) ^ set(before[0].columns) - {PART, SPLIT_OF_PART}) if before else []
    if unlike:
        raise UserError(
            f"{part.name} and {first.name} differ in the columns {listed(unlike)}.",
            "They are not parts of one table.",
            "Give one file.",
        )


def first_rows(path: Path, count: int = 5) -> "pd.DataFrame":
    """The first rows of a table file, to choose its columns by; the whole file is not read. Raises ``UserError`` as
    ``read_frame`` does."""
    import pandas as pd

    if path.is_dir():
        return first_rows(_parts(path)[0], count)
    if path.stat().st_size == 0 or ending(path) not in SUFFIXES:
        return _read_file(path, (), [], 0.0, {})  # says what is wrong
    if ending(path) == ".parquet":
        return _first_of_parquet(path, count)
    must_be_text(path)
    if is_csv(path):
        names, separator, before = header(path)
        encoding = encoding_of(path)
        with decoding(path, encoding), opened_text(path, encoding, newline="") as stream:
            sample = stream.read(1 << 18)
        text = sample.split("\n", 1)[1] if before else sample
        records = list(_records(text, separator, count + 1))[1:]
        rows = [[*record, *[""] * len(names)][: len(names)] for record in records]
        return pd.DataFrame(rows, columns=names, dtype=object)
    encoding = encoding_of(path)
    with decoding(path, encoding), opened_text(path, encoding) as stream:
        found = ((number, line) for number, line in enumerate(stream, start=1) if line.strip())
        objects = [whole_record(_record(line, number, path)) for number, line in islice(found, count)]
    frame = pd.DataFrame(objects)
    frame.columns = names_of([str(name) for name in frame.columns], path)
    return frame


def _first_of_parquet(path: Path, count: int) -> "pd.DataFrame":
    import pandas as pd

    with _parquet(path) as file:
        schema = file.schema_arrow
        described = hugging_features.of_schema(schema)
        plain = [name for name in schema.names if not _holds_pictures(file, name, described)]
        names = names_of(plain, path)
        batch = next(file.iter_batches(batch_size=max(count, 1), columns=plain), None)
        if batch is None:
            return pd.DataFrame(columns=names)
        frame = batch.slice(0, count).to_pandas(ignore_metadata=True, integer_object_nulls=True)
    hugging_features.name_classes(frame, plain, described)
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
