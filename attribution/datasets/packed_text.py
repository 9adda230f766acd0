"""Text files that may be packed with gzip: opened as text, and how large they are unpacked, known before they are
read."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from attribution.errors import UserError

PACKED = (".gz",)


def ending(path: Path) -> str:
    """The suffix of a file's name in small letters, with the one before it where it is packed: ".csv", ".csv.gz"."""
    last = path.suffix.lower()
    return f"{Path(path.stem).suffix.lower()}{last}" if last in PACKED else last


def is_packed(path: Path) -> bool:
    """Whether a file's name says that it is packed."""
    return path.suffix.lower() in PACKED


@contextmanager
def opened_bytes(path: Path) -> Iterator[BinaryIO]:
    """The (unpacked) bytes of a file; ``UserError`` where it is damaged or cut short."""
    if not is_packed(path):
        with open(path, "rb") as stream:
            yield stream
        return
    try:
        with gzip.open(path, "rb") as packed:
            yield cast(BinaryIO, packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise UserError(
            f"{path.name} cannot be unpacked: {cause}.",
            "It is damaged, cut short, or not packed with gzip.",
            "Copy it again, or pack it again with gzip.",
        ) from cause


@contextmanager
def opened_text(path: Path, encoding: str, newline: str | None = None) -> Iterator[IO[str]]:
    """The (unpacked) text of a file."""
    with opened_bytes(path) as stream, io.TextIOWrapper(stream, encoding=encoding, newline=newline) as text:
        yield text


def text_size(path: Path, max_gigabytes: float = 0.0) -> int:
    """How many bytes a file has unpacked; of a packed one counted, and not much further than ``max_gigabytes`` (0: no
    limit)."""
    if not is_packed(path):
        return path.stat().st_size
    size = 0
    with opened_bytes(path) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            if max_gigabytes and size > max_gigabytes * 1e9:
                break
    return size
