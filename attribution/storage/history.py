"""Pages of the ledger: filtered, counted and cut by the database, so that a click reads what it shows."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from attribution.storage import ledger
from attribution.storage.database import connect
from attribution.storage.states import ACTIONS

SEARCHED = ("sample", "reason", "author")
LITERAL = "ESCAPE '\\'"
KEPT = 10_000  # ids of a filter's answer that stay in memory
GONE = "id IN (SELECT decision FROM taken_back WHERE gone)"


@dataclass(frozen=True)
class Wanted:
    """Which entries: of one of ``actions`` (empty: all), with ``text`` in sample, reason or author, if asked still in
    force, and of the ids ``among`` (first and last)."""

    actions: tuple[str, ...] = ()
    text: str = ""
    standing: bool = False
    among: tuple[int, int] | None = None

    @property
    def narrow(self) -> bool:
        """Whether entries are left out."""
        return bool(self.actions or self.text.strip() or self.standing or self.among)

    @property
    def rule(self) -> tuple[str, list[Any]]:
        """The condition in SQL and its values."""
        rules = ["1"]
        values: list[Any] = [*self.actions]
        if self.actions:
            rules.append(f"action IN ({','.join('?' * len(self.actions))})")
        if text := self.text.strip():
            pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            if text.isascii():
                rules.append(f"({' OR '.join(f'{name} LIKE ? {LITERAL}' for name in SEARCHED)})")
                values += [pattern] * len(SEARCHED)
            else:  # LIKE knows capitals of the ASCII letters alone
                rules.append(f"lowered({' || char(10) || '.join(SEARCHED)}) LIKE ? {LITERAL}")
                values.append(pattern.lower())
        if self.among:
            rules.append("id BETWEEN ? AND ?")
            values += self.among
        if self.standing:
            rules.append(f"action NOT IN ('undo','redo') AND NOT {GONE}")
        return " AND ".join(rules), values


def page(path: Path, wanted: Wanted, start: int = 0, count: int | None = None) -> list[ledger.Edit]:
    """The entries that are wanted, newest first: ``count`` (None: all) from the place ``start`` on."""
    rule, values = wanted.rule
    known = _found(path, wanted, ledger.Ledger(path, None).stamp()).ids if wanted.narrow else None
    with connect(path) as db:
        teach(db)
        if known is not None:
            some = known[start:] if count is None else known[start : start + count]
            return sorted(
                ledger.edits_of(ledger.among(db, f"SELECT {ledger.COLUMNS} FROM edits WHERE id IN", some)),
                key=lambda edit: -edit.id,
            )
        ids = f"SELECT id FROM edits WHERE {rule} ORDER BY id DESC LIMIT ? OFFSET ?"  # skipped ones are not read whole
        question = f"SELECT {ledger.COLUMNS} FROM edits WHERE id IN ({ids}) ORDER BY id DESC"
        return ledger.edits_of(ledger.rows_of(db, question, (*values, -1 if count is None else count, start)))


def number(path: Path, wanted: Wanted) -> int:
    """How many entries are wanted."""
    return _found(path, wanted, ledger.Ledger(path, None).stamp()).number


class _Found(NamedTuple):
    """What one pass over the ledger found: how many, and, if they are few, which ones, the newest first."""

    number: int
    ids: tuple[int, ...] | None


@lru_cache(maxsize=32)
def _found(path: Path, wanted: Wanted, stamp: tuple[int, float]) -> _Found:
    """One pass for a filter and a state of the ledger: every further click reads what it shows."""
    rule, values = wanted.rule
    with connect(path) as db:
        teach(db)
        if wanted.narrow:
            few = ledger.rows_of(
                db, f"SELECT id FROM edits WHERE {rule} ORDER BY id DESC LIMIT {KEPT + 1}", values
            ).fetchall()
            if len(few) <= KEPT:
                return _Found(len(few), tuple(entry for (entry,) in few))
        return _Found(int(db.execute(f"SELECT COUNT(*) FROM edits WHERE {rule}", values).fetchone()[0]), None)


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


def decision_on(path: Path, sample: str, version: int) -> int | None:
    """The newest decision on a sample that is in force, up to the entry ``version``; None without one."""
    question = (
        f"SELECT id FROM edits WHERE sample = ? AND id <= ? AND action IN ({','.join('?' * len(ACTIONS))}) "
        f"AND NOT {GONE} ORDER BY id DESC LIMIT 1"
    )
    with connect(path) as db:
        found = ledger.rows_of(db, question, (sample, version, *ACTIONS)).fetchone()
    return int(found[0]) if found else None


def _batch(db: sqlite3.Connection, entry: int) -> tuple[int, int]:
    row = db.execute(
        "SELECT first, last FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1", (entry,)
    ).fetchone()
    return (row["first"], row["last"]) if row else (entry, entry)


def teach(db: sqlite3.Connection) -> None:
    """Have a connection know the function that rules of ``Wanted`` may ask for."""
    db.create_function("lowered", 1, str.lower, deterministic=True)
