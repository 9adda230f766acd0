"""Names of files and folders made from the user's words: none leads out of its folder, none hides another."""

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 180  # bytes of one part; systems take 255, and a suffix may come
_NOT_ALLOWED = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def part(word: str) -> str:
    """One part of a path: the word where every file system takes it, else with _ for what it does not take."""
    name = _NOT_ALLOWED.sub("_", unicodedata.normalize("NFC", word).encode("utf-8", "replace").decode())
    name = re.sub(r"^[.\s]+|[.\s]+$", lambda found: "_" * len(found[0]), name)
    name = name.encode()[:LONGEST].decode(errors="ignore") or "_"
    return f"_{name}" if _DEVICES.fullmatch(name) or name.startswith("-") else name


def path(words: str) -> str:
    """A relative path whose parts are there already, on the user's disk: as it is, but that nothing leads out."""
    return "/".join(
        "_" if word == ".." else word.replace("\0", "_") for word in words.split("/") if word not in ("", ".")
    )


def parts(words: Iterable[str]) -> dict[str, str]:
    """Different parts for different words: those that would be one name, or differ by capitals alone, get a number."""
    taken: set[str] = set()
    found = {}
    for word in dict.fromkeys(words):
        found[word] = free(part(word), taken)
    return found


def free(name: str, taken: set[str], mark: str = "") -> str:
    """The name, or with ``-MARK`` and a number before its suffix where it is ``taken``; it is taken afterwards."""
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".") if "." in last[1:] else (last, "", "")
    number = 1
    tried = name
    while _form(tried) in taken:
        ending = "-".join(["", *([mark] if mark else []), *([str(number)] if number > 1 or not mark else [])])
        tried = f"{folder}{slash}{stem}{ending}{dot}{suffix}"
        number += 1
    taken.add(_form(tried))
    return tried


def _form(name: str) -> str:
    """One form for names that some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()
