"""A finished result as a folder: ``config.json`` is written last, so a folder without one is not finished."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from attribution.errors import UserError
from attribution.storage.drawn import Drawn
from attribution.storage.files import read_json, way_out
from attribution.storage.sums import sound

T = TypeVar("T")


class Artefact(Drawn):
    """One result's folder, named after the fingerprint of what it was made from. Reading it needs no torch.

    ``what`` is the word for it in messages ("the map").
    """

    what: ClassVar[str] = "result"

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a finished one; ``UserError`` otherwise."""
        result = cls(folder)
        if not result.finished:
            raise UserError(
                f"The {cls.what} {result.folder.name} is not finished.", "Parts of it are missing.", "Resume its job."
            )
        return result

    @property
    def finished(self) -> bool:
        """Whether everything is there."""
        return (self.folder / "config.json").is_file()

    @cached_property
    def config(self) -> dict[str, Any]:
        """What was asked, of which model and data version, and at what cost."""
        found = read_json(self.folder / "config.json")
        if not isinstance(found, dict):
            raise UserError(
                f"{self.folder / 'config.json'} holds no names.",
                "It describes a result.",
                way_out(self.folder / "config.json"),
            )
        return found

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def run(self) -> str:
        """The training run whose model was asked."""
        return str(self.config["run"])

    @property
    def version(self) -> str:
        """The data version it was made of."""
        return str(self.config["version"])


def finished(folder: Path, open_one: Callable[[Path], T]) -> list[T]:
    """The finished results in a folder (those with a ``config.json``), newest first; what was read of one stays in
    memory. Damaged ones (``sums.ailing``) are passed over."""
    found = {path.parent: path.stat().st_mtime_ns for path in folder.glob("*/config.json") if sound(path)}
    return [_opened(open_one, path, found[path]) for path in sorted(found, key=lambda path: -found[path])]


@lru_cache(maxsize=512)
def _opened(open_one: Callable[[Path], T], path: Path, changed_ns: int) -> T:
    return open_one(path)
