"""Jobs: claimed once, cancelled cooperatively, found dead when their process is gone, resumed."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from attribution.config import TrainConfig
from attribution.errors import UserError
from attribution.jobs import JobBoard
from attribution.storage import database


@pytest.fixture
def board(tmp_path, monkeypatch):
    database.create(tmp_path / "project.db")
    board = JobBoard(tmp_path)
    monkeypatch.setattr(board, "start", lambda job_id: None)  # the tests run the work themselves
    return board


def steps(count, result="made", pause_s=0.0):
    def work(job, progress):
        for step in range(count):
            progress.update(step + 1, count, f"step {step + 1}")
            time.sleep(pause_s)
        return result

    return work


def test_a_job_runs_once_and_records_its_result(board):
    job = board.submit("train", "Train", TrainConfig())
    assert job.state == "queued"
    assert board.run(job.id, steps(3)) == "done"
    assert board.run(job.id, steps(3, "again")) == "done"
    job = board.get(job.id)
    assert (job.state, job.fraction, job.result) == ("done", 1.0, "made")


def test_the_same_request_while_active_is_the_same_job(board):
    first = board.submit("train", "Train", TrainConfig())
    assert board.submit("train", "Train", TrainConfig()).id == first.id
    assert board.submit("train", "Train", TrainConfig(seed=1)).id != first.id


def test_a_user_error_ends_the_job_with_its_words(board):
    def work(job, progress):
        raise UserError("Row 17 is empty.", "It has no label.", "Fill it.")

    job = board.submit("train", "Train", TrainConfig())
    assert board.run(job.id, work) == "failed"
    assert board.get(job.id).error == {"what": "Row 17 is empty.", "why": "It has no label.", "do": "Fill it."}


def test_a_bug_is_recorded_and_still_crashes(board):
    def work(job, progress):
        raise ZeroDivisionError("oh")

    job = board.submit("train", "Train", TrainConfig())
    with pytest.raises(ZeroDivisionError):
        board.run(job.id, work)
    assert "ZeroDivisionError" in board.get(job.id).error["what"]


def test_cancel_stops_at_the_next_step_and_resume_queues_again(board):
    job = board.submit("train", "Train", TrainConfig())
    thread = threading.Thread(target=board.run, args=(job.id, steps(200, pause_s=0.02)))
    thread.start()
    while board.get(job.id).fraction == 0:
        time.sleep(0.02)
    board.cancel(job.id)
    thread.join(10)
    stopped = board.get(job.id)
    assert stopped.state == "cancelled"
    assert 0 < stopped.fraction < 1
    assert board.resume(job.id).state == "queued"
    assert board.run(job.id, steps(2)) == "done"


def test_a_queued_job_is_cancelled_at_once(board):
    job = board.submit("train", "Train", TrainConfig())
    assert board.cancel(job.id).state == "cancelled"
    assert board.run(job.id, steps(2)) == "cancelled"


def test_a_killed_process_is_found_out_and_resumed(board, tmp_path):
    job = board.submit("train", "Train", TrainConfig())
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from attribution.jobs import JobBoard

        def work(job, progress):
            progress.update(1, 2, "half")
            print("half", flush=True)
            time.sleep(60)

        JobBoard(Path({str(tmp_path)!r})).run({job.id!r}, work)
    """)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "half\n"
    assert board.get(job.id).state == "running"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = board.get(job.id)
    assert (found.state, found.fraction) == ("interrupted", 0.5)
    assert board.resume(job.id).state == "queued"
    assert board.run(job.id, steps(2)) == "done"


def test_time_left_counts_only_this_run_of_the_job(board):
    job = board.submit("train", "Train", TrainConfig())
    assert job.eta_s is None
    with database.write(board._db) as db:
        db.execute("UPDATE jobs SET state='running', started_s=?, fraction=0.75, resumed_at=0.5, pid=1, boot='x'", (time.time() - 10,))
        job = board._get(db, job.id)
    assert job.eta_s == pytest.approx(10, rel=0.05)


def test_an_unknown_job_is_named(board):
    with pytest.raises(UserError, match="'nope'"):
        board.get("nope")
