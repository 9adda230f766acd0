"""The user's file of trusted code: outside projects, for the user alone to read and write."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attribution.errors import UserError

FORMAT = 1
OTHERS = 0o022  # write permission of group and others


@dataclass(frozen=True)
class Entry:
    """What the user trusted: ``files`` (path: SHA-256), and ``wanted``, files that were refused since because nobody
    had seen them."""

    files: dict[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()


def place() -> Path:
    """Where the file lies: ``$DATABLAME_TRUST``, else ``datablame/trusted.json`` in the user's folder of settings."""
    if given := os.environ.get("DATABLAME_TRUST"):
        path = Path(given).expanduser()
        if not path.is_absolute():
            raise UserError(
                f"DATABLAME_TRUST={given} is not a full path.",
                "Jobs work in another folder.",
                f"Set it to {path.absolute()}.",
            )
        return path
    settings = os.environ.get("XDG_CONFIG_HOME", "")
    home = Path(settings) if os.path.isabs(settings) else Path.home() / ".config"
    return home / "datablame" / "trusted.json"


def entry(code: Path) -> Entry:
    """What is kept about a code file, given by its resolved path; empty when it was never trusted."""
    return _entries(place()).get(str(code), Entry())


def keep(code: Path, found: Entry) -> None:
    """Keep what the user trusted; an entry without files and wishes is taken out."""
    with _alone() as path:
        entries = _entries(path)
        entries.pop(str(code), None)
        if found.files or found.wanted:
            entries[str(code)] = found
        _write(path, entries)


def want(code: Path, module: str) -> None:
    """Note a file that the code asked for and that was refused, so that the next question names it, too."""
    with _alone() as path:
        entries = _entries(path)
        old = entries.get(str(code), Entry())
        if module in old.wanted or module in old.files:
            return
        entries[str(code)] = Entry(old.files, (*old.wanted, module))
        _write(path, entries)


@contextmanager
def _alone() -> Iterator[Path]:
    """One writer at a time, so that nothing is lost between reading and writing."""
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(lock)


def _entries(path: Path) -> dict[str, Entry]:
    try:
        with open(path, encoding="utf-8") as stream:
            _only_the_user_s(path, os.fstat(stream.fileno()))
            held = json.load(stream)
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        if held["format"] != FORMAT:
            raise _unreadable(path, f"format {held['format']!r} is not known here")
        return {str(code): _from_json(value) for code, value in held["trusted"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error


def _from_json(value: dict[str, Any]) -> Entry:
    return Entry(
        {str(name): str(digest) for name, digest in value["files"].items()}, tuple(map(str, value.get("wanted", ())))
    )


def _only_the_user_s(path: Path, about: os.stat_result) -> None:
    if about.st_uid not in (os.geteuid(), 0) or about.st_mode & OTHERS:
        raise UserError(
            f"{path} may be written by others than you (owner {about.st_uid}, mode {about.st_mode & 0o777:o}).",
            "It says which code may run on this machine.",
            f"Look into it, then run: chmod 600 '{path}'.",
        )


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} cannot be read: {why}.",
        "It says which code files you trust; without it none runs.",
        "Mend it, or delete it: you will be asked again.",
    )


def _write(path: Path, entries: dict[str, Entry]) -> None:
    held = {
        "format": FORMAT,
        "trusted": {code: {"files": one.files, "wanted": list(one.wanted)} for code, one in entries.items()},
    }
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as stream:
            json.dump(held, stream, indent=1, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
