"""Pages of the ledger: filtered, counted and cut by the database, so that a click reads what it shows."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from attribution.storage import ledger
from attribution.storage.database import connect

GONE = "id IN (SELECT decision FROM taken_back WHERE gone)"


@dataclass(frozen=True)
class Wanted:
    """Which entries: of one of ``actions`` (empty: all), with ``text`` in sample, reason or author, and, if asked, still in force."""

    actions: tuple[str, ...] = ()
    text: str = ""
    standing: bool = False

    @property
    def rule(self) -> tuple[str, list[str]]:
        """The condition in SQL and its values."""
        rules, values = ["1"], [*self.actions]
        if self.actions:
            rules.append(f"action IN ({','.join('?' * len(self.actions))})")
        if text := self.text.strip():
            lower = "lower" if text.isascii() else "lowered"  # SQLite's own knows no other letters
            rules.append(f"({' OR '.join(f'instr({lower}({name}), ?)' for name in ('sample', 'reason', 'author'))})")
            values += [text.lower()] * 3
        if self.standing:
            rules.append(f"action NOT IN ('undo','redo') AND NOT {GONE}")
        return " AND ".join(rules), values


def page(path: Path, wanted: Wanted, start: int = 0, count: int | None = None) -> list[ledger.Edit]:
    """The entries that are wanted, newest first: ``count`` (None: all) from the place ``start`` on."""
    rule, values = wanted.rule
    with connect(path) as db:
        _teach(db)
        ids = f"SELECT id FROM edits WHERE {rule} ORDER BY id DESC LIMIT ? OFFSET ?"  # skipped ones are not read whole
        question = f"SELECT {ledger.COLUMNS} FROM edits WHERE id IN ({ids}) ORDER BY id DESC"
        return ledger.edits_of(ledger.rows_of(db, question, (*values, -1 if count is None else count, start)))


def number(path: Path, wanted: Wanted) -> int:
    """How many entries are wanted."""
    rule, values = wanted.rule
    with connect(path) as db:
        _teach(db)
        return int(db.execute(f"SELECT COUNT(*) FROM edits WHERE {rule}", values).fetchone()[0])


def standing(path: Path, ids: Iterable[int]) -> list[int]:
    """Those of these entries that are decisions still in force, the newest first."""
    question = f"SELECT id FROM edits WHERE action NOT IN ('undo','redo') AND NOT {GONE} AND id IN"
    with connect(path) as db:
        return sorted((entry for (entry,) in ledger.among(db, question, ids)), reverse=True)


def together(path: Path, ids: Sequence[int]) -> list[int]:
    """The decisions in force that were made together with any of these, the newest first."""
    with connect(path) as db:
        batches = {_batch(db, entry) for entry in ids}
        found: list[int] = []
        for first, last in batches:
            question = f"SELECT id FROM edits WHERE id BETWEEN ? AND ? AND action NOT IN ('undo','redo') AND NOT {GONE}"
            found += [entry for (entry,) in ledger.rows_of(db, question, (first, last))]
    return sorted(found, reverse=True)


def _batch(db: sqlite3.Connection, entry: int) -> tuple[int, int]:
    row = db.execute("SELECT first, last FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1", (entry,)).fetchone()
    return (row["first"], row["last"]) if row else (entry, entry)


def _teach(db: sqlite3.Connection) -> None:
    db.create_function("lowered", 1, str.lower, deterministic=True)
