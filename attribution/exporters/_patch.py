"""Decisions that travel: per sample what it must be before, and what it is to be; written and read as JSON lines."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.storage.states import VERDICTS

FORMAT = 1
WORDS = ("id", "content", "label", "verdict", "note", "reason", "author", "time")
SIGN = "datablame_patch"  # name in the first line, by which a patch is known


@dataclass(frozen=True)
class Line:
    """One sample. ``label`` and ``verdict`` are what it is to be (words), ``was_label`` and ``was_verdict`` what it
    must be before. ``content`` is its hash; "" is not checked."""

    id: str
    content: str
    was_label: str
    was_verdict: str
    label: str
    verdict: str
    tags: tuple[str, ...] = ()
    note: str = ""
    unsure: bool = False
    reason: str = ""
    author: str = ""
    time: str = ""


@dataclass(frozen=True)
class Patch:
    """``about`` is the first line: name and hash of the data, how they are read (``read``: settings of the import)."""

    lines: tuple[Line, ...]
    about: dict[str, Any] = field(default_factory=dict)
    source: str = ""


def write_patch(patch: Patch, path: Path) -> None:
    """A line about the data, then one per sample."""
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(json.dumps({SIGN: FORMAT, **patch.about}, ensure_ascii=False) + "\n")
        for line in patch.lines:
            stream.write(json.dumps(_object(line), ensure_ascii=False) + "\n")


def _object(line: Line) -> dict[str, Any]:
    facts = {
        "id": line.id,
        "content": line.content,
        "expects": {"label": line.was_label, "verdict": line.was_verdict},
        "label": line.label,
        "verdict": line.verdict,
    }
    more = {name: getattr(line, name) for name in ("tags", "note", "unsure", "reason", "author", "time")}
    return {**facts, **{name: value for name, value in more.items() if value}}


def read_patch(path: Path) -> Patch:
    """``UserError`` naming the line for a file that is no patch, of a newer format, or broken."""
    path = Path(path).expanduser()
    objects = list(_objects(path))
    about = objects[0] if objects else {}
    if SIGN not in about:
        raise UserError(
            f"{path.name} is no patch: its first line does not say {SIGN!r}.",
            "Decisions would be guessed.",
            "Write one with `datablame export patch`.",
        )
    if about[SIGN] != FORMAT:
        raise UserError(
            f"{path.name} is a patch of format {about[SIGN]!r}.", "A newer Datablame wrote it.", "Update Datablame."
        )
    lines = tuple(_line(one, number, path) for number, one in enumerate(objects[1:], 2))
    twice = _twice(line.id for line in lines)
    if twice:
        raise UserError(
            f"{path.name} decides twice on sample {twice}.", "Which one is meant cannot be told.", "Remove one of them."
        )
    return Patch(lines, {name: value for name, value in about.items() if name != SIGN}, path.name)


def _objects(path: Path) -> Iterable[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"There is no file {path}.", "", "Check the path.")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            for number, text in enumerate(stream, 1):
                if text.strip():
                    found = json.loads(text)
                    if not isinstance(found, dict):
                        raise _broken(path, number, "is no object")
                    yield found
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 text.", "It cannot be read.", "Export it again.") from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, number, "is no JSON") from error


def _line(found: dict[str, Any], number: int, path: Path) -> Line:
    """A line in its types."""
    expects = found.get("expects")
    if not isinstance(expects, dict):
        raise _broken(path, number, "does not say what the sample must be before ('expects')")
    words = {
        name: found.get(name, "") for name in ("id", "content", "label", "verdict", "note", "reason", "author", "time")
    }
    words |= {f"was_{name}": expects.get(name, "") for name in ("label", "verdict")}
    wrong = [name for name, value in words.items() if not isinstance(value, str)]
    tags = found.get("tags", [])
    if wrong or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _broken(path, number, f"has a value in {(wrong or ['tags'])[0]!r} that is no text")
    if not words["id"] or words["verdict"] not in VERDICTS or not isinstance(found.get("unsure", False), bool):
        raise _broken(path, number, "names no sample, or a decision that there is not")
    return Line(**words, tags=tuple(tags), unsure=found.get("unsure", False))


def _broken(path: Path, number: int, what: str) -> UserError:
    return UserError(f"Line {number} of {path.name} {what}.", "It cannot be applied.", "Export the patch again.")


def _twice(ids: Iterable[str]) -> str:
    seen: set[str] = set()
    return next((name for name in ids if name in seen or seen.add(name)), "")  # type: ignore[func-returns-value]
