"""The format of a project: what is damaged or newer is refused in words, what is older is brought to today's after a
backup."""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.storage import database, kept
from attribution.storage.files import read_json, write_json

PARTS = ("data", "model", "train")  # of project.json
# Of edits.
COLUMNS = ("id", "time_s", "author", "sample", "action", "old", "new", "reason", "evidence", "batch", "reverts")
NEEDED = ("edits", "jobs", "selections", "settings")


def opened(folder: Path) -> dict[str, Any]:
    """Make sure that a project folder can be worked with, and bring an older one to today's format; what project.json
    says."""
    settings = read_settings(folder)
    path = folder / "project.db"
    version = check(path)
    if version < database.FORMAT:
        _migrate(path, lambda: _classes(folder))
    if settings.get("format", 0) < database.FORMAT:
        settings["format"] = database.FORMAT
        write_json(folder / "project.json", settings)
    return settings


def read_settings(folder: Path) -> dict[str, Any]:
    """What project.json says, checked for its parts and its format."""
    path = folder / "project.json"
    settings = read_json(path)
    missing = [name for name in PARTS if not isinstance(settings, dict) or not isinstance(settings.get(name), dict)]
    if missing:
        raise UserError(
            f"{path} has no part {missing[0]!r}.",
            "It says where the data, the model and the recipe are.",
            "Put a copy of it in its place.",
        )
    version = settings.get("format", 0)
    if not isinstance(version, int) or version > database.FORMAT:
        raise newer(path, version)
    return dict(settings)


def check(path: Path) -> int:
    """The format of a project's database; ``UserError`` when it is gone, empty, cut, another program's, or of a newer
    Datablame."""
    if not path.is_file() or path.stat().st_size == 0:
        raise database.gone(path)
    with database.connect(path) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        tables = {row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        size = db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
        foreign = sorted(set(NEEDED) - tables) or _other_columns(db)
    if version > database.FORMAT:
        raise newer(path, version)
    if foreign:
        raise database.damaged(path, f"not a project's: it has no {foreign[0]}")
    log = path.with_name(f"{path.name}-wal")
    if path.stat().st_size < size and not (log.exists() and log.stat().st_size):
        raise database.damaged(path, f"cut: {path.stat().st_size:,} of {size:,} bytes are there")
    return version


def newer(path: Path, version: Any) -> UserError:
    """The error for a file of a format that this version does not know."""
    return UserError(
        f"{path} has format {version}; this Datablame knows formats up to {database.FORMAT}.",
        "A newer version made it, and what it means by it is not known here.",
        "Update Datablame.",
    )


def _other_columns(db: sqlite3.Connection) -> list[str]:
    there = {row["name"] for row in db.execute("PRAGMA table_info(edits)")}
    return [f"column {name} in edits" for name in COLUMNS if name not in there]


def _classes(folder: Path) -> list[str]:
    """Class names by the number that an older ledger knows them by."""
    found = read_json(folder / "data" / "dataset.json")
    return [str(name) for name in found["classes"]]


def _migrate(path: Path, classes: Callable[[], Sequence[str]]) -> None:
    """Bring a database to today's format in one transaction, after a backup beside it. Whoever comes second finds it
    done."""
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise UserError(
            f"{path} is of an older format, and may not be written.",
            "It must be brought to the format of this Datablame before it can be read.",
            f"Give yourself the right to write to {path.parent}, or copy the project to a folder of your own.",
        )
    with database.write(path) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version >= database.FORMAT:
            return
        backup(path, version)
        _from_numbers_to_words(db, classes())
        db.execute(f"PRAGMA user_version={database.FORMAT}")


def backup(path: Path, version: int) -> Path:
    """A whole copy of a database beside it, ``project.db.backup-VERSION``; an earlier one of that name stays and gets
    company."""
    names = [f"{path.name}.backup-{version}"] + [f"{path.name}.backup-{version}-{number}" for number in range(2, 1000)]
    target = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    unfinished = target.with_name(f".{target.name}.tmp")
    unfinished.unlink(missing_ok=True)
    with database.connect(path) as source:
        copy = sqlite3.connect(unfinished)
        source.backup(copy)
        copy.close()
    with open(unfinished, "rb+") as stream:
        os.fsync(stream.fileno())
    os.replace(unfinished, target)
    return target


def _from_numbers_to_words(db: sqlite3.Connection, classes: Sequence[str]) -> None:
    """Format 0 to 1: states hold class names, and what follows from the edits is kept in tables of its own."""
    states = {row[0] for name in ("old", "new") for row in db.execute(f"SELECT DISTINCT {name} FROM edits")}
    for name in ("edits_never_change", "edits_never_vanish"):
        db.execute(f"DROP TRIGGER IF EXISTS {name}")
    db.execute("CREATE TEMP TABLE words (was TEXT PRIMARY KEY, now TEXT NOT NULL)")
    db.executemany("INSERT INTO words VALUES (?,?)", [(state, _in_words(state, classes)) for state in states])
    db.execute(
        "UPDATE edits SET old = (SELECT now FROM words WHERE was = edits.old), new = (SELECT now FROM words WHERE "
        "was = edits.new)"
    )
    db.execute("DROP TABLE words")
    for statement in database.TABLES:
        db.execute(statement)
    kept.rebuild(db)


def _in_words(text: str, classes: Sequence[str]) -> str:
    """One state with its class's name instead of the number."""
    try:
        state = json.loads(text)
        number = state["label"]
        if not 0 <= number < len(classes):
            raise ValueError(f"there are {len(classes)} classes")
        return json.dumps({**state, "label": classes[number]}, sort_keys=True)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"The ledger cannot be brought to the format of this Datablame: it holds the state {text[:200]}",
            f"The label is not a class's number ({error}). Nothing was changed.",
            "Open the project with the version that made it, and take that decision back.",
        ) from error
