"""A finished result as a folder: ``config.json`` is written last, so a folder without one is not finished."""

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from attribution.errors import UserError
from attribution.storage.drawn import Drawn
from attribution.storage.files import read_json, way_out


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
