"""The project's SQLite file: one short-lived connection per operation, one transaction per write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attribution.errors import UserError

FORMAT = 1  # of the file (user_version) and of project.json; ``storage.formats`` brings older ones here

NEVER_CHANGES = """CREATE TRIGGER IF NOT EXISTS edits_never_change BEFORE UPDATE ON edits
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""
NEVER_VANISHES = """CREATE TRIGGER IF NOT EXISTS edits_never_vanish BEFORE DELETE ON edits
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""
IN_WORDS = """CREATE TRIGGER IF NOT EXISTS edits_in_words BEFORE INSERT ON edits
    WHEN json_type(NEW.new, '$.label') IS NOT 'text'  -- a server that was started before an update would write class numbers
    BEGIN SELECT RAISE(ABORT, 'the ledger holds label words: start this older Datablame anew'); END"""
GUARDS = (NEVER_CHANGES, NEVER_VANISHES, IN_WORDS)

EDITS = """CREATE TABLE IF NOT EXISTS edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_s REAL NOT NULL,
    author TEXT NOT NULL,
    sample TEXT NOT NULL,              -- the sample's stable id
    action TEXT NOT NULL,              -- relabel | drop | keep | undo | redo
    old TEXT NOT NULL,                 -- the sample's state before, JSON {label: class name, active, verdict}
    new TEXT NOT NULL,                 -- and after
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL,            -- what the user was shown when deciding, JSON
    batch TEXT NOT NULL,
    reverts INTEGER REFERENCES edits(id)
)"""
# What follows from the edits, kept in the same transaction (``storage.kept``), so that nothing is worked out from the start again.
KEPT = (
    """CREATE TABLE IF NOT EXISTS current (
    sample TEXT PRIMARY KEY,
    state TEXT NOT NULL,               -- ``new`` of the sample's newest edit
    edit INTEGER NOT NULL              -- its id
) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS current_by_edit ON current(edit)",
    """CREATE TABLE IF NOT EXISTS batches (
    first INTEGER PRIMARY KEY,         -- ids of the batch's edits: first to last
    last INTEGER NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    open INTEGER NOT NULL              -- how many of them an undo (or, of an undo, a redo) can still reverse
)""",
    "CREATE INDEX IF NOT EXISTS batches_open ON batches(author, first) WHERE open > 0",
    """CREATE TABLE IF NOT EXISTS taken_back (
    decision INTEGER PRIMARY KEY,      -- an edit that was undone at least once
    newest INTEGER NOT NULL UNIQUE,    -- the newest undo or redo of it
    gone INTEGER NOT NULL              -- 1 taken back at present, 0 brought back
)""",
    """CREATE TABLE IF NOT EXISTS versions (
    version TEXT PRIMARY KEY,          -- a labelled version
    edit INTEGER                       -- the newest edit when the labels were so; NULL: never in this ledger
)""",
)
TABLES = (
    EDITS,
    "CREATE INDEX IF NOT EXISTS edits_by_sample ON edits(sample, id)",
    "CREATE INDEX IF NOT EXISTS edits_by_reverts ON edits(reverts) WHERE reverts IS NOT NULL",
    *GUARDS,
    *KEPT,
    """CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    config TEXT NOT NULL,              -- JSON of the kind's config dataclass
    state TEXT NOT NULL,               -- queued | running | done | failed | cancelled | interrupted
    fraction REAL NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    error TEXT,                        -- JSON {what, why, do}
    result TEXT,                       -- id of the artefact
    created_s REAL NOT NULL,
    started_s REAL, finished_s REAL, heartbeat_s REAL,
    resumed_at REAL NOT NULL DEFAULT 0, -- fraction that was there when this run of the job began
    pid INTEGER, process_start REAL, boot TEXT,
    cancel INTEGER NOT NULL DEFAULT 0
)""",
    """CREATE TABLE IF NOT EXISTS selections (
    token TEXT PRIMARY KEY,
    time_s REAL NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    rows TEXT NOT NULL                 -- JSON list of row numbers, or many of them packed
)""",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


@contextmanager
def connect(path: Path, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    """A connection in autocommit mode, every commit flushed to disk; closed on exit. A file that is not there is never made anew
    (``mode="rwc"`` would): it is a ``UserError``, and so is one that is damaged."""
    if mode == "rw" and not path.is_file():
        raise gone(path)
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA synchronous=FULL")
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # a subclass says something else: a rule was broken, the disk is full
            raise
        raise damaged(path, str(error)) from error


@contextmanager
def write(path: Path) -> Iterator[sqlite3.Connection]:
    """One ``BEGIN IMMEDIATE`` transaction: committed whole at the end, rolled back on any exception."""
    with connect(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def create(path: Path) -> None:
    """Make a new project's file with its tables (idempotent), with write-ahead logging."""
    with connect(path, "rwc") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    with write(path) as connection:
        for statement in TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={FORMAT}")


def gone(path: Path) -> UserError:
    """The error for a database that is not there or empty."""
    what = f"{path} is empty." if path.exists() else f"{path} is not there."
    return UserError(what, "It holds every decision that was made; the project is not opened as if there had been none.", _restore(path))


def damaged(path: Path, how: str) -> UserError:
    """The error for a database that cannot be read."""
    return UserError(f"{path} is damaged ({how}).", "It holds every decision that was made, and the jobs.", _restore(path))


def _restore(path: Path) -> str:
    kept = sorted(path.parent.glob(f"{path.name}.backup-*")) if path.parent.is_dir() else []
    if kept:
        return f"Put a copy of yours in its place, or {kept[-1].name}, which was made before the project's last update."
    return "Put a copy of it in its place; the data, models and results beside it are untouched."
