"""Processes by number and start, on Linux by the kernel's ticks and elsewhere by psutil."""

import os
import subprocess
import sys

from attribution.jobs import heart
from attribution.storage import alive


def test_this_process_lives_and_another_start_is_another_process():
    start = alive.started(os.getpid())
    assert alive.alive(os.getpid(), start, alive.boot())
    assert not alive.alive(os.getpid(), start - 1, alive.boot())
    assert not alive.alive(os.getpid(), start, "another boot")
    assert not alive.alive(None, start, alive.boot())


def test_a_name_with_brackets_and_blanks_is_read(tmp_path):
    program = "import ctypes; ctypes.CDLL(None).prctl(15, b') Z 1 (', 0, 0, 0); print('x', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    assert alive.started(child.pid) >= alive.started(os.getpid())
    child.communicate(b"\n")
    assert alive.started(child.pid) is None


def test_without_proc_psutil_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(alive, "PROC", tmp_path)
    alive.boot.cache_clear()
    assert alive.started(os.getpid()) == alive.started(os.getpid())
    assert alive.alive(os.getpid(), alive.started(os.getpid()), alive.boot())
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    assert alive.started(child.pid) is not None
    child.wait()
    assert alive.started(child.pid) is None
    alive.boot.cache_clear()


def test_a_beat_of_another_start_of_the_machine_or_none_says_nothing(tmp_path):
    assert heart.read(tmp_path / "x") is None
    (tmp_path / "x").write_text("other 1.0 1.0 1.0")
    assert heart.read(tmp_path / "x") is None
    (tmp_path / "x").write_text("half")
    assert heart.read(tmp_path / "x") is None
