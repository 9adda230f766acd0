"""Runs a command of the user's own once: what it prints is kept and shown, and it never outlives the work."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.trust.commands import program, words_of

PLACES = {
    "data": "your file or folder as it is in this version, without what was dropped",
    "labels": "a CSV file with a line for every sample: its id, target, whether it is used, and split",
    "seed": "the seed of this training",
    "out": "the folder for predictions or weights",
    "version": "the first letters of the data version",
}
NAMED = re.compile(r"\{([a-z_]+)\}")
LEASH = Path(__file__).with_name("leash.py")
POLL_S = 0.3
ENDED_S = 4.0
LINES = 15


def check(command: str) -> None:
    """``UserError`` for a command that could not tell one version or seed from another, or leave its answer."""
    words = words_of(command)
    used = set(NAMED.findall(command))
    do = f"Write for example: {EXAMPLE}"
    if not words:
        raise UserError("The command is empty.", "It trains your model.", do)
    for name in used - set(PLACES):
        known = ", ".join(f"{{{one}}}" for one in PLACES)
        raise UserError(f"The command names {{{name}}}.", f"There are {known}.", do)
    for wanted, why in (
        ({"data", "labels"}, "It would train on the same labels before and after the edits."),
        ({"seed"}, "Every seed would be the same training."),
        ({"out"}, "Its predictions or weights are looked for in that folder."),
    ):
        if not wanted & used:
            raise UserError(
                f"The command does not name {' or '.join(f'{{{one}}}' for one in sorted(wanted))}: {command}", why, do
            )


EXAMPLE = "python train.py --data {data} --out {out} --seed {seed}"


def filled(command: str, folder: Path | str, values: Mapping[str, str]) -> list[str]:
    """The words to start, every ``{name}`` replaced; no shell reads them."""
    words = [NAMED.sub(lambda found: values.get(found[1], found[0]), word) for word in words_of(command)]
    return [program(words[0], folder), *words[1:]]


def run(words: list[str], folder: Path, log: Path, work: Progress) -> float:
    """Run to the end; seconds taken. Output goes into ``log`` and, as it comes, to standard output (a job's log).

    ``UserError`` with the last lines of its output when it fails. When the work is cancelled or this process ends,
    however that comes, the command and all that it started end within five seconds.
    """
    began_s = time.monotonic()
    with open(log, "wb") as stream, _started(words, folder, stream) as child, open(log, "rb") as shown:
        last = ""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(POLL_S)
            last = _pass_on(shown) or last
            if child.poll() is not None:
                break
            took = time.monotonic() - began_s
            work.update(took, took + 60.0, f"your script, {took:.0f} s{': ' if last else ''}{last}")
    if child.returncode:
        raise failure(words, child.returncode, time.monotonic() - began_s, log)
    return time.monotonic() - began_s


@contextmanager
def _started(words: list[str], folder: Path, stream: object) -> Iterator["subprocess.Popen[bytes]"]:
    """The process on its leash, in a group of its own; ended with that group whatever happens."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LEASH), *words],
        stdin=subprocess.PIPE,
        stdout=stream,  # type: ignore[call-overload]
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield child
    finally:
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(ENDED_S if child.poll() is None else 0)
        except subprocess.TimeoutExpired:
            _kill(child.pid)
            child.wait()
        _kill(child.pid)  # what it left running in the background


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _pass_on(shown: object) -> str:
    """Print what came since; its last line."""
    text = shown.read().decode(errors="replace")  # type: ignore[attr-defined]
    if text:
        print(text, end="", flush=True)
    lines = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]
    return "".join(sign for sign in lines[-1][:120] if sign.isprintable()) if lines else ""


def failure(words: list[str], status: int, took_s: float, log: Path) -> UserError:
    """Why the command did not do its work, with the end of what it said."""
    how = f"was ended by signal {status - 128}" if status > 128 else f"ended with status {status}"
    said = tail(log)
    return UserError(
        f"Your script {how} after {took_s:.0f} s." + (f" Its last lines:\n{said}" if said else " It said nothing."),
        "Without its predictions there is nothing to compare.",
        f"Mend the script, and retrain again: seeds that are done are not run again. Try it by hand: {_by_hand(words)}",
    )


def tail(log: Path, lines: int = LINES) -> str:
    """The last lines of a log, signs that a terminal would obey taken out."""
    size = log.stat().st_size
    with open(log, "rb") as stream:
        stream.seek(max(0, size - 8192))
        text = stream.read().decode(errors="replace")
    clean = "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
    return "\n".join(clean.rstrip().split("\n")[-lines:])


def _by_hand(words: list[str]) -> str:
    import shlex

    return shlex.join(words)
