"""Background work as a row and a detached process: it outlives the page, the server, and its own death (resume does
what is missing)."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.errors import Cancelled, UserError
from attribution.errors.boundary import in_words
from attribution.jobs import heart
from attribution.progress import Progress
from attribution.settings.configs import to_dict
from attribution.storage import alive
from attribution.storage.database import connect, write
from attribution.storage.files import sweep

STALE_S = 60.0  # a queued job of an older version whose process has not claimed it by then never will
SILENT_S = 30.0  # a process that has not shown itself for so long is stopped or hung
STILL_S = 900.0  # work that has not gone a step on for so long may hang; the longest honest steps take minutes
GRACE_S = 5.0
SPARE_BYTES = 1 << 16  # kept free for the last words of a job that fills the disk
GONE = "The process ended without a word; what it finished is kept."
ACTIVE = ("queued", "running")
_CHILDREN: list[subprocess.Popen[bytes]] = []  # kept so that ended ones are waited for, not left as zombies


_Rows = list[dict[str, Any]]


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
    stopping: bool = False
    beat: heart.Beat | None = None

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ACTIVE

    @property
    def elapsed_s(self) -> float:
        """Seconds since this run of the job began."""
        if self.started_s is None:
            return 0.0
        if self.state == "running" and self.beat is not None:
            return self.beat.ran_s  # by a clock that nobody sets
        return (self.finished_s or time.time()) - self.started_s

    @property
    def eta_s(self) -> float | None:
        """Expected seconds left at the pace so far; None until one per cent is done."""
        done = self.fraction - self.resumed_at
        if self.state != "running" or done < 0.01:
            return None
        return self.elapsed_s * (1 - self.fraction) / done

    @property
    def trouble(self) -> str:
        """What is wrong with a running job that does not go on, in words; "" for one that does."""
        if self.state != "running" or self.beat is None:
            return ""
        if self.beat.silent_s > SILENT_S:
            return f"not answering for {self.beat.silent_s:.0f} s: stopped or hung"
        return f"no step for {self.beat.still_s / 60:.0f} minutes" if self.beat.still_s > STILL_S else ""

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
        self._folder = folder
        self._db = folder / "project.db"

    def submit(self, kind: str, title: str, config: Any) -> Job:
        """Queue a job and start its process. The same request while one is active returns that one."""
        values = json.dumps(to_dict(config), sort_keys=True)
        with write(self._db) as db:
            self._reap(db)
            same = db.execute(
                "SELECT id FROM jobs WHERE kind=? AND config=? AND state IN ('queued','running')", (kind, values)
            ).fetchone()
            if same:
                return self._get(db, same["id"])
            job_id = uuid.uuid4().hex[:10]
            db.execute(
                "INSERT INTO jobs (id, kind, title, config, state, created_s, heartbeat_s, pid, process_start, boot)"
                " VALUES (?,?,?,?,'queued',?,?,?,?,?)",
                (job_id, kind, title, values, time.time(), time.time(), *_me()),
            )
        self.start(job_id)
        return self.get(job_id)

    def start(self, job_id: str) -> None:
        """Start the detached process of a queued job; it leads its own process group and keeps no tie to this one."""
        log = self._folder / "jobs" / f"{job_id}.log"
        try:
            log.parent.mkdir(exist_ok=True)
            with open(log, "ab") as stream:
                _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
                child = subprocess.Popen(
                    [sys.executable, "-m", "attribution", "job", job_id, "--project", str(self._folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                    cwd=Path(__file__).resolve().parents[2],
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )
        except OSError as error:
            words = in_words(error, log)
            if words is None:
                raise
            said = json.dumps({"what": words.what, "why": words.why, "do": words.do})
            with write(self._db) as db:
                db.execute(
                    "UPDATE jobs SET state='failed', error=?, finished_s=? WHERE id=? AND state='queued'",
                    (said, time.time(), job_id),
                )
            raise words from error
        _CHILDREN.append(child)
        with write(self._db) as db:  # until it claims the job, the job lives as long as this child does
            db.execute(
                "UPDATE jobs SET pid=?, process_start=? WHERE id=? AND state='queued'",
                (child.pid, alive.started(child.pid), job_id),
            )

    def list(self) -> list[Job]:
        """All jobs, newest first; a running one whose process is gone is marked interrupted first."""
        return [_job(row, self._folder) for row in self._rows("ORDER BY created_s DESC, rowid DESC")]

    def get(self, job_id: str) -> Job:
        """One job, as it stands now."""
        rows = self._rows("WHERE id=?", job_id)
        if not rows:
            raise self._unknown(job_id)
        return _job(rows[0], self._folder)

    def _rows(self, which: str, *values: str) -> _Rows:
        """Rows as they stand. Nothing is written unless a process is found gone, and in a project that may only be read
        not even then."""
        with connect(self._db) as db:
            rows = [dict(row) for row in db.execute(f"SELECT * FROM jobs {which}", values)]
        ended = [row for row in rows if _ended(row)]
        for row in ended:
            row |= {"state": "interrupted", "finished_s": row["heartbeat_s"] or time.time(), "message": GONE}
        if ended:
            try:
                with write(self._db) as db:
                    self._reap(db)
            except UserError:
                return rows
            with connect(self._db) as db:
                return [dict(row) for row in db.execute(f"SELECT * FROM jobs {which}", values)]
        return rows

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop at its next step; what is finished stays and a resume goes on from there."""
        with write(self._db) as db:
            db.execute("UPDATE jobs SET cancel=1 WHERE id=? AND state='running'", (job_id,))
            db.execute(
                "UPDATE jobs SET state='cancelled', finished_s=? WHERE id=? AND state='queued'", (time.time(), job_id)
            )
        return self.get(job_id)

    def kill(self, job_id: str, grace_s: float = GRACE_S) -> Job:
        """End a job that may not answer: it is asked first (``cancel``), then its process group gets SIGTERM, then
        SIGKILL.

        Returns when its process is gone, after ``grace_s`` for each of the three at most; ``UserError`` when the system
        itself holds it.
        """
        job = self.cancel(job_id)
        row = self._rows("WHERE id=?", job_id)[0]
        if row["state"] != "running":
            return job
        if row["pid"] == os.getpid():
            raise UserError(
                f"Job {job_id} runs in this very process.", "It would end with it.", "Press Ctrl+C where it runs."
            )
        hears = not job.trouble and alive.gone(row["pid"], row["process_start"], grace_s)
        if not hears and not alive.end(row["pid"], grace_s):
            raise UserError(
                f"Process {row['pid']} of job {job_id} does not end.",
                "The system holds it, most likely in a disk or network folder that does not answer.",
                "See to that disk; the process ends by itself then.",
            )
        with write(self._db) as db:
            db.execute(
                "UPDATE jobs SET state='cancelled', finished_s=?, message='Ended by a signal; what it finished is "
                "kept.' WHERE id=? AND state IN ('queued','running')",
                (time.time(), job_id),
            )
        return self.get(job_id)

    def resume(self, job_id: str) -> Job:
        """Queue a stopped job again; finished shards and epochs are found by their fingerprint and skipped."""
        with write(self._db) as db:
            self._reap(db)
            job = self._get(db, job_id)
            if job.active:
                return job
            db.execute(
                "UPDATE jobs SET state='queued', cancel=0, error=NULL, finished_s=NULL, resumed_at=fraction, "
                "message='', heartbeat_s=?, pid=?, process_start=?, boot=? WHERE id=?",
                (time.time(), *_me(), job_id),
            )
        self.start(job_id)
        return self.get(job_id)

    def run(self, job_id: str, work: Callable[[Job, Progress], str]) -> str:
        """Claim a queued job in this process, do it, and record how it ended; returns the final state.

        ``work(job, progress)`` returns the id of its artefact. Only one process can claim a job (compare-and-set on its
        state).
        """
        with write(self._db) as db:
            claimed = db.execute(
                "UPDATE jobs SET state='running', started_s=?, heartbeat_s=?, pid=?, process_start=?, boot=? "
                "WHERE id=? AND state='queued'",
                (time.time(), time.time(), *_me(), job_id),
            ).rowcount
            job = self._get(db, job_id)
        if not claimed:
            return job.state
        sweep(self._folder)
        with (
            _ended_by_signal(),
            self._spare(job_id),
            heart.Heart(self._folder / "jobs" / f"{job_id}.beat", self._db) as beating,
        ):
            return self._done(job, lambda: work(job, Progress(_Listener(self._db, job_id, beating).told)))

    def _done(self, job: Job, work: Callable[[], str]) -> str:
        """Do the work and record how it ended."""
        job_id = job.id
        try:
            result = work()
        except (Cancelled, KeyboardInterrupt):
            return self._finish(job_id, "cancelled")
        except Exception as error:
            if said := in_words(error, self._folder):
                print(said, flush=True)
                return self._finish(job_id, "failed", error={"what": said.what, "why": said.why, "do": said.do})
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}"
            self._finish(
                job_id,
                "failed",
                error={"what": text, "why": "This is a bug, not your data.", "do": "The log has the details."},
            )
            raise
        return self._finish(job_id, "done", result=result)

    def _finish(
        self, job_id: str, state: str, *, error: dict[str, str] | None = None, result: str | None = None
    ) -> str:
        if not self._db.is_file():
            return "gone"  # the project was deleted under the job, and nobody asks any more
        self._spare_path(job_id).unlink(missing_ok=True)  # room for these words on a disk that the job has filled
        with write(self._db) as db:
            db.execute(
                "UPDATE jobs SET state=?, error=?, result=?, finished_s=?, fraction=CASE WHEN ?='done' THEN 1 ELSE "
                "fraction END WHERE id=? AND state='running'",
                (state, json.dumps(error) if error else None, result, time.time(), state, job_id),
            )
        return state

    def _spare_path(self, job_id: str) -> Path:
        return self._folder / "jobs" / f"{job_id}.spare"

    @contextmanager
    def _spare(self, job_id: str) -> Iterator[None]:
        """Some room on the disk while the job runs."""
        path = self._spare_path(job_id)
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(SPARE_BYTES))
            yield
        finally:
            path.unlink(missing_ok=True)

    def _get(self, db: sqlite3.Connection, job_id: str) -> Job:
        row = db.execute("SELECT * FROM jobs WHERE id=?", (job_id,)).fetchone()
        if row is None:
            raise self._unknown(job_id)
        return _job(dict(row), self._folder)

    def _unknown(self, job_id: str) -> UserError:
        return UserError(
            f"There is no job {job_id!r} in {self._folder.name}.", "", "Run `datablame status` for the jobs there are."
        )

    def _reap(self, db: sqlite3.Connection) -> None:
        """Mark as interrupted every job that says it runs but whose process is gone, and queued ones that never
        started."""
        for row in db.execute("SELECT * FROM jobs WHERE state IN ('queued','running')").fetchall():
            if _ended(dict(row)):
                db.execute(
                    "UPDATE jobs SET state='interrupted', finished_s=?, message=? WHERE id=?",
                    (row["heartbeat_s"] or time.time(), GONE, row["id"]),
                )


class _Listener:
    """Writes the progress of the running job, and learns of a cancel."""

    def __init__(self, path: Path, job_id: str, beating: heart.Heart) -> None:
        self._path, self._id, self._beating = path, job_id, beating

    def told(self, done: float, total: float, message: str) -> None:
        """One step: ``Cancelled`` when the user asked to stop, another process ended the job, or the project is
        gone."""
        self._beating.stepped()
        fraction = min(done / total, 1.0) if total else 0.0
        try:
            with connect(self._path, "write") as db:
                db.execute(
                    "UPDATE jobs SET fraction=?, message=?, heartbeat_s=? WHERE id=? AND state='running'",
                    (fraction, message, time.time(), self._id),
                )
                row = db.execute("SELECT cancel, state FROM jobs WHERE id=?", (self._id,)).fetchone()
        except UserError:
            if not self._path.is_file():
                raise Cancelled from None
            return  # a disk that is full or a ledger in use loses this line of progress, not the work
        if row is None or row["cancel"] or row["state"] != "running":
            raise Cancelled


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM unwinds as Ctrl+C does, so that nothing half-made stays; only a main thread can hear it. Said again, it
    does not unwind what unwinds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt  # no handler of errors on the way takes it for one

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _job(row: dict[str, Any], folder: Path) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        config=_read(row["config"]),
        state=row["state"],
        fraction=row["fraction"],
        message=row["message"],
        error=_read(row["error"], what="How it failed can no longer be read.", why="", do="") if row["error"] else None,
        result=row["result"],
        created_s=row["created_s"],
        started_s=row["started_s"],
        finished_s=row["finished_s"],
        heartbeat_s=row["heartbeat_s"],
        resumed_at=row["resumed_at"],
        pid=row["pid"],
        folder=folder,
        stopping=bool(row["cancel"]) and row["state"] == "running",
        beat=heart.read(folder / "jobs" / f"{row['id']}.beat") if row["state"] == "running" else None,
    )


def _read(text: str, **otherwise: str) -> dict[str, Any]:
    """JSON of a row; of a broken one ``otherwise``, so that the other jobs can still be listed."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return {**otherwise, **found} if isinstance(found, dict) else dict(otherwise)


def _me() -> tuple[int, float | None, str]:
    """Process number, start and machine of this process, as a job's row holds them."""
    return os.getpid(), alive.started(os.getpid()), alive.boot()


def _ended(row: dict[str, Any]) -> bool:
    """Whether a row says queued or running and its process (of a queued job: the one that is to start it) is gone."""
    if row["state"] == "queued" and row["pid"] is None:
        return bool(time.time() - row["heartbeat_s"] > STALE_S)
    return row["state"] in ACTIVE and not _alive(row)


def _alive(row: dict[str, Any]) -> bool:
    """Whether the job's process is the one that claimed it, and not a zombie or another with the same number."""
    return alive.alive(row["pid"], row["process_start"], row["boot"])
