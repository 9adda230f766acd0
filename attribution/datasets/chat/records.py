"""The records of chat files one after the other: JSON lines as they stand, JSON documents, Parquet, folders."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.datasets.address import Address
from attribution.datasets.frames import Twice, decoding, encoding_of, must_be_text, pairs
from attribution.datasets.packed_text import ending, opened_text, text_size
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import natural_key
from attribution.datasets.words import whole
from attribution.errors import UserError

WRAPPERS = ("data", "rows", "records", "items", "examples", "train")
TIMES = 10  # memory that records take, as a multiple of their text: the row, its words, its turns, and tables of them
BATCH = 1024  # rows of a Parquet file at a time


@dataclass(frozen=True)
class Record:
    """One object of a file: its fields, its text as it stood there (of Parquet: as JSON), its number from 1, and how
    messages name it."""

    fields: Mapping[str, Any]
    text: str
    number: int
    where: str


def records_of(address: Address, max_gigabytes: float) -> Iterator[Record]:
    """The records of a file, of the files of a pattern, or of a folder; numbers go on from file to file. ``UserError``
    for what is no JSON object; 0: no limit of memory."""
    files = _files(address)
    number = 0
    for path in files:
        prefix = f"{path.name}, " if len(files) > 1 else ""
        for place, fields, text in _of_file(path, max_gigabytes):
            number += 1
            yield Record(fields, text, place if len(files) == 1 else number, f"{prefix}{_unit(path)} {place}")


def _unit(path: Path) -> str:
    return "line" if ending(path).startswith((".jsonl", ".ndjson")) else "row"


def _files(address: Address) -> list[Path]:
    if address.pattern:
        return list(address.files())
    if not address.path.is_dir():
        return [address.path]
    found = [one for one in address.path.rglob("*") if one.is_file() and ending(one) in _READ]
    return sorted(found, key=lambda one: natural_key(str(one.relative_to(address.path))))


def _of_file(path: Path, max_gigabytes: float) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    if ending(path) not in _READ:
        raise UserError(
            f"{path.name} is no file of chats.", "Its ending is not known.", f"Give one of {', '.join(_READ)}."
        )
    yield from _READ[ending(path)](path, max_gigabytes)


def _lines(path: Path, max_gigabytes: float) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    must_be_text(path)
    if max_gigabytes:
        check_memory(path, 0, 0, TIMES * text_size(path, max_gigabytes), max_gigabytes)
    encoding = encoding_of(path)
    with decoding(path, encoding), opened_text(path, encoding) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, _object(line, f"Line {number}", path), whole(line.rstrip("\r\n"))


def _object(text: str, where: str, path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=pairs)
    except Twice as cause:
        raise UserError(
            f"{where} of {path.name} has {str(cause)!r} twice.", "Which one is meant cannot be told.", "Remove one."
        ) from cause
    except (ValueError, RecursionError) as cause:
        deep = isinstance(cause, RecursionError)
        said = "is nested too deeply" if deep else f"is not JSON{_place(cause)}"
        raise UserError(f"{where} of {path.name} {said}.", "It cannot be read.", "Correct that line.") from cause
    if not isinstance(found, dict):
        raise UserError(f"{where} of {path.name} is not an object.", "Names are needed.", "Write {...} on each line.")
    return found


def _place(cause: BaseException) -> str:
    """Where a line stops being JSON, and how: " at sign 40: Expecting value"."""
    if isinstance(cause, json.JSONDecodeError):
        return f" at sign {cause.colno}: {cause.msg.removesuffix(' at')}"
    return f": {cause}"


def _document(path: Path, max_gigabytes: float) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    from attribution.datasets.readers.json_table import document

    found = document(path, max_gigabytes)
    if isinstance(found, dict):
        inner = [name for name in WRAPPERS if isinstance(found.get(name), list)]
        found = found[inner[0]] if inner else [found]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UserError(f"{path.name} holds no list of objects.", "A record each is needed.", "Write [{...}, ...].")
    for number, record in enumerate(found, start=1):
        yield number, record, whole(json.dumps(record, ensure_ascii=False))


def _parquet(path: Path, max_gigabytes: float) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=BATCH):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record, whole(json.dumps(record, ensure_ascii=False, default=str))
    except (pyarrow.ArrowException, OSError, ValueError) as cause:
        raise UserError(
            f"{path.name} cannot be read as Parquet: {cause}.", "Its rows are not known.", "Write it again."
        ) from cause


_READ = {
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".jsonl.gz": _lines,
    ".ndjson.gz": _lines,
    ".json": _document,
    ".json.gz": _document,
    ".parquet": _parquet,
}
