"""Whether a process is still the one that was meant, whatever the clock does, and how to end one that does not
answer."""

import contextlib
import os
import signal
import time
from functools import cache
from pathlib import Path

PROC = Path("/proc")
POLL_S = 0.05
AGAIN_S = 0.5


@cache
def boot() -> str:
    """An id of this start of the machine, so that a process number from before a reboot is not believed."""
    source = PROC / "sys/kernel/random/boot_id"
    if source.exists():
        return source.read_text().strip()
    import psutil

    return f"{psutil.boot_time():.0f}"


def started(pid: int) -> float | None:
    """When a process began, as a number that never changes while it lives; None when it is gone or a zombie.

    On Linux it is the kernel's count of ticks since the machine started: psutil's times are worked out from the wall
    clock and move with it. Elsewhere the system itself keeps the time that psutil gives.
    """
    if (PROC / "self/stat").exists():
        try:
            text = (PROC / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            return None
        parts = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
        return None if parts[0] in "ZX" else float(parts[19])
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def alive(pid: int | None, start: float | None, machine: str | None) -> bool:
    """Whether the process that had this number and ``started`` on this start of the machine still runs (or is
    stopped)."""
    return pid is not None and machine == boot() and started(pid) == start


def end(pid: int, grace_s: float) -> bool:
    """End a process and its group: SIGTERM, and SIGKILL after ``grace_s``; whether it is gone.

    A stopped process is woken first. Even then any of its threads may take the signal, and a main thread that waits in
    a system call hears of it only when that call ends (the 60 s of a sleep, say): so it is asked again until it has
    gone.
    """
    begun = started(pid)
    until = time.monotonic() + grace_s
    while True:
        _signal(pid, signal.SIGCONT)
        _signal(pid, signal.SIGTERM)
        left = until - time.monotonic()
        if gone(pid, begun, max(min(left, AGAIN_S), 0.0)):
            return True
        if left <= AGAIN_S:
            break
    _signal(pid, signal.SIGKILL)
    return gone(pid, begun, 10.0)


def gone(pid: int, begun: float | None, within_s: float) -> bool:
    """Whether a process ends within so many seconds."""
    until = time.monotonic() + within_s
    while begun is not None and started(pid) == begun:
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True


def _signal(pid: int, sign: int) -> None:
    """To the whole group where the process leads one, so that its workers end too; else to it alone."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, sign)
        else:
            os.kill(pid, sign)
