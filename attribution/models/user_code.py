"""The user's own model code: whatever it does is told in words that name its file, function and line, and what it
changes is put back."""

import contextlib
import io
import linecache
import os
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from attribution.errors import Cancelled, UserError

P = ParamSpec("P")
R = TypeVar("R")
PACKAGE = Path(__file__).resolve().parent.parent
_files: set[str] = set()  # that were loaded, with the local modules they import: a frame of one of them is the user's


def remember(files: Iterable[str]) -> None:
    """From now on, frames of these files are the user's code."""
    _files.update(str(Path(file).resolve()) for file in files)


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Turn what the user's code raises inside the block, ``SystemExit`` and ``KeyboardInterrupt`` included, into a
    ``UserError``.

    Errors in which none of its lines took part pass as they are, and so does Ctrl+C.
    """
    try:
        yield
    except (UserError, Cancelled):
        raise
    except BaseException as error:
        found = told(error, doing)
        if found is None:
            raise
        raise found from error


def said(doing: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """``guarded`` as a decorator."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with guarded(doing):
                return function(*args, **kwargs)

        return run

    return decorate


def told(error: BaseException, doing: str) -> UserError | None:
    """The words for an error of the user's code; None where it is not theirs."""
    if isinstance(error, SyntaxError) and error.filename and _theirs(error.filename):
        return UserError(
            f"{Path(error.filename).name}, line {error.lineno}: {type(error).__name__}: {error.msg}.",
            "The file that builds your model cannot be read as Python.",
            "Mend that line.",
        )
    place = _place(error.__traceback__)
    if place is None or (isinstance(error, KeyboardInterrupt) and not re.search(r"\braise\b", place[3])):
        return None
    file, line, function, _ = place
    return UserError(
        f"{file}, line {line}, in {function}: {words(error)}.", f"Your model's code failed while {doing}.", _do(error)
    )


def words(error: BaseException) -> str:
    """What an error says, in a line."""
    if isinstance(error, SystemExit):
        return f"it ends the process (SystemExit {error.code})"
    if isinstance(error, MemoryError) and not str(error):
        return "it runs out of memory (MemoryError)"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}".rstrip(": .")


@contextmanager
def kept_state() -> Iterator[None]:
    """What user code may change for everybody is as before after the block: random states, gradient mode, default type,
    threads and working folder. What it prints goes to standard error, so that an output that is read by a program stays
    clean."""
    import torch  # this module is read with the results, which need none of it

    numpy_state = np.random.get_state()
    python_state = random.getstate()
    kind, gradients, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    folder = _folder()
    try:
        with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(_Aside()):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if folder is not None and _folder() != folder:
            os.chdir(folder)


class _Aside(io.TextIOBase):
    """Standard output while user code runs: written to standard error, which it cannot close."""

    def write(self, text: str) -> int:
        sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def close(self) -> None:
        return None


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _do(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"Install {error.name!r} where datablame runs, or put the file beside it."
    if isinstance(error, MemoryError):
        return "Make the model or its inputs smaller."
    if isinstance(error, SystemExit):
        return "Take the exit out: the code is imported, not run as a script (if __name__ == '__main__': ...)."
    return "Mend that line."


def _theirs(filename: str) -> bool:
    return filename in _files or (Path(filename).is_absolute() and str(Path(filename).resolve()) in _files)


def _place(trace: TracebackType | None) -> tuple[str, int, str, str] | None:
    """File, line, function and source of the user's innermost frame; None where a frame of ours lies below it, or there
    is none."""
    found: Any = None
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if _theirs(filename):
            source = linecache.getline(filename, trace.tb_lineno).strip()
            found = Path(filename).name, trace.tb_lineno, trace.tb_frame.f_code.co_name, source
        elif found and PACKAGE in Path(filename).parents:
            found = None
        trace = trace.tb_next
    return found
