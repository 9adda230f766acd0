"""Background work as a row and a detached process: it outlives the page, the server, and its own death (resume does what is missing)."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.boundary import in_words
from attribution.config import to_dict
from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.storage.database import connect, write

STALE_S = 60.0  # a queued job whose process has not claimed it by then never will
ACTIVE = ("queued", "running")
_CHILDREN: list[subprocess.Popen[bytes]] = []  # kept so that ended ones are waited for, not left as zombies


@dataclass(frozen=True)
class Job:
    """One row of the jobs table, as last seen. Times are Unix seconds, ``fraction`` is the share done (0 to 1)."""

    id: str
    kind: str
    title: str
    config: dict[str, Any]
    state: str
    fraction: float
    message: str
    error: dict[str, str] | None
    result: str | None
    created_s: float
    started_s: float | None
    finished_s: float | None
    heartbeat_s: float | None
    resumed_at: float
    pid: int | None
    folder: Path

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ACTIVE

    @property
    def elapsed_s(self) -> float:
        """Seconds since this run of the job began."""
        if self.started_s is None:
            return 0.0
        return (self.finished_s or time.time()) - self.started_s

    @property
    def eta_s(self) -> float | None:
        """Expected seconds left at the pace so far; None until one per cent is done."""
        done = self.fraction - self.resumed_at
        if self.state != "running" or done < 0.01:
            return None
        return self.elapsed_s * (1 - self.fraction) / done

    @property
    def log_path(self) -> Path:
        """Where the job's process writes what it prints."""
        return self.folder / "jobs" / f"{self.id}.log"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


class JobBoard:
    """The jobs of one project folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._db = folder, folder / "project.db"

    def submit(self, kind: str, title: str, config: Any) -> Job:
        """Queue a job and start its process. The same request while one is active returns that one."""
        values = json.dumps(to_dict(config), sort_keys=True)
        with write(self._db) as db:
            self._reap(db)
            same = db.execute("SELECT id FROM jobs WHERE kind=? AND config=? AND state IN ('queued','running')", (kind, values)).fetchone()
            if same:
                return self._get(db, same["id"])
            job_id = uuid.uuid4().hex[:10]
            db.execute(
                "INSERT INTO jobs (id, kind, title, config, state, created_s, heartbeat_s) VALUES (?,?,?,?,'queued',?,?)",
                (job_id, kind, title, values, time.time(), time.time()),
            )
        self.start(job_id)
        return self.get(job_id)

    def start(self, job_id: str) -> None:
        """Start the detached process of a queued job; it leads its own process group and keeps no tie to this one."""
        log = self._folder / "jobs" / f"{job_id}.log"
        log.parent.mkdir(exist_ok=True)
        with open(log, "ab") as stream:
            _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
            child = subprocess.Popen(
                [sys.executable, "-m", "attribution", "job", job_id, "--project", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                cwd=Path(__file__).resolve().parent.parent,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            _CHILDREN.append(child)

    def list(self) -> list[Job]:
        """All jobs, newest first; a running one whose process is gone is marked interrupted first."""
        with write(self._db) as db:
            self._reap(db)
            return [_job(row, self._folder) for row in db.execute("SELECT * FROM jobs ORDER BY created_s DESC, rowid DESC")]

    def get(self, job_id: str) -> Job:
        """One job, as it stands now."""
        with write(self._db) as db:
            self._reap(db)
            return self._get(db, job_id)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop at its next step; what is finished stays and a resume goes on from there."""
        with write(self._db) as db:
            db.execute("UPDATE jobs SET cancel=1 WHERE id=? AND state='running'", (job_id,))
            db.execute("UPDATE jobs SET state='cancelled', finished_s=? WHERE id=? AND state='queued'", (time.time(), job_id))
        return self.get(job_id)

    def kill(self, job_id: str) -> Job:
        """Stop a job that does not answer to ``cancel``: SIGTERM to its process group."""
        job = self.get(job_id)
        if job.state == "running" and job.pid:
            with write(self._db) as db:
                db.execute("UPDATE jobs SET state='cancelled', finished_s=? WHERE id=?", (time.time(), job_id))
            os.killpg(job.pid, signal.SIGTERM)
        return self.get(job_id)

    def resume(self, job_id: str) -> Job:
        """Queue a stopped job again; finished shards and epochs are found by their fingerprint and skipped."""
        with write(self._db) as db:
            self._reap(db)
            job = self._get(db, job_id)
            if job.active:
                return job
            db.execute(
                "UPDATE jobs SET state='queued', cancel=0, error=NULL, finished_s=NULL, resumed_at=fraction, message='', heartbeat_s=?"
                " WHERE id=?",
                (time.time(), job_id),
            )
        self.start(job_id)
        return self.get(job_id)

    def run(self, job_id: str, work: Callable[[Job, Progress], str]) -> str:
        """Claim a queued job in this process, do it, and record how it ended; returns the final state.

        ``work(job, progress)`` returns the id of its artefact. Only one process can claim a job (compare-and-set on its state).
        """
        with write(self._db) as db:
            claimed = db.execute(
                "UPDATE jobs SET state='running', started_s=?, heartbeat_s=?, pid=?, process_start=?, boot=? WHERE id=? AND state='queued'",
                (time.time(), time.time(), os.getpid(), _process_start(os.getpid()), _boot(), job_id),
            ).rowcount
            job = self._get(db, job_id)
        if not claimed:
            return job.state
        heart = _Heart(self._db, job_id)
        try:
            result = work(job, Progress(heart.beat))
        except Cancelled:
            return self._finish(job_id, "cancelled")
        except Exception as error:
            if said := in_words(error, self._folder):
                print(said, flush=True)
                return self._finish(job_id, "failed", error={"what": said.what, "why": said.why, "do": said.do})
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}"
            self._finish(job_id, "failed", error={"what": text, "why": "This is a bug, not your data.", "do": "The log has the details."})
            raise
        return self._finish(job_id, "done", result=result)

    def _finish(self, job_id: str, state: str, *, error: dict[str, str] | None = None, result: str | None = None) -> str:
        with write(self._db) as db:
            db.execute(
                "UPDATE jobs SET state=?, error=?, result=?, finished_s=?, fraction=CASE WHEN ?='done' THEN 1 ELSE fraction END"
                " WHERE id=? AND state='running'",
                (state, json.dumps(error) if error else None, result, time.time(), state, job_id),
            )
        return state

    def _get(self, db: sqlite3.Connection, job_id: str) -> Job:
        row = db.execute("SELECT * FROM jobs WHERE id=?", (job_id,)).fetchone()
        if row is None:
            raise UserError(f"There is no job {job_id!r} in {self._folder.name}.", "", "Run `datablame status` for the jobs there are.")
        return _job(row, self._folder)

    def _reap(self, db: sqlite3.Connection) -> None:
        """Mark as interrupted every job that says it runs but whose process is gone, and queued ones that never started."""
        for row in db.execute("SELECT * FROM jobs WHERE state IN ('queued','running')").fetchall():
            waiting = row["state"] == "queued"
            if time.time() - row["heartbeat_s"] > STALE_S if waiting else not _alive(row):
                db.execute(
                    "UPDATE jobs SET state='interrupted', finished_s=?, message=? WHERE id=?",
                    (row["heartbeat_s"] or time.time(), "The process ended without a word; what it finished is kept.", row["id"]),
                )


class _Heart:
    """Writes progress and heartbeat of the running job, and learns of a cancel."""

    def __init__(self, path: Path, job_id: str) -> None:
        self._path, self._id = path, job_id

    def beat(self, done: float, total: float, message: str) -> None:
        with connect(self._path) as db:
            db.execute(
                "UPDATE jobs SET fraction=?, message=?, heartbeat_s=? WHERE id=? AND state='running'",
                (min(done / total, 1.0) if total else 0.0, message, time.time(), self._id),
            )
            row = db.execute("SELECT cancel, state FROM jobs WHERE id=?", (self._id,)).fetchone()
        if row["cancel"] or row["state"] != "running":
            raise Cancelled


def _job(row: sqlite3.Row, folder: Path) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        config=json.loads(row["config"]),
        state=row["state"],
        fraction=row["fraction"],
        message=row["message"],
        error=json.loads(row["error"]) if row["error"] else None,
        result=row["result"],
        created_s=row["created_s"],
        started_s=row["started_s"],
        finished_s=row["finished_s"],
        heartbeat_s=row["heartbeat_s"],
        resumed_at=row["resumed_at"],
        pid=row["pid"],
        folder=folder,
    )


def _boot() -> str:
    """An id of this start of the machine, so that a process number from before a reboot is not believed."""
    source = Path("/proc/sys/kernel/random/boot_id")
    if source.exists():
        return source.read_text().strip()
    import psutil

    return f"{psutil.boot_time():.0f}"


def _process_start(pid: int) -> float:
    import psutil

    return float(psutil.Process(pid).create_time())


def _alive(row: sqlite3.Row) -> bool:
    """Whether the job's process is the one that claimed it, and not a zombie or another with the same number."""
    import psutil

    if row["boot"] != _boot():
        return False
    try:
        process = psutil.Process(row["pid"])
        return abs(process.create_time() - row["process_start"]) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
