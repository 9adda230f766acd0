"""Unpack a ZIP of data that somebody uploaded: into a folder of its own, whole or not at all, and nothing outside of
it."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from attribution.datasets.packed_text import ending
from attribution.datasets.picture_layout import is_picture
from attribution.datasets.readers.base import suffixes
from attribution.errors import UserError
from attribution.progress import Progress

FILES = 200_000
UNPACKED = 8 << 30  # bytes
DEEPEST = 64  # folders within folders, as they are walked
OTHERS = (".arrow", ".json")  # of a Hugging Face dataset
NOTES = {".txt"}  # fastText's texts, but far more often words about the data
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, UnicodeError)


def unpack(archive: Path, out: Path, progress: Progress | None = None, limit: int = UNPACKED) -> Path:
    """The pictures and tables of ``archive`` in the new folder ``out``; returns the folder (or the one file) that holds
    the data.

    What is neither is passed over, and so are links. ``UserError`` for what is no ZIP, is encrypted or damaged, names a
    place outside of the folder, or would unpack to more than ``FILES`` files or ``limit`` bytes (counted while they are
    written, whatever the archive says of itself).
    """
    if not out.is_dir():
        building = out.with_name(f"{out.name}.unpacking")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        try:
            with zipfile.ZipFile(archive) as packed:
                _write_all(packed, archive, building, progress or Progress(), limit)
            building.rename(out)
        except BROKEN as cause:
            raise UserError(
                f"{archive.name} cannot be unpacked: {cause}.",
                "It is damaged, encrypted, or no ZIP.",
                "Pack it again, without a password.",
            ) from cause
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return _innermost(out)


def _write_all(packed: zipfile.ZipFile, archive: Path, out: Path, progress: Progress, limit: int) -> None:
    wanted = list(_wanted(packed, archive))
    if not wanted:
        raise UserError(
            f"{archive.name} holds no pictures and no table.",
            "There is nothing to load.",
            "Pack class folders of pictures, or one table.",
        )
    left = limit
    for number, (entry, name) in enumerate(wanted):
        progress.update(number, len(wanted), f"unpacking, {number:,} of {len(wanted):,} files")
        target = out.joinpath(*name.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(entry) as source, open(target, "xb") as stream:
            while block := source.read(1 << 20):
                left -= len(block)
                if left < 0:
                    raise UserError(
                        f"{archive.name} unpacks to more than {limit / 1e9:.3g} GB.",
                        "It would fill the disk.",
                        "Unpack it yourself and give the folder.",
                    )
                stream.write(block)


def _wanted(packed: zipfile.ZipFile, archive: Path) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The entries to write, with the names that they get; each name once."""
    entries = [entry for entry in packed.infolist() if not entry.is_dir()]
    if len(entries) > FILES:
        raise UserError(
            f"{archive.name} holds {len(entries):,} files.",
            f"At most {FILES:,} are unpacked.",
            "Unpack it yourself and give the folder.",
        )
    seen: set[PurePosixPath] = set()
    for entry in entries:
        name = _inside(entry.filename, archive)
        data = is_picture(name.name) or ending(Path(name.name)) in {*suffixes(), *OTHERS} - NOTES
        if not data or name in seen or stat.S_ISLNK(entry.external_attr >> 16) or name.name.startswith("."):
            continue
        seen.add(name)
        yield entry, name


def _inside(name: str, archive: Path) -> PurePosixPath:
    """The place of an entry below the folder; ``UserError`` for one outside of it."""
    place = PurePosixPath(name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in name or "\0" in name or len(place.parts) > DEEPEST:
        raise UserError(
            f"{archive.name} holds a file called {name[:80]!r}.",
            "It would be written outside of its own folder.",
            "Pack it again from the folder that holds the data.",
        )
    return place


def _innermost(folder: Path) -> Path:
    """Through folders that hold one folder and nothing else, up to class folders; the one table of a folder that holds
    just that."""
    inside = list(folder.iterdir())
    if len(inside) != 1 or is_picture(inside[0].name):
        return folder
    if inside[0].is_file():
        return inside[0]
    of_a_class = any(is_picture(path.name) for path in inside[0].iterdir())
    return folder if of_a_class else _innermost(inside[0])
