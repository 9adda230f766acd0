"""Starts a program, and ends it with all that it started as soon as whoever started this is gone.

    python leash.py PROGRAM ARGUMENTS...

Standard input is a pipe that the other side holds open: when it closes, the process group gets SIGTERM, and SIGKILL two
seconds later. Needs nothing but the standard library.
"""

import os
import select
import signal
import subprocess
import sys
import time

GRACE_S = 2.0


def main() -> int:
    """The program's exit status."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda sign, _: asked.append(sign))
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", flush=True)
        return 127
    while child.poll() is None:
        closed = select.select([sys.stdin], [], [], 0.1)[0]  # nobody ever writes into it
        if closed or asked:
            end(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def end(child: "subprocess.Popen[bytes]") -> None:
    """End the whole group, itself included."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
