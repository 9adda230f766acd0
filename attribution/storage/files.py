"""Files that appear whole or not at all, and content hashes."""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.errors.boundary import DAMAGED, full, is_full
from attribution.storage import alive

if TYPE_CHECKING:
    import numpy as np


HOST = re.sub(r"[^A-Za-z0-9-]", "", socket.gethostname())[:32] or "host"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is flushed to disk and renamed over ``path``.

    Its name holds host, process and a random part: processes of several machines may write into one shared folder. A
    full disk is a ``UserError`` that names the file, whichever library met it.
    """
    temporary = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.{uuid.uuid4().hex[:6]}.tmp")
    try:
        with said_when_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with open(temporary, "rb+") as stream:
                os.fsync(stream.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it is renamed to ``path``, which must not be there (an
    empty folder may)."""
    temporary = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.{uuid.uuid4().hex[:6]}.tmp")
    try:
        with said_when_full(path):
            temporary.mkdir(parents=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove the unfinished files below a folder that processes of this machine left when they were killed."""
    for path in folder.rglob(".*.tmp"):
        parts = path.name.split(".")
        if parts[-4:-3] == [HOST] and parts[-3].isdigit() and alive.started(int(parts[-3])) is None:
            path.unlink(missing_ok=True)


@contextmanager
def said_when_full(path: Path) -> Iterator[None]:
    """A full disk inside is a ``UserError`` that names the file, whichever library met it."""
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise full(path) from error
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, default=str))


class Facts(dict[str, Any]):
    """An object of a JSON file that knows where it came from: a name that it lacks is a ``UserError``, for whoever asks
    first."""

    path: Path | None = None

    def __missing__(self, name: str) -> Any:
        if self.path is None:
            raise KeyError(name)
        raise UserError(
            f"{self.path} is damaged: it does not say {name!r}.", "It is part of the project.", way_out(self.path)
        )


def read_json(path: Path) -> Any:
    """Read a JSON file; one that is gone, empty, cut or no JSON is a ``UserError``, and so is a name that its objects
    (``Facts``) lack."""

    def placed(values: dict[str, Any]) -> Facts:
        found = Facts(values)
        found.path = path
        return found

    with damage(path):
        return json.loads(path.read_text(encoding="utf-8"), object_hook=placed)


def readable(path: Path) -> bool:
    """Whether a JSON file can be read and holds an object."""
    try:
        return isinstance(read_json(path), dict)
    except UserError:
        return False


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Whatever a reader says of a file that is gone, cut, or not what its name promises becomes a ``UserError`` that
    names it."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if (
            not isinstance(error, (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError))
            and type(error).__name__ not in DAMAGED
        ):
            raise
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE):
            raise  # the file may be whole: the machine does not let it be read
        what = f"{path} is damaged: {_said(path, error)}." if path.exists() else f"{path} is not there."
        raise UserError(what, "It is part of the project.", way_out(path)) from error


def way_out(path: Path) -> str:
    """What to do about a damaged file of a project, from where it lies."""
    for folder in (path.parent, path.parent.parent):
        if (folder / "config.json").exists() and not (folder / "project.json").exists():
            again = "the same training is made" if folder.parent.name == "runs" else "it is computed"
            return f"Put a copy of it in its place, or remove the folder {folder}: {again} anew when you ask for it."
    if path.parent.name == "data" or (path.parent / "dataset.json").exists():
        return "Put a copy of it in its place, or make the project anew from its source."
    return "Put a copy of it in its place."


def read_array(path: Path, mapped: bool = False) -> "np.ndarray":
    """Read an array file, or map it read-only; ``UserError`` for one that is gone, cut, changed since it was written,
    or of objects."""
    import numpy as np

    from attribution.storage.sums import checked

    with damage(path):
        return np.asarray(np.load(checked(path), mmap_mode="r" if mapped else None, allow_pickle=False))


def _said(path: Path, error: Exception) -> str:
    """What is wrong with a file, in a few words."""
    if path.is_dir():
        return "it is a folder"
    if path.stat().st_size == 0:
        return "it is empty"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hex, first 16 digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
