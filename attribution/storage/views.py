"""Saved views of the samples: filter words and an order under a name, kept in the project's database."""

import json
from pathlib import Path
from typing import NamedTuple

from attribution.errors import UserError
from attribution.storage.database import connect, write

PREFIX = "view:"  # of their names among the settings
LONGEST = 80  # letters of a name


class View(NamedTuple):
    """A saved view: its name, the words that filter, and the column to sort by ("-loss": the largest first)."""

    name: str
    words: str
    sort: str


def save(path: Path, name: str, words: str, sort: str = "") -> View:
    """Keep a view under a name, instead of the one that has it; ``UserError`` for a name that is none."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST:
        raise UserError(
            f"{name[:LONGEST]!r} is {'too long for' if name else 'not'} a name.",
            "A view is found by its name.",
            f"Give it one of 1 to {LONGEST} letters.",
        )
    with write(path) as db:
        db.execute(
            "INSERT INTO settings VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
            (PREFIX + name, json.dumps({"words": words, "sort": sort})),
        )
    return View(name, words, sort)


def saved(path: Path) -> list[View]:
    """All views by name; one that cannot be read is passed over."""
    with connect(path) as db:
        lines = db.execute("SELECT name, value FROM settings WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
        found = [_read(line["name"].removeprefix(PREFIX), line["value"]) for line in lines.fetchall()]
    return sorted(view for view in found if view is not None)


def forget(path: Path, name: str) -> None:
    """Remove a view; ``UserError`` when there is none of this name."""
    with write(path) as db:
        gone = db.execute("DELETE FROM settings WHERE name = ?", (PREFIX + name,)).rowcount
    if not gone:
        raise UserError(f"There is no saved view {name!r}.", "It may be gone already.", "Look at those there are.")


def _read(name: str, text: str) -> View | None:
    try:
        value = json.loads(text)
        return View(name, str(value["words"]), str(value["sort"]))
    except (ValueError, TypeError, KeyError):
        return None
