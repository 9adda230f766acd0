"""The edit ledger: append-only, one entry per sample and decision; the current state of a sample is its last entry.

Undo and redo append entries too, so history is never rewritten and both work after a restart.
"""

import getpass
import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.storage.database import connect, write

ACTIONS = ("relabel", "drop", "keep")


@dataclass(frozen=True)
class State:
    """What the ledger says of one sample: its label (class index), whether it is trained on, and the verdict of the review."""

    label: int
    active: bool = True
    verdict: str = ""


@dataclass(frozen=True)
class Edit:
    """One entry. ``old`` and ``new`` are the sample's whole states; ``reverts`` is the entry that this one takes back, or None."""

    id: int
    time_s: float
    author: str
    sample: str
    action: str
    old: State
    new: State
    reason: str
    evidence: dict[str, Any]
    batch: str
    reverts: int | None


def after(action: str, state: State, label: int | None) -> State:
    """The state that ``action`` leads to. Keeping or relabelling a dropped sample takes it back into training."""
    if action == "relabel":
        if label is None:
            raise ValueError("relabel needs a label")
        return State(label, True, "relabel")
    if action == "drop":
        return State(state.label, False, "drop")
    if action == "keep":
        return State(state.label, True, "keep")
    raise ValueError(f"unknown action {action!r}")


class Ledger:
    """The edits of one project.

    ``base`` maps a sample id to its label in the source data; it is asked only for samples without an entry.
    """

    def __init__(self, path: Path, base: Any) -> None:
        self._path, self._base = path, base

    def states(self) -> dict[str, tuple[State, int]]:
        """``{sample: (state, last edit id)}`` for every sample that has an entry."""
        with connect(self._path) as db:
            rows = db.execute("SELECT sample, new, id FROM edits WHERE id IN (SELECT MAX(id) FROM edits GROUP BY sample)").fetchall()
        return {row["sample"]: (_state(row["new"]), row["id"]) for row in rows}

    def state(self, sample: str) -> tuple[State, int]:
        """The state of one sample and the id of its last edit (0: none)."""
        with connect(self._path) as db:
            return self._state(db, sample)

    def last_id(self) -> int:
        """Id of the newest entry, 0 for an empty ledger."""
        with connect(self._path) as db:
            return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM edits").fetchone()[0])

    def stamp(self) -> tuple[int, float]:
        """``(id, time_s)`` of the newest entry, (0, 0.0) for an empty ledger: the ledger reads the same while this does."""
        with connect(self._path) as db:
            row = db.execute("SELECT id, time_s FROM edits ORDER BY id DESC LIMIT 1").fetchone()
        return (int(row["id"]), float(row["time_s"])) if row else (0, 0.0)

    def entries(self) -> list[Edit]:
        """All entries, oldest first."""
        with connect(self._path) as db:
            return [_edit(row) for row in db.execute("SELECT * FROM edits ORDER BY id")]

    def reverted(self) -> set[int]:
        """Ids of decisions that are taken back at present; one that was undone and redone stands."""
        edits = {edit.id: edit for edit in self.entries()}

        def decision(edit: Edit) -> Edit:
            """The decision that a chain of undo and redo entries is about."""
            while edit.reverts is not None:
                edit = edits[edit.reverts]
            return edit

        gone: set[int] = set()
        for edit in edits.values():
            if edit.action == "undo":
                gone.add(decision(edit).id)
            elif edit.action == "redo":
                gone.discard(decision(edit).id)
        return gone

    def apply(
        self,
        action: str,
        samples: Sequence[str],
        label: int | None = None,
        *,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
        expect: Mapping[str, int] | None = None,
        author: str = "",
    ) -> list[Edit]:
        """Append one batch: the same decision on every sample, all or nothing; returns the entries.

        ``expect`` maps samples to the last edit id that the user saw; when one has changed since, nothing is written and a
        ``UserError`` shows both versions. Samples whose state would not change are left out.
        """
        batch, author = uuid.uuid4().hex[:12], author or _login()
        with write(self._path) as db:
            made = []
            for sample in dict.fromkeys(samples):
                old, last = self._state(db, sample)
                if expect is not None and expect.get(sample, last) != last:
                    raise conflict(sample, old, db, last)
                new = after(action, old, label)
                if new != old:
                    made.append(_append(db, sample, action, old, new, reason, dict(evidence or {}), batch, None, author))
        return made

    def undo(self, author: str = "") -> list[Edit]:
        """Take back the newest batch that stands; the entries appended, or [] when there is nothing to undo."""
        with write(self._path) as db:
            batch = self._newest(db, undone=False)
            return self._reverse(db, batch, "undo", author) if batch else []

    def redo(self, author: str = "") -> list[Edit]:
        """Bring back what the newest undo took away, unless something was decided since."""
        with write(self._path) as db:
            batch = self._newest(db, undone=True)
            return self._reverse(db, batch, "redo", author) if batch else []

    def revert(self, edit_ids: Iterable[int], reason: str = "", author: str = "") -> list[Edit]:
        """Take back chosen entries, all or nothing. A sample decided upon again since is a ``UserError`` with both versions."""
        with write(self._path) as db:
            wanted = [_edit(row) for row in self._by_id(db, list(edit_ids))]
            return self._take_back(db, sorted(wanted, key=lambda edit: -edit.id), "undo", reason, author)

    def _by_id(self, db: sqlite3.Connection, ids: list[int]) -> list[sqlite3.Row]:
        marks = ",".join("?" * len(ids))
        rows = db.execute(f"SELECT * FROM edits WHERE id IN ({marks})", ids).fetchall()
        missing = set(ids) - {row["id"] for row in rows}
        if missing:
            raise UserError(f"The ledger has no entry {min(missing)}.", "Nothing was reverted.", "Open History for the entries there are.")
        return rows

    def _newest(self, db: sqlite3.Connection, undone: bool) -> list[Edit]:
        """The batch that undo (``undone=False``) or redo would reverse."""
        standing: dict[str, list[Edit]] = {}  # entries that can be undone, by batch, oldest batch first
        taken: dict[str, list[Edit]] = {}  # undo entries that can be redone
        owner: dict[int, str] = {}
        for edit in (_edit(row) for row in db.execute("SELECT * FROM edits ORDER BY id")):
            owner[edit.id] = edit.batch
            if edit.action == "undo":
                _remove(standing, owner, edit.reverts)
                taken.setdefault(edit.batch, []).append(edit)
                continue
            if edit.action == "redo":
                _remove(taken, owner, edit.reverts)
            else:
                taken.clear()
            standing.setdefault(edit.batch, []).append(edit)
        source = taken if undone else standing
        return list(source.values())[-1] if source else []

    def _reverse(self, db: sqlite3.Connection, batch: list[Edit], action: str, author: str) -> list[Edit]:
        return self._take_back(db, list(reversed(batch)), action, "", author)

    def _take_back(self, db: sqlite3.Connection, edits: list[Edit], action: str, reason: str, author: str) -> list[Edit]:
        name, author = uuid.uuid4().hex[:12], author or _login()
        made = []
        for edit in edits:
            current, last = self._state(db, edit.sample)
            if current != edit.new:
                raise conflict(edit.sample, current, db, last)
            made.append(_append(db, edit.sample, action, current, edit.old, reason, {}, name, edit.id, author))
        return made

    def _state(self, db: sqlite3.Connection, sample: str) -> tuple[State, int]:
        row = db.execute("SELECT new, id FROM edits WHERE sample = ? ORDER BY id DESC LIMIT 1", (sample,)).fetchone()
        if row is None:
            return State(int(self._base(sample))), 0
        return _state(row["new"]), int(row["id"])


def _remove(batches: dict[str, list[Edit]], owner: dict[int, str], edit_id: int | None) -> None:
    """Take one entry out of its batch, and the batch when it was the last."""
    batch = owner.get(edit_id or 0, "")
    if batch in batches:
        batches[batch] = [edit for edit in batches[batch] if edit.id != edit_id]
        if not batches[batch]:
            del batches[batch]


def conflict(sample: str, current: State, db: sqlite3.Connection, last: int) -> UserError:
    """The error for a write on a sample that changed since it was shown."""
    row = db.execute("SELECT author, time_s FROM edits WHERE id = ?", (last,)).fetchone()
    who = f" by {row['author']} at {time.strftime('%H:%M:%S', time.localtime(row['time_s']))}" if row else ""
    status = f"label {current.label}, {'in training' if current.active else 'dropped'}"
    return UserError(
        f"Sample {sample} was changed{who} since it was shown (now: {status}, ledger entry {last}).",
        "Your decision was made on an older version, so nothing was written.",
        "Look at it again and decide anew.",
    )


def _append(
    db: sqlite3.Connection,
    sample: str,
    action: str,
    old: State,
    new: State,
    reason: str,
    evidence: dict[str, Any],
    batch: str,
    reverts: int | None,
    author: str,
) -> Edit:
    values = (time.time(), author, sample, action, _json(old), _json(new), reason, json.dumps(evidence, sort_keys=True), batch, reverts)
    cursor = db.execute(
        "INSERT INTO edits (time_s, author, sample, action, old, new, reason, evidence, batch, reverts) VALUES (?,?,?,?,?,?,?,?,?,?)",
        values,
    )
    return Edit(int(cursor.lastrowid or 0), values[0], author, sample, action, old, new, reason, evidence, batch, reverts)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"


@lru_cache(maxsize=1024)
def _json(state: State) -> str:
    return json.dumps(asdict(state), sort_keys=True)


@lru_cache(maxsize=1024)
def _state(text: str) -> State:
    return State(**json.loads(text))


def _edit(row: sqlite3.Row) -> Edit:
    return Edit(
        row["id"],
        row["time_s"],
        row["author"],
        row["sample"],
        row["action"],
        _state(row["old"]),
        _state(row["new"]),
        row["reason"],
        json.loads(row["evidence"]),
        row["batch"],
        row["reverts"],
    )
