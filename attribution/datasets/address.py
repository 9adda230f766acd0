"""What the path of a data set may say: a file or folder, a pattern that names several files, or a query of a
database."""

import glob
import os
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from attribution.datasets.source import listed, natural_key
from attribution.errors import UserError

MOST_FILES = 100_000  # that one pattern may name
_SCHEME = re.compile(r"([a-z][a-z0-9+]+):(.+)", re.DOTALL)
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
KNOWN = ("sql", "table")


@dataclass(frozen=True)
class Address:
    """``words`` as they were given. ``path``: what lies on disk (of a pattern: the pattern itself). ``scheme`` and
    ``query``: those of ``SCHEME:PATH?QUERY``. ``pattern``: whether the words name several files."""

    words: str
    path: Path
    scheme: str = ""
    query: str = ""
    pattern: bool = False

    @property
    def asked(self) -> tuple[str, str]:
        """What is asked of a database: ``sql`` or ``table``, and its value; two empty words where nothing is."""
        name, _, value = self.query.partition("=")
        if not self.query:
            return "", ""
        if name not in KNOWN or not value.strip():
            raise UserError(
                f"{self.query!r} behind the ? is neither sql=... nor table=....",
                "It says which rows are read.",
                f"Write {self.scheme}:{self.path}?table=NAME, or ?sql=SELECT ... (the whole in quotes).",
            )
        return name, value

    def files(self) -> list[Path]:
        """The files that a pattern names, in the order of their numbers and names; else the path alone."""
        if not self.pattern:
            return [self.path]
        found = {one for part in _expanded(str(self.path)) for one in glob.iglob(part, recursive=True)}
        files = sorted((Path(one) for one in found if os.path.isfile(one)), key=lambda path: natural_key(str(path)))
        if not files:
            raise UserError(
                f"No file is named like {self.path}.",
                f"It was looked for from {Path.cwd()}.",
                _nearest(self.path),
            )
        if len(files) > MOST_FILES:
            raise UserError(
                f"{self.path} names {len(files):,} files.",
                f"At most {MOST_FILES:,} are read as one data set.",
                "Give their folder, or join them.",
            )
        return files


def address_of(words: str) -> Address:
    """What these words name. Whatever is there under exactly this name is taken as it is."""
    path = Path(words).expanduser()
    if path.exists():
        return Address(words, path)
    if found := _SCHEME.fullmatch(words):
        if found[2].startswith("//"):
            raise UserError(
                f"{words.partition('?')[0]} lies on another machine.",
                "Data are read from this machine's disk alone: nothing is fetched.",
                "Download it first, and give the file or folder.",
            )
        place, _, query = found[2].partition("?")
        return Address(words, Path(place).expanduser(), found[1], query)
    return Address(words, path, pattern=_is_pattern(words))


def absolute(words: str) -> str:
    """The same with the whole path of what lies on disk, which another working directory finds as well."""
    try:
        address = address_of(words)
    except (OSError, ValueError, RuntimeError):  # no path at all: the reader says so
        return words
    place = os.path.abspath(address.path)
    query = f"?{address.query}" if address.query else ""
    return f"{address.scheme}:{place}{query}" if address.scheme else place


def _is_pattern(words: str) -> bool:
    return glob.has_magic(words) or any("," in part or _RANGE.fullmatch(part) for part in _BRACES.findall(words))


def _expanded(pattern: str) -> list[str]:
    """The patterns that one with braces stands for: ``{train,test}-{00..11}.tar``."""
    pieces = _BRACES.split(pattern)
    choices = [_choices(piece) if place % 2 else [piece] for place, piece in enumerate(pieces)]
    count = 1
    for some in choices:
        count *= len(some)
    if count > MOST_FILES:
        raise UserError(
            f"{pattern} stands for {count:,} names.", f"At most {MOST_FILES:,} are looked up.", "Use * instead."
        )
    return ["".join(one) for one in product(*choices)]


def _choices(piece: str) -> list[str]:
    span = _RANGE.fullmatch(piece)
    if not span:
        return piece.split(",") if "," in piece else [f"{{{piece}}}"]
    first, last = sorted((int(span[1]), int(span[2])))
    if last - first > MOST_FILES:
        raise UserError(f"{{{piece}}} stands for {last - first:,} numbers.", "", "Use * instead.")
    return [f"{number:0{len(span[1])}d}" for number in range(first, last + 1)]


def _nearest(path: Path) -> str:
    """What lies where a pattern found nothing."""
    folder = path.parent
    if glob.has_magic(str(folder)) or not folder.is_dir():
        return f"Check the spelling: {folder} is no folder."
    names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    return f"{folder} holds {listed(names, 6) or 'nothing'}."
