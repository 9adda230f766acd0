"""What follows from the ledger and is kept beside it, so that a click never reads it whole: states, batches, what is
taken back."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

UNDO, REDO = "undo", "redo"


def note(db: sqlite3.Connection, first: int, last: int, action: str, author: str) -> None:
    """Keep what the edits ``first`` to ``last``, one batch just written in this transaction, change."""
    here = (first, last)
    db.execute(
        "INSERT INTO current SELECT sample, new, id FROM edits WHERE id BETWEEN ? AND ? ORDER BY id"
        " ON CONFLICT(sample) DO UPDATE SET state=excluded.state, edit=excluded.edit",
        here,
    )
    if action in (UNDO, REDO):
        reversed_ = db.execute(
            "SELECT (SELECT MAX(first) FROM batches WHERE first <= reverts), COUNT(*) FROM edits WHERE id BETWEEN "
            "? AND ? GROUP BY 1",
            here,
        ).fetchall()
        db.executemany(
            "UPDATE batches SET open = MAX(0, open - ?) WHERE first = ?", [(count, batch) for batch, count in reversed_]
        )
        db.execute(
            "INSERT INTO taken_back SELECT COALESCE(known.decision, edits.reverts), edits.id, ?3 FROM edits LEFT JOIN "
            "taken_back AS known ON known.newest = edits.reverts WHERE edits.id BETWEEN ?1 AND ?2 ORDER BY edits.id ON "
            "CONFLICT(decision) DO UPDATE SET newest=excluded.newest, gone=excluded.gone",
            (*here, int(action == UNDO)),
        )
    else:  # a new decision ends what its author could have brought back
        db.execute("UPDATE batches SET open = 0 WHERE author = ? AND open > 0 AND action = 'undo'", (author,))
    db.execute("INSERT INTO batches VALUES (?,?,?,?,?)", (*here, author, action, last - first + 1))


def rebuild(db: sqlite3.Connection) -> None:
    """Empty the kept tables and fill them from the edits alone."""
    for name in ("current", "batches", "taken_back"):
        db.execute(f"DELETE FROM {name}")
    tables = worked_out(db)
    db.executemany("INSERT INTO current VALUES (?,?,?)", tables["current"])
    db.executemany("INSERT INTO batches VALUES (?,?,?,?,?)", tables["batches"])
    db.executemany("INSERT INTO taken_back VALUES (?,?,?)", tables["taken_back"])


def worked_out(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The lines that the kept tables should have, sorted, from the edits alone."""
    cursor = db.cursor()
    cursor.row_factory = None
    current = cursor.execute("SELECT sample, new, MAX(id) FROM edits GROUP BY sample").fetchall()
    batches, taken_back = _replayed(cursor.execute("SELECT id, author, action, batch, reverts FROM edits ORDER BY id"))
    return {"current": sorted(current), "batches": batches, "taken_back": taken_back}


def stored(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The lines that the kept tables have, sorted; equal to ``worked_out`` at any time."""
    cursor = db.cursor()
    cursor.row_factory = None
    return {
        name: sorted(cursor.execute(f"SELECT * FROM {name}").fetchall())
        for name in ("current", "batches", "taken_back")
    }


def _replayed(
    rows: Iterable[tuple[int, str, str, str, int | None]],
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Batches and what was taken back, by going through the ledger entry by entry."""
    batches: dict[str, list[Any]] = {}  # first, last, author, action
    open_: dict[int, str] = {}  # entry that can be reversed -> its batch
    undone: dict[str, list[int]] = {}  # undo entries since their author's last decision
    decision: dict[int, int] = {}
    newest: dict[int, tuple[int, int]] = {}
    for entry, author, action, batch, reverts in rows:
        batches.setdefault(batch, [entry, entry, author, action])[1] = entry
        if reverts is not None:
            open_.pop(reverts, None)
            about = decision[entry] = decision.get(reverts, reverts)
            newest[about] = entry, int(action == UNDO)
        else:
            for before in undone.pop(author, []):
                open_.pop(before, None)
        if action == UNDO:
            undone.setdefault(author, []).append(entry)
        open_[entry] = batch
    counts = Counter(open_.values())
    return (
        [(*line, counts[name]) for name, line in batches.items()],
        sorted((about, entry, gone) for about, (entry, gone) in newest.items()),
    )
