"""The edit ledger: append-only, one entry per sample and decision; the current state of a sample is its last entry.

Undo and redo append entries too, so history is never rewritten and both work after a restart.
"""

import getpass
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from attribution.errors import UserError
from attribution.storage.database import connect, write

ACTIONS = ("relabel", "drop", "keep")
COLUMNS = "id, time_s, author, sample, action, old, new, reason, evidence, batch, reverts"
ASKED = 500  # samples or ids in one question to the database
ENTERED = 100  # entries in one statement: a statement per entry would look up the next id each time


class State(NamedTuple):
    """What the ledger says of one sample: its label (class index), whether it is trained on, and the verdict of the review. A tuple, as
    ``Edit``: a bulk decision compares hundreds of thousands."""

    label: int
    active: bool = True
    verdict: str = ""


class Edit(NamedTuple):
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


@lru_cache(maxsize=1024)
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

    ``base`` gives the labels in the source data of a list of sample ids; it is asked only for samples without an entry (None:
    never, to read entries alone). A write is one transaction: it is there whole or not at all, also after a crash.
    """

    def __init__(self, path: Path, base: Callable[[list[str]], Iterable[int]] | None) -> None:
        self._path, self._base = path, base

    def states(self) -> dict[str, tuple[State, int]]:
        """``{sample: (state, last edit id)}`` for every sample that has an entry."""
        with connect(self._path) as db:
            rows = _rows(db, "SELECT sample, new, MAX(id) FROM edits GROUP BY sample")
            return {sample: (_state(new), last) for sample, new, last in rows}  # SQLite takes ``new`` from the row with the largest id

    def state(self, sample: str) -> tuple[State, int]:
        """The state of one sample and the id of its last edit (0: none)."""
        with connect(self._path) as db:
            return self._states(db, [sample])[sample]

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
            return _edits(_rows(db, f"SELECT {COLUMNS} FROM edits ORDER BY id"))

    def reverted(self) -> set[int]:
        """Ids of decisions that are taken back at present; one that was undone and redone stands."""
        with connect(self._path) as db:
            rows = list(_rows(db, "SELECT id, action, reverts FROM edits WHERE reverts IS NOT NULL ORDER BY id"))
        decision: dict[int, int] = {}  # what a chain of undo and redo entries is about
        gone: set[int] = set()
        for entry, action, reverts in rows:
            about = decision[entry] = decision.get(reverts, reverts)
            (gone.add if action == "undo" else gone.discard)(about)
        return gone

    def apply(
        self,
        action: str,
        samples: Sequence[str],
        label: int | Mapping[str, int] | None = None,
        *,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
        expect: Mapping[str, int] | None = None,
        author: str = "",
    ) -> list[Edit]:
        """Append one batch: the same decision on every sample, all or nothing; returns the entries. ``label`` is one for all of them, or
        maps each sample to its own.

        ``expect`` maps samples to the last edit id that the user saw; when one has changed since, nothing is written and a
        ``UserError`` shows both versions. Samples whose state would not change are left out.
        """
        samples, noted, changes = list(dict.fromkeys(samples)), dict(evidence or {}), []
        with write(self._path) as db:
            states = self._states(db, samples)
            for sample in samples:
                old, last = states[sample]
                if expect is not None and expect.get(sample, last) != last:
                    raise conflict(sample, old, db, last)
                new = after(action, old, label[sample] if isinstance(label, Mapping) else label)
                if new != old:
                    changes.append((sample, old, new, None))
            return _append(db, action, changes, reason, noted, author)

    def undo(self, author: str = "") -> list[Edit]:
        """Take back the newest batch that stands; the entries appended, or [] when there is nothing to undo."""
        with write(self._path) as db:
            return self._take_back(db, self._newest(db, undone=False), "undo", "", author)

    def redo(self, author: str = "") -> list[Edit]:
        """Bring back what the newest undo took away, unless something was decided since."""
        with write(self._path) as db:
            return self._take_back(db, self._newest(db, undone=True), "redo", "", author)

    def revert(self, edit_ids: Iterable[int], reason: str = "", author: str = "") -> list[Edit]:
        """Take back chosen entries, all or nothing. A sample decided upon again since is a ``UserError`` with both versions."""
        with write(self._path) as db:
            return self._take_back(db, list(edit_ids), "undo", reason, author)

    def _newest(self, db: sqlite3.Connection, undone: bool) -> list[int]:
        """Ids of the batch that undo (``undone=False``) or redo would reverse."""
        standing: dict[str, dict[int, None]] = {}  # entries that can be undone, by batch, oldest batch first
        taken: dict[str, dict[int, None]] = {}  # undo entries that can be redone
        owner: dict[int, str] = {}
        for entry, action, batch, reverts in _rows(db, "SELECT id, action, batch, reverts FROM edits ORDER BY id"):
            owner[entry] = batch
            if action == "undo":
                _remove(standing, owner, reverts)
                taken.setdefault(batch, {})[entry] = None
                continue
            if action == "redo":
                _remove(taken, owner, reverts)
            else:
                taken.clear()
            standing.setdefault(batch, {})[entry] = None
        source = taken if undone else standing
        return list(source[next(reversed(source))]) if source else []

    def _take_back(self, db: sqlite3.Connection, ids: list[int], action: str, reason: str, author: str) -> list[Edit]:
        """Reverse these entries, the newest first."""
        found = {entry: rest for entry, *rest in _among(db, "SELECT id, sample, old, new FROM edits WHERE id IN", ids)}
        missing = set(ids) - set(found)
        if missing:
            raise UserError(f"The ledger has no entry {min(missing)}.", "Nothing was reverted.", "Open History for the entries there are.")
        states, changes = self._states(db, [sample for sample, _, _ in found.values()]), []
        for entry in sorted(found, reverse=True):
            sample, old, new = found[entry]
            current, last = states[sample]
            if current != _state(new):
                raise conflict(sample, current, db, last)
            states[sample] = _state(old), last
            changes.append((sample, current, _state(old), entry))
        return _append(db, action, changes, reason, {}, author)

    def _states(self, db: sqlite3.Connection, samples: list[str]) -> dict[str, tuple[State, int]]:
        """``{sample: (state, last edit id)}``, 0 for a sample without an entry."""
        found: dict[str, tuple[State, int]] = {}
        for sample, new, last in _among(db, "SELECT sample, new, MAX(id) FROM edits WHERE sample IN", samples, "GROUP BY sample"):
            found[sample] = _state(new), last
        fresh = [sample for sample in samples if sample not in found]
        if fresh:
            assert self._base is not None
            found.update((sample, (_fresh(int(label)), 0)) for sample, label in zip(fresh, self._base(fresh), strict=True))
        return found


def _remove(batches: dict[str, dict[int, None]], owner: dict[int, str], entry: int | None) -> None:
    """Take one entry out of its batch, and the batch when it was the last."""
    batch = owner.get(entry or 0, "")
    if batch in batches:
        batches[batch].pop(entry or 0, None)
        if not batches[batch]:
            del batches[batch]


def _rows(db: sqlite3.Connection, question: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """The answer as plain tuples, which are cheaper than named ones."""
    cursor = db.cursor()
    cursor.row_factory = None
    return cursor.execute(question, values)


def _among(db: sqlite3.Connection, question: str, values: Iterable[Any], rest: str = "") -> Iterator[tuple[Any, ...]]:
    """The answers to ``question (?, ?, ...) rest`` for any number of different values: one question has room for some thousands."""
    different = list(dict.fromkeys(values))
    for start in range(0, len(different), ASKED):
        part = different[start : start + ASKED]
        yield from _rows(db, f"{question} ({','.join('?' * len(part))}) {rest}", part).fetchall()


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
    action: str,
    changes: Iterable[tuple[str, State, State, int | None]],
    reason: str,
    evidence: dict[str, Any],
    author: str,
) -> list[Edit]:
    """One batch of entries, a line per (sample, old, new, reverts). Their ids are given out here, as the transaction is the only writer."""
    now_s, batch, author, noted = time.time(), uuid.uuid4().hex[:12], author or _login(), json.dumps(evidence, sort_keys=True)
    ((last,),) = _rows(db, "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'edits'")
    made = [
        Edit._make((number, now_s, author, sample, action, old, new, reason, evidence, batch, reverts))
        for number, (sample, old, new, reverts) in enumerate(changes, last + 1)
    ]
    for start in range(0, len(made), ENTERED):
        part = made[start : start + ENTERED]
        values = chain.from_iterable((edit.id, edit.sample, _json(edit.old), _json(edit.new), edit.reverts) for edit in part)
        db.execute(_entering(len(part)), (now_s, author, action, reason, noted, batch, *values))
    return made


@lru_cache(maxsize=2 * ENTERED)
def _entering(n: int) -> str:
    """The statement that enters ``n`` edits of one batch: ?1 to ?6 are what they share, five more stand for each."""
    lines = (f"(?{at},?1,?2,?{at + 1},?3,?{at + 2},?{at + 3},?4,?5,?6,?{at + 4})" for at in range(7, 7 + 5 * n, 5))
    return f"INSERT INTO edits ({COLUMNS}) VALUES {','.join(lines)}"


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"


@lru_cache(maxsize=1024)
def _json(state: State) -> str:
    return json.dumps(state._asdict(), sort_keys=True)


@lru_cache(maxsize=1024)
def _state(text: str) -> State:
    return State(**json.loads(text))


@lru_cache(maxsize=1024)
def _fresh(label: int) -> State:
    return State(label)


@lru_cache(maxsize=64)
def _evidence(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _edits(rows: Iterable[tuple[Any, ...]]) -> list[Edit]:
    """Entries from rows of ``COLUMNS``."""
    return [
        Edit(entry, time_s, author, sample, action, _state(old), _state(new), reason, dict(_evidence(evidence)), batch, reverts)
        for entry, time_s, author, sample, action, old, new, reason, evidence, batch, reverts in rows
    ]
