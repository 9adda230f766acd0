"""Finds plug-ins: one file in a folder, or an installed package that says so, one ``@register`` line, nothing else to
edit."""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "datablame.plugins"  # the entry points by which an installed package names its modules
_LOADED: set[str] = set()


class Registry:
    """The named plug-ins of one package, imported on first use, with those of installed packages.

    ``kind`` is the word used in messages ("estimator"), ``package`` the dotted name of the folder whose modules
    register themselves. ``inside``: the plug-ins are folders, and the module of this name in each registers it.
    ``kinds``: the word for several of them.
    """

    def __init__(self, kind: str, package: str, inside: str = "", kinds: str = "") -> None:
        self.kind, self._package, self._inside = kind, package, inside
        self.kinds = kinds or f"{kind}s"
        self._items: dict[str, Any] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[Any], Any]:
        """Decorator that files a class or function under ``name`` and sets its ``name`` attribute."""

        def put(item: Any) -> Any:
            known = self._items.get(name, item)
            if known.__qualname__ != item.__qualname__ or known.__module__ != item.__module__:
                raise UserError(
                    f"Two {self.kind}s are called {name!r}: in {known.__module__} and in {item.__module__}.",
                    "One would hide the other.",
                    "Rename one of them, or uninstall its package.",
                )
            item.name = name
            self._items[name] = item
            return item

        return put

    def _discover(self) -> None:
        if not self._discovered:
            package = importlib.import_module(self._package)
            for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
                if not module.name.startswith("_") and (place := self._module(module)):
                    importlib.import_module(place)
            self._discovered = True
        installed()

    def _module(self, found: pkgutil.ModuleInfo) -> str:
        """The module that registers a plug-in; "" for what stands beside the plug-ins."""
        if not self._inside:
            return f"{self._package}.{found.name}"
        here = Path(found.module_finder.path, found.name, f"{self._inside}.py")  # type: ignore[union-attr]
        return f"{self._package}.{found.name}.{self._inside}" if here.is_file() else ""

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._discover()
        return sorted(self._items)

    def get(self, name: str) -> Any:
        """The plug-in called ``name``; ``UserError`` naming the known ones otherwise."""
        found = self.find(name)
        if found is None:
            raise UserError(
                f"There is no {self.kind} called {name!r}.",
                "Nothing was computed.",
                f"Choose one of: {', '.join(self.names())}.",
            )
        return found

    def find(self, name: str) -> Any:
        """The plug-in called ``name``, or None: for readers of what was made when it was there."""
        self._discover()
        return self._items.get(name)

    def each(self) -> list[Any]:
        """All plug-ins in the order of their names."""
        self._discover()
        return [self._items[name] for name in sorted(self._items)]


def named(room: str) -> Registry:
    """The registry of a room by its name: ``named("estimators")`` is ``attribution.estimators.estimators``."""
    found: Registry = getattr(importlib.import_module(f"attribution.{room}"), room.rpartition(".")[2])
    return found


def installed() -> None:
    """Import what installed packages offer under the entry points ``datablame.plugins``, once.

    Only packages that the user installed are asked, never a project or the user's data. ``UserError`` naming the
    package for one that cannot be imported, whenever plug-ins are asked for.
    """
    if "begun" in _LOADED:  # by now, or right now: modules that are being imported may ask what there is
        return
    _LOADED.add("begun")
    try:
        from importlib import metadata  # 15 ms that a verb without plug-ins need not pay

        for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.value, point.name)):
            _load(point)
    except UserError:
        _LOADED.discard("begun")
        raise


def _load(point: "EntryPoint") -> None:
    package = point.dist.name if point.dist else point.module
    try:
        point.load()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The plug-in {point.value} of the package {package} cannot be loaded: {error!r}.",
            f"It is installed and asks to be found ({GROUP}), so everything that lists plug-ins needs it.",
            f"Update or uninstall {package}.",
        ) from error
