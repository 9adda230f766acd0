"""Turns what the machine did (disk, rights, memory, a damaged file) into words, with the path and the way out; a bug
stays a bug.

The command line, jobs and pages all ask ``in_words``: it goes by the error's type and origin and knows nothing of who
asks.
"""

import errno
import math
import os
import shutil
import sqlite3
from pathlib import Path

from attribution.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What libraries say of a full disk without an errno: Arrow and safetensors (Rust) by its number, torch's archive writer
# by where it stopped.
FULL_SIGNS = (
    "No space left",
    "os error 28",
    "os error 122",
    "os error 27",
    "File too large",
    "disk is full",
    "unexpected pos",
)
SQLITE_NEEDS_BYTES = 1 << 18  # a write-ahead log and its index; below that it says only "cannot open" or "I/O error"
MEMORY_SIGNS = ("can't allocate memory", "out of memory", "Cannot allocate memory")
# Said only by readers of files.
DAMAGED = ("BadZipFile", "ArrowInvalid", "ArrowException", "SafetensorError", "UnpicklingError")


def in_words(error: BaseException, where: Path | None = None) -> UserError | None:
    """The error as a ``UserError``, or None for a bug, whose traceback should be seen.

    ``where`` is the file or folder that was worked on, for errors that do not say it themselves.
    """
    if isinstance(error, UserError):
        return error
    if is_full(error):
        return full(_path(error, where))
    if isinstance(error, MemoryError) or _said(error, MEMORY_SIGNS) or type(error).__name__ == "OutOfMemoryError":
        return UserError(
            f"Memory ran out: {_line(error)}.",
            "What was finished is kept.",
            "Close other programs or use a machine with more memory; smaller batches, --memory-mb and smaller "
            "inputs need less.",
        )
    if isinstance(error, sqlite3.Error):
        return _database(error, where)
    return _of_a_file(error, where)


def _of_a_file(error: BaseException, where: Path | None) -> UserError | None:
    """What the system or a reader says of a path."""
    if _said(error, ("Symlink loop", "determine home directory")):
        return UserError(f"{_line(error)}.", "Nothing lies at the end of this path.", "Check the path.")
    if isinstance(error, OSError):
        return _system(error, _path(error, where))
    if type(error).__name__ in DAMAGED or _said(error, ("PytorchStreamReader",)):
        return UserError(
            f"A file of {where or 'this work'} cannot be read: {_line(error)}.",
            "It is damaged or cut short.",
            "Put a whole copy in its place.",
        )
    return None


def is_full(error: BaseException) -> bool:
    """Whether a full disk (or a quota, or a limit on the size of files) is behind it, whichever library met it."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
    return getattr(error, "errno", None) in FULL or _said(error, FULL_SIGNS)


def full(path: Path | None) -> UserError:
    """The words for a full disk."""
    what = f"{path.name} could not be written to {path.parent}" if path else "a file could not be written"
    return UserError(
        f"The disk is full: {what}{_left(path)}.",
        "What was written before is kept.",
        "Free some space, then go on from there.",
    )


def _left(path: Path | None) -> str:
    """How much is left where the path is, for the message."""
    free = _free_bytes(path) if path else math.inf
    return "" if free == math.inf else f" ({free / 1e6:,.1f} MB are left there)"


def _free_bytes(path: Path) -> float:
    """Bytes left on the disk of a path; endless where that cannot be asked."""
    folder = next((folder for folder in path.absolute().parents if folder.is_dir()), None)
    try:
        return shutil.disk_usage(folder).free if folder else math.inf
    except OSError:
        return math.inf


def _database(error: sqlite3.Error, where: Path | None) -> UserError | None:
    """SQLite's own codes for what is not our doing; anything else is a bug."""
    name = getattr(error, "sqlite_errorname", "") or ""
    path = where or Path("project.db")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return UserError(
            f"{path} is in use by another process.",
            "It was waited for half a minute.",
            "Try again when the other one is done.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return read_only(path)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return UserError(
            f"{path} is damaged ({error}).", "It holds every decision and the jobs.", "Put a copy of it in its place."
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
        if _free_bytes(path) < SQLITE_NEEDS_BYTES:
            return full(path)
        gone = not path.exists()
        what = f"{path} is not there" if gone else f"{path} cannot be opened or read ({error}){_left(path)}"
        do = (
            "Put the project back in its place."
            if gone
            else "See whether the disk is full or gone and whether you may write to its folder."
        )
        return UserError(f"{what}.", "It holds every decision and the jobs.", do)
    return None


def read_only(path: Path) -> UserError:
    """The words for a file of a project that may be read and not written."""
    return UserError(
        f"{path} may not be written.",
        "The project is read-only for you; it can be looked at, and nothing was changed.",
        f"Give yourself the right to write to {path.parent}, or copy the project to a folder of your own.",
    )


# What the system's numbers mean: what, why, and what to do.
SYSTEM: dict[int, tuple[str, str, str]] = {
    errno.ENOENT: ("{name} is not there.", "It was removed, or never was.", "Check the name{nearest}."),
    errno.EACCES: (
        "You may not read or write {name}.",
        "The system refuses it.",
        "Change its rights{mode}, or choose another place.",
    ),
    errno.EPERM: (
        "You may not change {name}.",
        "The system refuses it.",
        "Change its rights{mode}, or choose another place.",
    ),
    errno.EROFS: (
        "{name} lies on a medium that can only be read.",
        "Nothing can be written there.",
        "Copy it to a disk that can be written.",
    ),
    errno.ENAMETOOLONG: (
        "The name {name} is too long.",
        "The system takes up to 255 bytes between two slashes.",
        "Choose a shorter one.",
    ),
    errno.ENOTDIR: (
        "{name} leads through something that is no folder.",
        "Nothing can lie below a file.",
        "Check the path.",
    ),
    errno.EISDIR: ("{name} is a folder.", "A file was expected.", "Name a file, or remove the folder."),
    errno.EEXIST: ("{name} is there already.", "It would be overwritten.", "Remove it, or choose another name."),
    errno.ENOTEMPTY: (
        "{name} is not empty.",
        "Another process may be writing there.",
        "Wait for it, or choose another name.",
    ),
    errno.ELOOP: (
        "{name} is a link that leads back to itself.",
        "There is nothing at its end.",
        "Remove the link, or name the real file.",
    ),
    errno.EMFILE: (
        "Too many files are open in this process.",
        "The system allows no more.",
        "Raise the limit with `ulimit -n`.",
    ),
    errno.ENFILE: (
        "Too many files are open on this machine.",
        "The system allows no more.",
        "Close other programs.",
    ),
    errno.EIO: (
        "{name} cannot be read: the disk reports an error.",
        "It may be failing.",
        "Copy what you can to another disk.",
    ),
    errno.ESTALE: (
        "{name} is on a network folder that went away.",
        "The connection was lost.",
        "Mount it again, then try again.",
    ),
    errno.ETXTBSY: ("{name} is in use.", "It cannot be changed now.", "Close the program that uses it."),
    errno.EBUSY: ("{name} is in use.", "It cannot be changed now.", "Close the program that uses it."),
    errno.EADDRINUSE: (
        "The address is in use.",
        "Another program listens there.",
        "Choose another one with --port.",
    ),
    errno.ENOMEM: (
        "Memory ran out.",
        "What was finished is kept.",
        "Close other programs; smaller batches and --memory-mb need less.",
    ),
    errno.EAGAIN: (
        "No more processes can be started.",
        "The system allows no more.",
        "Close other programs, or raise `ulimit -u`.",
    ),
    errno.ENXIO: ("{name} is no regular file.", "Nothing can be read from it.", "Name a regular file."),
}


def _system(error: OSError, path: Path | None) -> UserError | None:
    """An error that the operating system gave a number."""
    name = _short(path) if path else "a file"
    if error.errno in SYSTEM:
        return UserError(
            *(part.format(name=name, nearest=_nearest(path), mode=_mode(path)) for part in SYSTEM[error.errno])
        )
    if error.errno is None or isinstance(error, (ConnectionError, TimeoutError)):
        return None
    return UserError(
        f"{name}: {error.strerror}.", "The system refuses it.", "Check the file and the disk that it lies on."
    )


def _path(error: BaseException, where: Path | None) -> Path | None:
    """The path that the error names; of a rename, the one that it goes to."""
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    return Path(os.fsdecode(named)) if isinstance(named, (str, bytes)) and named else where


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 300 else f"{text[:120]}...{text[-60:]} ({len(text):,} signs)"


def _nearest(path: Path | None) -> str:
    """The first folder above that is there, so that one sees where the path goes wrong."""
    if path is None:
        return ""
    there = next((folder for folder in path.absolute().parents if folder.is_dir()), None)
    return f": {there} is there, {path.absolute().relative_to(there).parts[0]} is not in it" if there else ""


def _mode(path: Path | None) -> str:
    try:
        return f" (now {path.stat().st_mode & 0o777:o})" if path else ""
    except OSError:
        return ""


def _said(error: BaseException, signs: tuple[str, ...]) -> bool:
    """Whether a library's own error says so; words in our and Python's own errors mean nothing."""
    origin = type(error).__module__.partition(".")[0]
    foreign = isinstance(error, (RuntimeError, OSError)) or origin not in ("builtins", "attribution")
    return foreign and any(sign in str(error) for sign in signs)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
