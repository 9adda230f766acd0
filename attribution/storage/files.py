"""Files that appear whole or not at all, and content hashes."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attribution.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is flushed to disk and renamed over ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def said_when_full(path: Path) -> Iterator[None]:
    """A full disk inside is a ``UserError`` that names the file, whichever library met it."""
    try:
        yield
    except Exception as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error) or "os error 28" in str(error)
        if not full:
            raise
        raise UserError(
            f"The disk is full: {path.name} could not be written to {path.parent}.",
            "The files written so far are kept.",
            "Free some space and resume the job; it goes on from there.",
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, default=str))


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text())


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hex, first 16 digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
