"""Looking for data on this machine: the folders below the user's home and below named roots, and nothing outside."""

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from attribution.datasets.picture_layout import is_picture
from attribution.datasets.readers.base import suffixes

MOST = 200  # names that are listed
LOOKED_AT = 2000  # entries of a folder that are looked at


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, by name: folders, files that can be read as data, and how many pictures (``more``: there
    are names that were not looked at)."""

    folders: tuple[str, ...]
    files: tuple[str, ...]
    pictures: int
    more: bool


def roots() -> dict[str, Path]:
    """Where one may look, by name: the user's home, and the folders in ``$DATABLAME_ROOTS`` (NAME=FOLDER, separated as
    in ``$PATH``)."""
    found = {"Home": Path.home()}
    for entry in os.environ.get("DATABLAME_ROOTS", "").split(os.pathsep):
        name, sign, place = entry.partition("=")
        if sign and name.strip() and place.strip():
            found[name.strip()] = Path(place.strip()).expanduser()
    return {name: resolved for name, path in found.items() if (resolved := path.resolve()).is_dir()}


def inside(path: Path) -> Path | None:
    """The path without links where it lies in one of the roots, else None."""
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return None
    return resolved if any(resolved.is_relative_to(root) for root in roots().values()) else None


def listing(folder: Path) -> Listing:
    """The names in a folder that one may look at; empty for any other and for one that may not be read. Hidden names,
    and links that lead outside, are passed over."""
    seen = _entries(folder)
    shown = [entry for entry in seen[:LOOKED_AT] if not entry.name.startswith(".") and _allowed(entry)]
    folders = sorted(entry.name for entry in shown if entry.is_dir())
    files = sorted(entry.name for entry in shown if Path(entry.name).suffix.lower() in suffixes() and entry.is_file())
    pictures = sum(is_picture(entry.name) for entry in shown)
    more = max(len(folders), len(files)) > MOST or len(seen) > LOOKED_AT
    return Listing(tuple(folders[:MOST]), tuple(files[:MOST]), pictures, more)


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    """What lies in a folder, one more than is looked at."""
    place = inside(folder)
    try:
        return [] if place is None else list(islice(os.scandir(place), LOOKED_AT + 1))
    except OSError:
        return []


def _allowed(entry: "os.DirEntry[str]") -> bool:
    return not entry.is_symlink() or inside(Path(entry.path)) is not None
