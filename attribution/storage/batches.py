"""The ledger by batch: what was decided in one go is one line, with how many, what it came to and whether it stands."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from attribution.storage import ledger
from attribution.storage.database import connect
from attribution.storage.history import Wanted, teach

SHOWN = 6  # entries of a batch that are read with it
KINDS = 20  # ways in which the states of a batch can differ before they count as many


@dataclass(frozen=True)
class Batch:
    """Entries ``first`` to ``last`` of the ledger, made in one go. ``shown`` are the first of them, ``kinds`` one entry
    for each state that it led to (at most ``KINDS``), ``gone`` of its ``n`` are taken back at present."""

    first: int
    last: int
    shown: tuple[ledger.Edit, ...]
    kinds: tuple[ledger.Edit, ...]
    gone: int

    @property
    def n(self) -> int:
        return self.last - self.first + 1

    @property
    def action(self) -> str:
        return self.shown[0].action


def number(path: Path, wanted: Wanted) -> int:
    """How many batches have an entry that is wanted."""
    if not wanted.narrow:
        with connect(path) as db:
            return int(db.execute("SELECT COUNT(*) FROM batches").fetchone()[0])
    return len(_matching(path, wanted, ledger.Ledger(path, None).stamp()))


def page(path: Path, wanted: Wanted, start: int, count: int) -> list[Batch]:
    """``count`` batches with an entry that is wanted from the place ``start`` on, the newest first."""
    if wanted.narrow:
        here: Sequence[tuple[int, int]] = _matching(path, wanted, ledger.Ledger(path, None).stamp())[
            start : start + count
        ]
    else:
        question = "SELECT first, last FROM batches ORDER BY first DESC LIMIT ? OFFSET ?"
        with connect(path) as db:
            here = ledger.rows_of(db, question, (count, start)).fetchall()
    with connect(path) as db:
        return [_read(db, path, first, last) for first, last in here]


@lru_cache(maxsize=16)
def _matching(path: Path, wanted: Wanted, stamp: tuple[int, float]) -> tuple[tuple[int, int], ...]:
    """First and last entry of the batches that pass a filter, newest first: one pass for a state of the ledger."""
    rule, values = wanted.rule
    question = (
        f"SELECT first, last FROM batches WHERE EXISTS (SELECT 1 FROM edits WHERE id BETWEEN first AND last AND {rule})"
        " ORDER BY first DESC"
    )
    with connect(path) as db:
        teach(db)
        return tuple(ledger.rows_of(db, question, values).fetchall())


def _read(db: sqlite3.Connection, path: Path, first: int, last: int) -> Batch:
    gone = "SELECT COUNT(*) FROM taken_back WHERE gone AND decision BETWEEN ? AND ?"
    return Batch(first, last, *_entries(path, first, last), int(db.execute(gone, (first, last)).fetchone()[0]))


@lru_cache(maxsize=512)
def _entries(path: Path, first: int, last: int) -> tuple[tuple[ledger.Edit, ...], tuple[ledger.Edit, ...]]:
    """The first entries of a batch and one for each state that it led to; entries never change."""
    kinds = f"SELECT MIN(id) FROM edits WHERE id BETWEEN ? AND ? GROUP BY new LIMIT {KINDS}"
    read = f"SELECT {ledger.COLUMNS} FROM edits WHERE id BETWEEN ? AND ? ORDER BY id LIMIT {SHOWN}"
    with connect(path) as db:
        shown = ledger.edits_of(ledger.rows_of(db, read, (first, last)))
        ids = [entry for (entry,) in ledger.rows_of(db, kinds, (first, last))]
        each = ledger.edits_of(ledger.among(db, f"SELECT {ledger.COLUMNS} FROM edits WHERE id IN", ids))
    return tuple(shown), tuple(each)
