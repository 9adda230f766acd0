"""Which local files a code file imports, found by reading it: nothing is run."""

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from attribution.errors import UserError

SUFFIXES = (".py", *EXTENSION_SUFFIXES, ".pyc")
OURS = str(Path(__file__).resolve().parent.parent)
CALLS = {"import_module", "__import__"}
ADDED: set[str] = set()
LARGEST = 1 << 28  # extension modules can be large


def read(file: str) -> bytes:
    """A code file's bytes; ``UserError`` for one that is too large to be code."""
    size = os.stat(file).st_size
    if size > LARGEST:
        raise UserError(
            f"{file} has {size:,} bytes.",
            f"Code files are read up to {LARGEST:,} bytes.",
            "Name the file that holds the model's function.",
        )
    with open(file, "rb") as stream:
        return stream.read(LARGEST + 1)


def digest(data: bytes | str) -> str:
    """SHA-256 in full, hex; of a path also where its name is not UTF-8."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")).hexdigest()


def resolved(file: str | Path) -> Path:
    """A code file's own place, links followed; ``UserError`` for what cannot be one."""
    try:
        return Path(file).expanduser().resolve()
    except (ValueError, RuntimeError, OSError) as error:
        raise UserError(
            f"{str(file)[:200]!r} cannot be a code file: {error}.",
            "The model is built by a function in it.",
            "Correct the path.",
        ) from error


def code_file(name: str) -> Path | None:
    """The file of code that a name like ``FILE.py:FUNCTION`` or ``FILE.py:CLASS`` means; None for any other name."""
    return resolved(name.rpartition(":")[0]) if ".py:" in name else None


def installed() -> tuple[str, ...]:
    """Folders whose modules belong to the installation and are no neighbours: where Python searches, and this package
    itself.

    Not those that a user's code put there while it was loaded (``ADDED``): what lies in them is its neighbour.
    """
    own = [path for name, path in sysconfig.get_paths().items() if name.endswith("lib")]
    return tuple(path for path in map(os.path.abspath, [*filter(None, sys.path), *own, OURS]) if path not in ADDED)


def is_local(file: str, roots: Iterable[str], known: Iterable[str]) -> bool:
    """Whether a module's file belongs to the user's code in ``roots``: no folder of the installation (``known``) holds
    it more closely.

    An environment below the code's folder is not local, and neither is the standard library; a file that neither holds
    is local.
    """
    nearest = max((len(folder) for folder in known if _inside(file, folder)), default=-1)
    return nearest < 0 or max((len(root) for root in roots if _inside(file, root)), default=-1) >= nearest


def local_files(code: Path, also: Iterable[str] = ()) -> dict[str, str]:
    """SHA-256 of ``code`` and of every local module that it imports, however deep, by path; the file itself comes
    first.

    ``also`` names files to count in that reading does not find (imports that are made up while running). Files that are
    gone are left out.
    """
    root = str(code.parent)
    known = installed()
    roots = [root, *(os.path.dirname(one) for one in also if not _inside(one, root))]
    found: dict[str, str] = {}
    waiting = [str(code), *also, *(one for file in also for one in _packages(file, roots))]
    while waiting:
        file = waiting.pop(0)
        if file in found or not os.path.isfile(file):
            continue
        data = read(file)
        found[file] = digest(data)
        if file.endswith(".py"):
            waiting += [one for one in _imported(file, data, roots) if is_local(one, roots, known)]
    return found


def _inside(file: str, folder: str) -> bool:
    return file.startswith(folder.rstrip(os.sep) + os.sep)


def _packages(file: str, roots: list[str]) -> Iterator[str]:
    """The ``__init__`` of each package that a module lies in."""
    folder = os.path.dirname(file)
    while folder not in roots and any(_either(os.path.join(folder, "__init__"))):
        yield from _either(os.path.join(folder, "__init__"))
        folder = os.path.dirname(folder)


def _imported(file: str, data: bytes, roots: list[str]) -> Iterator[str]:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # it cannot run either
    here = os.path.dirname(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(roots, alias.name)
        elif isinstance(node, ast.ImportFrom):
            starts = (
                roots if node.level == 0 else [os.path.abspath(os.path.join(here, *[os.pardir] * (node.level - 1)))]
            )
            prefix = f"{node.module}." if node.module else ""
            for alias in node.names:
                yield from _files(starts, prefix + alias.name, within=node.level > 0)
        elif isinstance(node, ast.Call):
            yield from _by_call(node, roots)


def _by_call(node: ast.Call, roots: list[str]) -> Iterator[str]:
    """``importlib.import_module("name")`` and ``__import__("name")`` with the name written out."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    if called in CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield from _files(roots, first.value.strip("."))


def _files(starts: list[str], name: str, within: bool = False) -> Iterator[str]:
    """Files that importing ``name`` from one of these folders would run: every package on the way, and the module."""
    for start in starts:
        if within:
            yield from _either(os.path.join(start, "__init__"))
        folder = start
        for part in name.split("."):
            # What __all__ names, and it may be made up.
            if part == "*" and os.path.isfile(os.path.join(folder, "__init__.py")):
                yield from (one.path for one in os.scandir(folder) if one.is_file() and one.name.endswith(SUFFIXES))
            if part == "*" or not part:
                break
            base = os.path.join(folder, part)
            yield from _either(base)
            yield from _either(os.path.join(base, "__init__"))
            folder = base


def _either(base: str) -> Iterator[str]:
    yield from (base + suffix for suffix in SUFFIXES if os.path.isfile(base + suffix))
