"""One maker at a time, over processes, and nothing left when one is killed."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.storage import locks
from attribution.storage.locks import alone, alone_or_refused


def holder(path):
    program = (
        "import time; from pathlib import Path; from attribution.progress import Progress; from "
        f"attribution.storage.locks import alone\nwith alone(Path({str(path)!r}), Progress()):\n    print('held', "
        "flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_waits_says_for_whom_and_can_be_cancelled(tmp_path):
    other, told = holder(tmp_path / "a.lock"), []

    def listen(done, total, message):
        told.append(message)
        raise Cancelled

    with pytest.raises(Cancelled), alone(tmp_path / "a.lock", Progress(listen)):
        pass
    assert told == [f"process {other.pid} does the same; waiting for it"]
    with (
        pytest.raises(UserError, match=f"project x is being made by process {other.pid}"),
        alone_or_refused(tmp_path / "a.lock", "The project x"),
    ):
        pass
    other.kill()
    other.communicate()
    with alone_or_refused(tmp_path / "a.lock", "x"):  # the system lets the lock of a dead process go
        pass
    assert list(tmp_path.iterdir()) == []


def test_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "POLL_S", 0.001)
    inside, most = [], []

    def work():
        for _ in range(30):
            with alone(tmp_path / "a.lock", Progress()):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 120
    assert max(most) == 1


@pytest.mark.parametrize("number", sorted(locks.NOT_HERE))
def test_where_nothing_can_be_written_finished_results_can_still_be_found(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    ran = []
    with alone(tmp_path / "a.lock", Progress()):
        ran.append(1)
    assert ran == [1]


def test_a_file_system_without_locks_goes_on_without(tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(locks.NO_LOCKS[0], "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone(tmp_path / "a.lock", Progress()):
        pass


def test_a_killed_holder_s_file_does_not_stay_in_the_way(tmp_path):
    other = holder(tmp_path / "a.lock")
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    assert (tmp_path / "a.lock").exists()
    with alone(tmp_path / "a.lock", Progress()):
        assert (tmp_path / "a.lock").read_text() == str(os.getpid())
