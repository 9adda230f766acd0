"""The project's SQLite file: one short-lived connection per operation, one transaction per write."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attribution.errors import UserError
from attribution.errors.boundary import in_words, read_only

FORMAT = 1  # of the file (user_version) and of project.json; ``storage.formats`` brings older ones here

NEVER_CHANGES = """CREATE TRIGGER IF NOT EXISTS edits_never_change BEFORE UPDATE ON edits
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""
NEVER_VANISHES = """CREATE TRIGGER IF NOT EXISTS edits_never_vanish BEFORE DELETE ON edits
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""
IN_WORDS = """CREATE TRIGGER IF NOT EXISTS edits_in_words BEFORE INSERT ON edits
    WHEN json_type(NEW.new, '$.label') IS NOT 'text'  -- a server started before an update would write class numbers
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
# What follows from the edits, kept in the same transaction (``storage.kept``), so that nothing is worked out from the
# start again.
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
    """A connection in autocommit mode, every commit flushed to disk; closed on exit.

    A file that is not there is never made anew (``mode="rwc"`` would): it is a ``UserError``, and so is one that is
    damaged or in use, and a full disk. Where the file may not be written or the disk is full, ``mode="rw"`` still reads
    (and SQLite refuses to write); ``mode="write"`` does not.
    """
    if mode == "rw" and not path.is_file():
        raise gone(path)
    with _in_words(path):
        connection = _opened(path, mode)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def write(path: Path) -> Iterator[sqlite3.Connection]:
    """One ``BEGIN IMMEDIATE`` transaction: committed whole at the end, rolled back on any exception.

    ``UserError`` for a project that may only be read.
    """
    if path.is_file() and not _writable(path):
        raise read_only(path)
    with connect(path, "write") as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself takes back what met a full disk
                connection.execute("ROLLBACK")
            raise


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if type(error) is sqlite3.DatabaseError:  # a subclass says something else: a rule was broken, the disk is full
            raise damaged(path, str(error)) from error
        if words := in_words(error, path):
            raise words from error
        raise


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    """A connection that has read once, so that a disk that is full or read-only is met here."""
    if mode == "rw" and not _writable(path):
        return _for_reading(path)
    address = f"{path.absolute().as_uri()}?mode={'rwc' if mode == 'rwc' else 'rw'}"
    connection = sqlite3.connect(address, uri=True, timeout=30, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        if mode == "rw" and error.sqlite_errorname.startswith(
            ("SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_READONLY")
        ):
            return _for_reading(path)
        raise


def _for_reading(path: Path) -> sqlite3.Connection:
    """A connection that needs to write nothing, not even the index of the write-ahead log.

    What still stands in that log, which a writer that was killed leaves, is read from a copy in memory.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        with TemporaryDirectory() as folder:
            for file in (path, log):
                shutil.copyfile(file, Path(folder) / file.name)
            copy = sqlite3.connect(Path(folder) / path.name)
            copy.backup(connection)
            copy.close()
    else:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only=1")
    return connection


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


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
    return UserError(
        what,
        "It holds every decision that was made; the project is not opened as if there had been none.",
        _restore(path),
    )


def damaged(path: Path, how: str) -> UserError:
    """The error for a database that cannot be read."""
    return UserError(
        f"{path} is damaged ({how}).", "It holds every decision that was made, and the jobs.", _restore(path)
    )


def _restore(path: Path) -> str:
    kept = sorted(path.parent.glob(f"{path.name}.backup-*")) if path.parent.is_dir() else []
    if kept:
        return f"Put a copy of yours in its place, or {kept[-1].name}, which was made before the project's last update."
    return "Put a copy of it in its place; the data, models and results beside it are untouched."
