"""Runs the command line in this process on something broken: the outcome is clear or fine, and never anything else.

Clear: exit status 2, words that name the thing, and nothing left behind. Fine: exit status 0 and what was expected. A
traceback, a hang, a wrong result without a word, and a half-made folder are each a failure of the case.
"""

import contextlib
import io
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HANG_S = 60


class Hung(BaseException):
    """A case that takes longer than anything honest here."""


@dataclass(frozen=True)
class Expected:
    """Exit status, and words that must be in what is said (all of them; a tuple is one or the other)."""

    status: int
    words: tuple[Any, ...]


def clear(*words: Any) -> Expected:
    """Refused, in words that hold these."""
    return Expected(2, words)


def fine(*words: Any) -> Expected:
    """Done, with output that holds these."""
    return Expected(0, words)


@dataclass(frozen=True)
class Case:
    """One broken thing: ``make(folder)`` writes it and gives the words of the command line."""

    name: str
    make: Callable[[Path], list[Any]]
    expected: Expected


def run(*words: Any) -> tuple[int, str]:
    """Exit status and everything said by ``datablame WORDS``; whatever else is raised is the case's own failure."""
    from attribution import __main__

    said, argv = io.StringIO(), sys.argv
    sys.argv = ["datablame", *[str(word) for word in words]]

    def hung(*_: Any) -> None:
        raise Hung(f"{words} took more than {HANG_S} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(HANG_S)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            __main__.main()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        sys.argv = argv
    return status, said.getvalue()


def leftovers(home: Path) -> list[str]:
    """What nobody should find: half-made files and folders, and locks that nobody holds."""
    signs = (".tmp", ".building", ".lock", ".spare", ".beat")
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.name.endswith(signs))


def check(words: list[Any], expected: Expected, home: Path) -> str:
    """Run one case and check all that holds for every case; what was said."""
    before = {path.name for path in home.iterdir()} if home.exists() else set()
    status, said = run(*words)
    assert "Traceback" not in said, said
    assert status == expected.status, f"exit status {status}:\n{said}"
    for word in expected.words:
        one = word if isinstance(word, tuple) else (word,)
        assert any(form in said for form in one), f"{word!r} is not in:\n{said}"
    if home.exists():
        assert leftovers(home) == []
        if status:
            assert {path.name for path in home.iterdir()} == before, "something was left behind"
    return said
