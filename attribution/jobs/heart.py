"""The heart of a running job: two clocks in a small file, one for its process and one for its work, and an end when its
project is gone.

The file is written over in place, so that it beats on a full disk too. Times are those of the monotonic clock, which
nobody sets and which all processes of one start of the machine share.
"""

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from attribution.storage.alive import boot

EVERY_S = 2.0
WIDTH = 120
LEAVE_S = 10.0  # for the work to unwind when its project is gone


@dataclass(frozen=True)
class Beat:
    """What the file says, in seconds before now: ``silent_s`` since the process showed that it lives, ``still_s`` since
    its work went a step on, ``ran_s`` since it began."""

    silent_s: float
    still_s: float
    ran_s: float


def read(path: Path) -> Beat | None:
    """The last beat; None when there is none of this start of the machine."""
    try:
        machine, beat, step, begun = path.read_text().split()
        now = time.monotonic()
        return Beat(now - float(beat), now - float(step), now - float(begun)) if machine == boot() else None
    except (OSError, ValueError):
        return None


class Heart:
    """Beats while its block runs. ``stepped`` is called by the work itself, so a hung one stands still although the
    process lives.

    ``home`` is a file that is there as long as the project is: without it the process is told to end, and is ended if
    it does not hear. That is for a process of the job's own, whose main thread works.
    """

    def __init__(self, path: Path, home: Path) -> None:
        self._path, self._home = path, home
        self._own = threading.current_thread() is threading.main_thread()
        self._begun = self._step = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def stepped(self) -> None:
        """The work went a step on."""
        self._step = time.monotonic()

    def _beat(self) -> None:
        line = f"{boot()} {time.monotonic():.3f} {self._step:.3f} {self._begun:.3f}".ljust(WIDTH)
        with contextlib.suppress(OSError):  # a full or failing disk: the work will meet it and say so
            os.pwrite(self._file, line.encode(), 0)

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._beat()
            if self._own and not self._home.is_file():
                self._leave()

    def _leave(self) -> None:
        """Ask this process to end, as a signal from outside would, and end it if its work does not hear."""
        # To the thread that works: another would take it unheard.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        if not self._ended.wait(LEAVE_S):
            os._exit(1)
