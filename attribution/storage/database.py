"""The project's SQLite file: one short-lived connection per operation, one transaction per write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_s REAL NOT NULL,
    author TEXT NOT NULL,
    sample TEXT NOT NULL,              -- the sample's stable id
    action TEXT NOT NULL,              -- relabel | drop | keep | undo | redo
    old TEXT NOT NULL,                 -- the sample's state before, JSON
    new TEXT NOT NULL,                 -- and after
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL,            -- what the user was shown when deciding, JSON
    batch TEXT NOT NULL,
    reverts INTEGER REFERENCES edits(id)
);
CREATE INDEX IF NOT EXISTS edits_by_sample ON edits(sample, id);
CREATE TRIGGER IF NOT EXISTS edits_never_change BEFORE UPDATE ON edits BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS edits_never_vanish BEFORE DELETE ON edits BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE IF NOT EXISTS jobs (
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
);
CREATE TABLE IF NOT EXISTS selections (
    token TEXT PRIMARY KEY,
    time_s REAL NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    rows TEXT NOT NULL                 -- JSON list of row numbers, or many of them packed
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in autocommit mode, WAL journal, every commit flushed to disk; closed on exit."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA synchronous=FULL")
        yield connection
    finally:
        connection.close()


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
    """Make the tables (idempotent) and switch the file to write-ahead logging."""
    with connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)
