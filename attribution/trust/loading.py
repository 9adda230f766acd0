"""Runs a trusted code file: every local module is executed from the very bytes whose hash was compared, or not at
all."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import (
    BuiltinImporter,
    ExtensionFileLoader,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from attribution.errors import UserError
from attribution.trust import store
from attribution.trust.imports import ADDED, digest, installed, is_local, read
from attribution.trust.question import Look, look

_COPIES: list[tempfile.TemporaryDirectory[str]] = []  # of extension modules; cleared when the process ends


@contextmanager
def running(code: Path) -> Iterator[ModuleType]:
    """The module of a trusted code file; inside the block, too, it may import its neighbours, each checked before it
    runs.

    Raises ``UserError`` for a file that is not trusted or is no longer what was trusted, itself or any local module
    that it imports.
    """
    seen = look(code)
    if not seen.trusted:
        raise seen.refusal()
    finder = _Neighbours(seen)
    _set_aside(seen)
    sys.meta_path.insert(0, finder)
    before = _watch(finder)
    try:
        yield _module(seen)
    finally:
        _watch(before)
        sys.meta_path.remove(finder)
        ADDED.update(finder.added())


class _Checked(SourceFileLoader):
    """Reads a module once, compares the hash of what it read, and runs that: no bytecode from beside it, no second
    reading."""

    def __init__(self, name: str, path: str, seen: Look) -> None:
        super().__init__(name, path)
        self.seen = seen

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the bytes that were compared."""
        return compile(compared(self.path, self.seen), self.path, "exec", dont_inherit=True)


def compared(path: str, seen: Look) -> bytes:
    """The bytes of a file, if they are what was trusted; ``UserError`` otherwise."""
    data = read(path)
    before = seen.before.get(path)
    if before is None:
        with suppress(OSError):  # a home that cannot be written to: the refusal is what matters
            store.want(seen.path, path)
        raise UserError(
            f"{seen.path} asks for {path} (SHA-256 {digest(data)}), which was not among the files that you trusted.",
            "Code runs only when you have seen it.",
            "Read it, then run `datablame trust`, which names it now, or confirm it in the app; move it away if "
            "it does not belong there.",
        )
    if digest(data) != before:
        raise UserError(
            f"{path} changed while it was read: SHA-256 {digest(data)}, was {before}.",
            "Code runs only as it was when you confirmed it.",
            "Read it, then run `datablame trust`.",
        )
    return data


class _Neighbours(MetaPathFinder):
    """Finds the modules that lie with the code, for the thread that loads it, and gives them a loader that checks
    first."""

    def __init__(self, seen: Look) -> None:
        self.seen = seen
        self.thread = threading.get_ident()
        self.known = installed()
        self.root = str(seen.path.parent)
        self.copies: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A local module's place with the checking loader; None leaves a module to Python."""
        if threading.get_ident() != self.thread or BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name):
            return None
        spec = PathFinder.find_spec(name, [self.root, *sys.path] if path is None else path)
        if spec is None:
            return None
        if spec.origin is None or not spec.has_location:
            return _folder(name, spec) if spec.submodule_search_locations else None
        origin = os.path.abspath(spec.origin)
        if not is_local(origin, [self.root, *self.added()], self.known):
            return None
        if origin.endswith(".py"):
            places = spec.submodule_search_locations
            return spec_from_file_location(
                name, origin, loader=_Checked(name, origin, self.seen), submodule_search_locations=places
            )
        return self._compiled(name, origin)

    def added(self) -> list[str]:
        """What the user's code has put on Python's search path."""
        return [path for path in map(os.path.abspath, filter(None, sys.path)) if path not in self.known]

    def _compiled(self, name: str, origin: str) -> ModuleSpec | None:
        """An extension module is loaded from a copy of the bytes that were compared."""
        data = compared(origin, self.seen)
        if origin.endswith(".pyc"):
            raise UserError(
                f"{origin} is bytecode without its source.",
                "It cannot be read before it is trusted.",
                "Put the .py beside it.",
            )
        _COPIES.append(tempfile.TemporaryDirectory(prefix="datablame-"))  # for this user alone
        copy = os.path.join(_COPIES[-1].name, os.path.basename(origin))
        self.copies.add(copy)
        Path(copy).write_bytes(data)
        return spec_from_file_location(name, copy, loader=ExtensionFileLoader(name, copy))


_watching = threading.local()
_hooked: list[bool] = []


def _watch(finder: _Neighbours | None) -> _Neighbours | None:
    """Have this thread's finder asked about code that is run past it (``runpy``, a loader of the user's own); the one
    before."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_run_past)  # cannot be taken away again, so it answers at once when nobody watches
    before: _Neighbours | None = getattr(_watching, "finder", None)
    _watching.finder = finder
    return before


def _run_past(event: str, arguments: tuple[Any, ...]) -> None:
    """Compare a local file's code before it runs, whoever loaded it, and be it from a cache of bytecode."""
    if event not in ("exec", "import"):
        return
    finder: _Neighbours | None = getattr(_watching, "finder", None)
    if finder is None:
        return
    code = arguments[0] if event == "exec" else None
    name = code.co_filename if isinstance(code, CodeType) else arguments[1] if event == "import" else None
    if not isinstance(name, str) or (code is not None and code.co_name != "<module>"):
        return
    file = os.path.abspath(name)
    if (
        not os.path.isfile(file)
        or file in finder.copies
        or not is_local(file, [finder.root, *finder.added()], finder.known)
    ):
        return
    data = compared(file, finder.seen)
    if code is not None and compile(data, name, "exec", dont_inherit=True) != code:
        raise UserError(
            f"{file} is run from something else than its text, perhaps from a cache of bytecode.",
            "What runs must be what you read.",
            "Delete __pycache__ beside it, or import it by name.",
        )


def _folder(name: str, found: ModuleSpec) -> ModuleSpec:
    """A package without a file of its own: nothing runs, its modules are looked for in the same folders."""
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = list(found.submodule_search_locations or ())
    return spec


def _module(seen: Look) -> ModuleType:
    """The file's module: made once for these very bytes, its neighbours' included."""
    place = digest(str(seen.path))[:8]
    name = f"datablame_custom_{place}_{seen.shown[:16]}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, seen.path, loader=_Checked(name, str(seen.path), seen))
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _set_aside(seen: Look) -> None:
    """Forget neighbours of another file, or of this one as it was: a module is known by name alone, and theirs would be
    taken for ours."""
    for name, module in list(sys.modules.items()):
        loader: Any = getattr(module, "__loader__", None)
        if (
            isinstance(loader, _Checked)
            and not name.startswith("datablame_custom_")
            and loader.seen.shown != seen.shown
        ):
            del sys.modules[name]
