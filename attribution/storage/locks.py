"""One maker at a time: a lock on what is being made, which the system lets go when its process dies."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attribution.errors import UserError
from attribution.progress import Progress

POLL_S = 0.25
NOT_HERE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # file systems without them


@contextmanager
def alone(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock file ``path`` inside the block; waits while another process holds it, and says so. ``Cancelled``
    ends the waiting."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _take(path)
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
        # nothing can be written here; a finished result can still be found, and work that writes will say so itself
        yield
        return
    while held is None:
        progress.update(0, 1, f"process {_holder(path)} does the same; waiting for it")
        time.sleep(POLL_S)
        held = _take(path)
    with _let_go(path, held):
        yield


@contextmanager
def alone_or_refused(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path`` inside the block; ``UserError`` when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = _take(path)
    if held is None:
        raise UserError(
            f"{what} is being made by process {_holder(path)}.", "Two would get into each other's way.", "Wait for it."
        )
    with _let_go(path, held):
        yield


def _take(path: Path) -> int | None:
    """A descriptor that holds the lock, or None when another process has it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(file)
                raise
        if _same(file, path):
            with suppress(OSError):  # a full disk: the number is only for the message
                os.ftruncate(file, 0)
                os.pwrite(file, str(os.getpid()).encode(), 0)
            return file
        os.close(file)  # its last holder removed it meanwhile


def _same(file: int, path: Path) -> bool:
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


@contextmanager
def _let_go(path: Path, file: int) -> Iterator[None]:
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "(unknown)"
    except OSError:
        return "(unknown)"
