"""The edit ledger: append-only, one entry per sample and decision; the current state of a sample is its last entry.

Labels are words (class names), so that an entry means the same whatever number a class has. Undo and redo append
entries too, so history is never rewritten and both work after a restart.
"""

import contextlib
import getpass
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from attribution.errors import UserError
from attribution.storage import kept
from attribution.storage.database import connect, write
from attribution.storage.states import State, after, imported, read, taken_back, written

COLUMNS = "id, time_s, author, sample, action, old, new, reason, evidence, batch, reverts"
UNKNOWN = -1
READ = 20_000  # lines read at once
ASKED = 500  # samples or ids in one question to the database
PLACES = {"train": "in training", "val": "in the validation set", "test": "in the test set"}
ENTERED = 100  # entries in one statement: a statement per entry would look up the next id each time


class Edit(NamedTuple):
    """One entry. ``old`` and ``new`` are the sample's whole states; ``reverts`` is the entry that this one takes back,
    or None."""

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


class Step(NamedTuple):
    """One decision or mark of a batch that holds several kinds; ``value`` is the label, the tag or the note."""

    action: str
    sample: str
    value: str | None
    reason: str
    evidence: dict[str, Any]


# Entries of a batch that share action, reason and evidence, and a line each: sample, old, new, reverts.
Part = tuple[str, str, dict[str, Any], list[tuple[str, State, State, int | None]]]


class Ledger:
    """The edits of one project.

    ``base`` gives the labels in the source data of a list of sample ids; it is asked only for samples without an entry
    (None: never, to read entries alone). ``split`` gives a sample's split, for messages. A write is one transaction: it
    is there whole or not at all, also after a crash.
    """

    def __init__(
        self,
        path: Path,
        base: Callable[[list[str]], Iterable[str]] | None,
        split: Callable[[str], str] = lambda sample: "",
    ) -> None:
        self._path, self._base, self._split = path, base, split

    def states(self, since: int = 0) -> dict[str, tuple[State, int]]:
        """``{sample: (state, last edit id)}`` for every sample that has an entry with a larger id than ``since``."""
        with connect(self._path) as db:
            rows = rows_of(db, "SELECT sample, state, edit FROM current WHERE edit > ?", (since,))
            return {sample: (read(new), last) for sample, new, last in rows}

    def changes(self, since: int = 0) -> Iterator[tuple[list[str], list[State], list[int]]]:
        """``states`` in parts of some thousands: samples, their states, and the ids of their last edits."""
        with connect(self._path) as db:
            rows = rows_of(db, "SELECT sample, state, edit FROM current WHERE edit > ?", (since,))
            while part := rows.fetchmany(READ):
                samples, states, ids = zip(*part, strict=True)
                yield list(samples), [read(state) for state in states], list(ids)

    def states_then(self, entry: int) -> dict[str, State | None]:
        """What the samples that changed since were when ``entry`` was the newest; None for one that had no entry
        then."""
        question = (
            "SELECT sample, (SELECT new FROM edits WHERE edits.sample = current.sample AND id <= ?1 ORDER BY id DESC "
            "LIMIT 1) FROM current WHERE edit > ?1"
        )
        with connect(self._path) as db:
            return {sample: read(new) if new else None for sample, new in rows_of(db, question, (entry,))}

    def state(self, sample: str) -> tuple[State, int]:
        """The state of one sample and the id of its last edit (0: none)."""
        with connect(self._path) as db:
            return self._states(db, [sample])[sample]

    def last_id(self) -> int:
        """Id of the newest entry, 0 for an empty ledger."""
        with connect(self._path) as db:
            return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM edits").fetchone()[0])

    def time_of(self, entry: int) -> float | None:
        """When an entry was made, Unix seconds; None where there is no such entry."""
        with connect(self._path) as db:
            row = db.execute("SELECT time_s FROM edits WHERE id = ?", (entry,)).fetchone()
        return float(row["time_s"]) if row else None

    def stamp(self) -> tuple[int, float]:
        """``(id, time_s)`` of the newest entry, (0, 0.0) for an empty ledger: the ledger reads the same while this
        does."""
        with connect(self._path) as db:
            row = db.execute("SELECT id, time_s FROM edits ORDER BY id DESC LIMIT 1").fetchone()
        return (int(row["id"]), float(row["time_s"])) if row else (0, 0.0)

    def remember(self, version: str, entry: int | None) -> None:
        """Keep which entry was the newest when the labels were this version (None: they never were); a project that
        cannot be written to goes without."""
        known = self.entry_of(version)
        if (known is not None and known != UNKNOWN) or known == entry or not os.access(self._path, os.W_OK):
            return
        with (
            contextlib.suppress(UserError),
            write(self._path) as db,
        ):  # a disk that is full or read-only: it is looked for when asked
            db.execute(
                "INSERT INTO versions VALUES (?,?) ON CONFLICT(version) DO UPDATE SET edit=excluded.edit",
                (version, entry),
            )

    def entry_of(self, version: str) -> int | None:
        """The entry that was the newest when the labels were this version; None: they never were; ``UNKNOWN``: not
        kept."""
        with connect(self._path) as db:
            row = db.execute("SELECT edit FROM versions WHERE version = ?", (version,)).fetchone()
        return row["edit"] if row else UNKNOWN

    def entries(self) -> list[Edit]:
        """All entries, oldest first."""
        with connect(self._path) as db:
            return edits_of(rows_of(db, f"SELECT {COLUMNS} FROM edits ORDER BY id"))

    def reverted(self, of: Iterable[int] | None = None) -> set[int]:
        """Ids of decisions that are taken back at present, of all or of these; one that was undone and redone
        stands."""
        with connect(self._path) as db:
            if of is None:
                return {entry for (entry,) in rows_of(db, "SELECT decision FROM taken_back WHERE gone")}
            return {entry for (entry,) in among(db, "SELECT decision FROM taken_back WHERE gone AND decision IN", of)}

    def apply(
        self,
        action: str,
        samples: Sequence[str],
        label: str | Mapping[str, str] | None = None,
        *,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
        expect: Mapping[str, int] | None = None,
        author: str = "",
    ) -> list[Edit]:
        """Append one batch: the same decision or mark on every sample, all or nothing; returns the entries. ``label``
        (of a tag its name, of a note its words) is one for all of them, or maps each sample to its own.

        ``expect`` maps samples to the last edit id that the user saw, also of samples that were only looked at; when
        one has changed since, nothing is written and a ``UserError`` shows both versions. Samples whose state would not
        change are left out.
        """
        samples = list(dict.fromkeys(samples))
        noted = dict(evidence or {})
        changes = []
        with write(self._path) as db:
            states = self._states(db, list(dict.fromkeys([*samples, *(expect or ())])))
            for sample, seen in (expect or {}).items():
                if states[sample][1] != seen:
                    raise self._conflict(sample, states[sample][0], db, states[sample][1])
            for sample in samples:
                old = states[sample][0]
                new = after(action, old, label[sample] if isinstance(label, Mapping) else label)
                if new != old:
                    changes.append((sample, old, new, None))
            return _append(db, action, changes, reason, noted, author)

    def apply_all(self, steps: Iterable[Step], expect: Mapping[str, int], author: str = "") -> list[Edit]:
        """Append one batch of different decisions and marks, in their order, all or nothing; returns the entries.
        ``expect`` as for ``apply``. Steps that change nothing are left out."""
        parts: list[Part] = []
        with write(self._path) as db:
            states = self._states(db, list(expect))
            for sample, seen in expect.items():
                if states[sample][1] != seen:
                    raise self._conflict(sample, states[sample][0], db, states[sample][1])
            for step in steps:
                old, last = states[step.sample]
                new = after(step.action, old, step.value)
                if new == old:
                    continue
                states[step.sample] = new, last
                shared = (step.action, step.reason, step.evidence)
                if not parts or parts[-1][:3] != shared:
                    parts.append((*shared, []))
                parts[-1][3].append((step.sample, old, new, None))
            return _batch(db, parts, author)

    def undo(self, author: str = "", anyone: bool = False) -> list[Edit]:
        """Take back the newest batch of this author (default: this login; ``anyone``: of all) that stands; the entries
        appended, or [] when there is nothing to undo. A sample decided upon again since is a ``UserError``."""
        with write(self._path) as db:
            return self._take_back(db, _newest(db, author or login(), anyone, undone=False), "undo", "", author)

    def to_undo(self, author: str = "", anyone: bool = False, undone: bool = False) -> Edit | None:
        """The last entry of the batch that ``undo`` (``undone``: ``redo``) would reverse now; None where there is
        none."""
        with connect(self._path) as db:
            batch = _newest_batch(db, author or login(), anyone, undone)
            found = edits_of(rows_of(db, f"SELECT {COLUMNS} FROM edits WHERE id = ?", (batch[1],))) if batch else []
        return found[0] if found else None

    def redo(self, author: str = "", anyone: bool = False) -> list[Edit]:
        """Bring back what this author's (``anyone``: the) newest undo took away, unless they decided something
        since."""
        with write(self._path) as db:
            return self._take_back(db, _newest(db, author or login(), anyone, undone=True), "redo", "", author)

    def revert(self, edit_ids: Iterable[int], reason: str = "", author: str = "") -> list[Edit]:
        """Take back chosen decisions, all or nothing. A sample decided upon again since is a ``UserError`` with both
        versions."""
        with write(self._path) as db:
            return self._take_back(db, _standing(db, list(edit_ids)), "undo", reason, author)

    def _take_back(self, db: sqlite3.Connection, ids: list[int], action: str, reason: str, author: str) -> list[Edit]:
        """Reverse these entries, the newest first."""
        found = {entry: rest for entry, *rest in among(db, "SELECT id, sample, old, new FROM edits WHERE id IN", ids)}
        states = self._states(db, [sample for sample, _, _ in found.values()])
        changes = []
        for entry in sorted(found, reverse=True):
            sample, old, new = found[entry]
            current, last = states[sample]
            without = taken_back(current, read(old), read(new))
            if without is None:
                raise self._conflict(sample, current, db, last, entry)
            states[sample] = without, last
            changes.append((sample, current, without, entry))
        return _append(db, action, changes, reason, {}, author)

    def _conflict(self, sample: str, current: State, db: sqlite3.Connection, last: int, taken: int = 0) -> UserError:
        """The error for a write on a sample that changed since it was shown, or since the entry ``taken`` that is to be
        reversed."""
        row = db.execute("SELECT author, time_s FROM edits WHERE id = ?", (last,)).fetchone()
        who = f" by {_whom(row['author'])} at {time.strftime('%H:%M:%S', time.localtime(row['time_s']))}" if row else ""
        where = (
            PLACES.get(self._split(sample), "in use")
            if current.active
            else "dropped"
            if current.verdict
            else "waiting for one"
        )
        now = f"now: {current.label or 'no label'}, {where}; ledger entry {last}"
        if taken:
            return UserError(
                f"Sample {sample} was changed{who}, after entry {taken} that would be reversed ({now}).",
                "That newer decision would be lost with it, so nothing was written.",
                f"Take back entry {last} first.",
            )
        return UserError(
            f"Sample {sample} was changed{who} since it was shown ({now}).",
            "Your decision was made on an older version, so nothing was written.",
            "Look at it again and decide anew.",
        )

    def _states(self, db: sqlite3.Connection, samples: list[str]) -> dict[str, tuple[State, int]]:
        """``{sample: (state, last edit id)}``, 0 for a sample without an entry."""
        found: dict[str, tuple[State, int]] = {}
        for sample, new, last in among(db, "SELECT sample, state, edit FROM current WHERE sample IN", samples):
            found[sample] = read(new), last
        fresh = [sample for sample in samples if sample not in found]
        if fresh:
            assert self._base is not None
            found.update((sample, (imported(label), 0)) for sample, label in zip(fresh, self._base(fresh), strict=True))
        return found


def _newest(db: sqlite3.Connection, author: str, anyone: bool, undone: bool) -> list[int]:
    """Ids of the entries that undo (``undone=False``) or redo would reverse: those of the newest batch that nothing
    reversed yet."""
    batch = _newest_batch(db, author, anyone, undone)
    if batch is None:
        return []
    standing = (
        "SELECT id FROM edits WHERE id BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM edits AS later WHERE "
        "later.reverts = edits.id)"
    )
    return [entry for (entry,) in rows_of(db, standing, batch)]


def _newest_batch(db: sqlite3.Connection, author: str, anyone: bool, undone: bool) -> tuple[int, int] | None:
    """First and last id of the newest batch that undo or redo would reverse."""
    whose, values = ("1", ()) if anyone else ("author = ?", (author,))
    which = "=" if undone else "!="
    question = (
        f"SELECT first, last FROM batches WHERE {whose} AND open > 0 AND action {which} 'undo' ORDER BY "
        "first DESC LIMIT 1"
    )
    batch: tuple[int, int] | None = rows_of(db, question, values).fetchone()
    return batch


def _standing(db: sqlite3.Connection, ids: list[int]) -> list[int]:
    """The entries to reverse so that these decisions are taken back: the decision itself, or the redo that brought it
    back."""
    known = dict(among(db, "SELECT id, action FROM edits WHERE id IN", ids))
    newest = {
        decision: (entry, gone)
        for decision, entry, gone in among(db, "SELECT * FROM taken_back WHERE decision IN", ids)
    }
    over = {entry for (entry,) in among(db, "SELECT reverts FROM edits WHERE reverts IN", ids)} - set(newest)
    for entry in ids:
        if entry not in known:
            raise UserError(
                f"The ledger has no entry {entry}.", "Nothing was reverted.", "Open History for the entries there are."
            )
        if known[entry] == "undo":
            raise UserError(
                f"Entry {entry} took a decision back; it is not one itself.",
                "Nothing was reverted.",
                "Use redo, or decide on it anew.",
            )
        if entry in over or (entry in newest and newest[entry][1]):
            raise UserError(
                f"Entry {entry} is taken back already.", "Nothing was reverted.", "Open History for what stands."
            )
    return [newest[entry][0] if entry in newest else entry for entry in ids]


def rows_of(db: sqlite3.Connection, question: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """The answer as plain tuples, which are cheaper than named ones."""
    cursor = db.cursor()
    cursor.row_factory = None
    return cursor.execute(question, values)


def among(db: sqlite3.Connection, question: str, values: Iterable[Any], rest: str = "") -> Iterator[tuple[Any, ...]]:
    """The answers to ``question (?, ?, ...) rest`` for any number of different values: one question has room for some
    thousands."""
    different = list(dict.fromkeys(values))
    for start in range(0, len(different), ASKED):
        part = different[start : start + ASKED]
        yield from rows_of(db, f"{question} ({','.join('?' * len(part))}) {rest}", part).fetchall()


def _append(
    db: sqlite3.Connection,
    action: str,
    changes: Iterable[tuple[str, State, State, int | None]],
    reason: str,
    evidence: dict[str, Any],
    author: str,
) -> list[Edit]:
    """One batch of entries of one action, a line per (sample, old, new, reverts)."""
    return _batch(db, [(action, reason, evidence, list(changes))], author)


def _batch(db: sqlite3.Connection, parts: Sequence[Part], author: str) -> list[Edit]:
    """One batch of entries. Their ids are given out here, as the transaction is the only writer."""
    now_s = time.time()
    batch = uuid.uuid4().hex[:12]
    author = author or login()
    ((last,),) = rows_of(db, "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'edits'")
    made: list[Edit] = []
    for action, reason, evidence, changes in parts:
        first = last + 1 + len(made)
        part = [
            Edit._make((number, now_s, author, sample, action, old, new, reason, evidence, batch, reverts))
            for number, (sample, old, new, reverts) in enumerate(changes, first)
        ]
        _enter(db, part)
        made += part
    if made:
        kept.note(db, made[0].id, made[-1].id, made[0].action, author)
    return made


def _enter(db: sqlite3.Connection, edits: list[Edit]) -> None:
    """Write entries of one batch that share action, reason and evidence."""
    for start in range(0, len(edits), ENTERED):
        part = edits[start : start + ENTERED]
        one = part[0]
        values = chain.from_iterable(
            (edit.id, edit.sample, written(edit.old), written(edit.new), edit.reverts) for edit in part
        )
        shared = (one.time_s, one.author, one.action, one.reason, json.dumps(one.evidence, sort_keys=True), one.batch)
        db.execute(_entering(len(part)), (*shared, *values))


@lru_cache(maxsize=2 * ENTERED)
def _entering(n: int) -> str:
    """The statement that enters ``n`` edits of one batch: ?1 to ?6 are what they share, five more stand for each."""
    lines = (f"(?{at},?1,?2,?{at + 1},?3,?{at + 2},?{at + 3},?4,?5,?6,?{at + 4})" for at in range(7, 7 + 5 * n, 5))
    return f"INSERT INTO edits ({COLUMNS}) VALUES {','.join(lines)}"


def login() -> str:
    """The name under which this user's decisions stand in the ledger."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"


def _whom(author: str) -> str:
    return "you" if author == login() else author


@lru_cache(maxsize=64)
def _evidence(text: str) -> dict[str, Any]:
    """What was on screen; of a broken entry its text, so that the others can still be read."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text[:200]}


def edits_of(rows: Iterable[tuple[Any, ...]]) -> list[Edit]:
    """Entries from rows of ``COLUMNS``."""
    return [
        Edit(
            entry,
            time_s,
            author,
            sample,
            action,
            read(old),
            read(new),
            reason,
            dict(_evidence(evidence)),
            batch,
            reverts,
        )
        for entry, time_s, author, sample, action, old, new, reason, evidence, batch, reverts in rows
    ]
