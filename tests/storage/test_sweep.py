"""Unfinished files: named after who writes them, and swept when that process is gone."""

import subprocess
import sys

import pytest

from attribution.storage import files


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    program = (
        f"import os, signal; from pathlib import Path; from attribution.storage.files import whole_file\n"
        f"with whole_file(Path({str(tmp_path)!r}) / 'deep' / 'x.npy') as path:\n    path.touch(); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    (left,) = (tmp_path / "deep").iterdir()
    others = [tmp_path / ".mine.tmp", tmp_path / "notes.tmp", tmp_path / ".x.npy.elsewhere.7.abcdef.tmp"]
    for path in others:
        path.touch()
    with files.whole_file(tmp_path / "y.npy") as mine:
        mine.touch()
        files.sweep(tmp_path)
        assert mine.exists()
    assert not left.exists()
    assert all(path.exists() for path in others)


def test_an_error_inside_leaves_neither(tmp_path):
    def write():
        with files.whole_file(tmp_path / "x.npy") as path:
            path.touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert list(tmp_path.iterdir()) == []
