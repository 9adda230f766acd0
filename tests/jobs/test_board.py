"""Jobs: claimed once, cancelled cooperatively, found dead when their process is gone, resumed."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from attribution.errors import UserError
from attribution.jobs.board import JobBoard
from attribution.settings.configs import TrainConfig
from attribution.storage import alive, database


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


class Worker:
    """A job in a process of its own that says "half" and then does something for a long time."""

    def __init__(self, folder, job_id, then="time.sleep(60)"):
        program = textwrap.dedent(f"""
            import os, signal, subprocess, sys, time
            from pathlib import Path
            from attribution.jobs import heart
            from attribution.jobs.board import JobBoard

            heart.EVERY_S, heart.LEAVE_S = 0.05, 0.5

            def work(job, progress):
                progress.update(1, 2, "half")
                print("half", flush=True)
                {then}
                return "made"

            print(JobBoard(Path({str(folder)!r})).run({job_id!r}, work), flush=True)
        """)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout.readline() == "half\n"

    def ended(self):
        said = self.process.communicate(timeout=60)[0]
        return self.process.returncode, said.strip()


@pytest.fixture
def worker(board, tmp_path):
    made = []

    def start(then="time.sleep(60)"):
        job = board.submit("train", "Train", TrainConfig())
        made.append(Worker(tmp_path, job.id, then))
        return job, made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.communicate()


def test_a_killed_process_is_found_out_and_resumed(board, worker):
    job, running = worker()
    assert board.get(job.id).state == "running"
    os.kill(running.process.pid, signal.SIGKILL)
    running.ended()
    found = board.get(job.id)
    assert (found.state, found.fraction) == ("interrupted", 0.5)
    assert board.resume(job.id).state == "queued"
    assert board.run(job.id, steps(2)) == "done"


def test_a_zombie_is_dead(board, worker):
    job, running = worker()
    os.kill(running.process.pid, signal.SIGKILL)
    until(lambda: board.get(job.id).state == "interrupted")  # nobody has waited for it yet


def test_a_clock_that_is_set_hides_no_job_and_makes_no_second_one(board, worker, monkeypatch):
    import psutil

    job, _ = worker()
    real, made = time.time, psutil.Process.create_time
    for jump in (3600.0, -86400.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        monkeypatch.setattr(psutil.Process, "create_time", lambda self, jump=jump: made(self) + jump)
        found = board.get(job.id)
        assert found.state == "running"
        assert found.trouble == ""
        assert 0 <= found.elapsed_s < 60
        assert board.resume(job.id).state == "running"
    assert len(board.list()) == 1


def test_a_clock_that_is_set_while_a_job_waits_for_its_process_does_not_end_it(board, monkeypatch):
    job = board.submit("train", "Train", TrainConfig())
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86400)
    assert board.get(job.id).state == "queued"


def test_a_queued_job_whose_process_died_before_it_began_is_interrupted(board):
    job = board.submit("train", "Train", TrainConfig())
    with database.write(board._db) as db:
        db.execute("UPDATE jobs SET pid=?, process_start=1", (2**22 - 1,))
    assert board.get(job.id).state == "interrupted"


def test_a_process_that_cannot_be_started_is_said_and_the_job_says_so(tmp_path, monkeypatch):
    database.create(tmp_path / "project.db")
    board = JobBoard(tmp_path)

    def refuse(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(UserError, match="No more processes"):
        board.submit("train", "Train", TrainConfig())
    assert "No more processes" in board.list()[0].error["what"]


def until(true):
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("attribution.jobs.board.SILENT_S", 0.5)


def test_a_stopped_process_is_said_and_ended(board, worker, impatient):
    job, running = worker()
    os.kill(running.process.pid, signal.SIGSTOP)
    until(lambda: "not answering" in board.get(job.id).trouble)
    assert board.get(job.id).state == "running"
    assert board.cancel(job.id).stopping
    assert board.resume(job.id).state == "running"
    ended = board.kill(job.id, grace_s=20.0)
    assert ended.state == "cancelled"
    assert running.ended() == (0, "cancelled")  # SIGTERM unwinds
    assert board.resume(job.id).state == "queued"


STOPPED = """
import signal, threading, time

def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, stop)
threading.Thread(target=lambda: threading.Event().wait(60), daemon=True).start()
try:
    print("asleep", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("heard", flush=True)
"""


@pytest.mark.parametrize("again", range(4))
def test_a_stopped_process_hears_its_end_whichever_thread_takes_the_signal(again):
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "asleep\n"
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGSTOP)
    assert alive.end(process.pid, grace_s=20.0)
    assert process.communicate() == ("heard\n", None)


def test_hung_work_is_told_apart_from_a_process_that_is_stopped(board, worker, impatient, monkeypatch):
    monkeypatch.setattr("attribution.jobs.board.STILL_S", 0.5)
    job, running = worker("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    until(lambda: "no step" in board.get(job.id).trouble)
    assert board.get(job.id).beat.silent_s < 30
    assert board.kill(job.id, grace_s=0.2).state == "cancelled"
    assert running.ended()[0] == -signal.SIGKILL
    assert "Ended by a signal" in board.get(job.id).message


def test_the_whole_group_is_ended(board, worker, tmp_path):
    then = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid)); time.sleep(60)"
    job, _ = worker(then)
    until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    board.kill(job.id, grace_s=0.1)
    child = int((tmp_path / "pid").read_text())
    until(lambda: alive.started(child) is None)


def test_a_job_that_hears_is_not_signalled(board, worker):
    job, running = worker("[(progress.update(1, 2 + i, 'x'), time.sleep(0.25)) for i in range(200)]")
    assert board.kill(job.id, grace_s=20).message != "Ended by a signal; what it finished is kept."
    assert running.ended() == (0, "cancelled")


def test_a_queued_or_ended_job_is_only_cancelled(board):
    job = board.submit("train", "Train", TrainConfig())
    assert board.kill(job.id).state == "cancelled"
    assert board.kill(job.id).state == "cancelled"


def test_a_job_in_this_process_is_not_shot_by_it(board):
    job = board.submit("train", "Train", TrainConfig())

    def work(job, progress):
        with pytest.raises(UserError, match="this very process"):
            board.kill(job.id)
        return "made"

    assert board.run(job.id, work) == "done"


@pytest.mark.parametrize("then", ["time.sleep(60)", "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
def test_a_project_that_is_deleted_ends_its_jobs_and_stays_deleted(board, worker, tmp_path, then):
    _, running = worker(then)
    for path in tmp_path.iterdir():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    status, said = running.ended()
    assert (status, said) in ((0, "gone"), (1, ""))
    assert list(tmp_path.iterdir()) == []


def test_work_that_steps_hears_that_its_project_is_gone(board, tmp_path):
    def work(job, progress):
        (tmp_path / "project.db").unlink()
        progress.update(2, 2, "more")
        return "made"

    job = board.submit("train", "Train", TrainConfig())
    assert board.run(job.id, work) == "gone"
    assert not (tmp_path / "project.db").exists()


def test_a_disk_that_fills_up_under_a_job_is_the_job_s_last_word(board, tmp_path):
    def work(job, progress):
        progress.update(1, 2, "writing")
        assert (tmp_path / "jobs" / f"{job.id}.spare").stat().st_size == 1 << 16
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "weights.bin"))

    job = board.submit("train", "Train", TrainConfig())
    assert board.run(job.id, work) == "failed"
    assert "disk is full: weights.bin" in board.get(job.id).error["what"]
    assert [path.suffix for path in (tmp_path / "jobs").iterdir()] == []


def test_progress_that_cannot_be_written_does_not_end_the_work(board, monkeypatch):
    from attribution.jobs import board as jobs

    def work(job, progress):
        def refuse(*_, **__):
            raise UserError("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(jobs, "connect", refuse)
            progress.update(1, 2, "half")
        return "made"

    job = board.submit("train", "Train", TrainConfig())
    assert board.run(job.id, work) == "done"


def test_jobs_of_a_project_that_may_only_be_read_are_shown_as_they_are(board, worker, monkeypatch):
    job, running = worker()
    os.kill(running.process.pid, signal.SIGKILL)
    running.ended()

    def refuse(*_, **__):
        raise UserError("It may not be written.")

    monkeypatch.setattr("attribution.jobs.board.write", refuse)
    assert [one.state for one in board.list()] == ["interrupted"]
    assert board.get(job.id).message.startswith("The process ended")


def test_time_left_counts_only_this_run_of_the_job(board):
    job = board.submit("train", "Train", TrainConfig())
    assert job.eta_s is None
    with database.write(board._db) as db:
        db.execute(
            "UPDATE jobs SET state='running', started_s=?, fraction=0.75, resumed_at=0.5, pid=1, boot='x'",
            (time.time() - 10,),
        )
        job = board._get(db, job.id)
    assert job.eta_s == pytest.approx(10, rel=0.05)


def test_an_unknown_job_is_named(board):
    with pytest.raises(UserError, match="'nope'"):
        board.get("nope")
