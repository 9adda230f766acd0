"""Finds plug-ins: one file in a folder, one ``@register`` line, nothing else to edit."""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attribution.errors import UserError


class Registry:
    """The named plug-ins of one package, imported on first use.

    ``kind`` is the word used in messages ("estimator"), ``package`` the dotted name of the folder whose modules
    register themselves. ``inside``: the plug-ins are folders, and the module of this name in each registers it.
    """

    def __init__(self, kind: str, package: str, inside: str = "") -> None:
        self.kind, self._package, self._inside = kind, package, inside
        self._items: dict[str, Any] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[Any], Any]:
        """Decorator that files a class or function under ``name`` and sets its ``name`` attribute."""

        def put(item: Any) -> Any:
            if name in self._items and self._items[name].__qualname__ != item.__qualname__:
                raise ValueError(f"two {self.kind}s are called {name!r}")
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
        self._discover()
        if name not in self._items:
            raise UserError(
                f"There is no {self.kind} called {name!r}.",
                "Nothing was computed.",
                f"Choose one of: {', '.join(self.names())}.",
            )
        return self._items[name]
