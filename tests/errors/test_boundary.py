"""What the machine does ends in words, whoever asks; a bug keeps its traceback."""

import errno
import os
import sqlite3
import sys

import numpy as np
import pytest

from attribution.errors import UserError, boundary
from attribution.errors.boundary import in_words
from attribution.storage import files


def met_by(call):
    """The exception that a call ends with."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def system(number, path="/data/x.bin"):
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG]
)
def test_errors_of_the_system_name_the_path_and_a_way_out(number):
    said = in_words(system(number))
    assert "x.bin" in said.what
    assert said.why
    assert said.do


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EXDEV, errno.ENOLCK])
def test_other_errors_of_the_system_are_said_too(number):
    assert in_words(system(number)).what


def test_a_path_that_is_not_there_says_where_it_goes_wrong(tmp_path):
    missing = tmp_path / "no" / "such" / "file.csv"
    with pytest.raises(OSError, match="No such") as met:
        missing.read_text()
    said = in_words(met.value)
    assert str(missing) in said.what
    assert f"{tmp_path} is there, no is not in it" in said.do


def test_real_errors_of_real_calls(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "loop", tmp_path / "file" / "below", tmp_path / ("n" * 300), tmp_path):
        assert in_words(met_by(path.read_text)).what


@pytest.mark.parametrize(
    "message", ["[enforce fail at inline_container.cc:603] . unexpected pos 73344 vs 73232", "... (os error 28)"]
)
def test_a_full_disk_is_known_by_what_libraries_say(message, tmp_path):
    assert "disk is full" in in_words(RuntimeError(message), tmp_path / "weights.pt").what

    def write():
        with files.whole_file(tmp_path / "weights.pt") as temporary:
            temporary.write_text("half")
            raise RuntimeError(message)

    with pytest.raises(UserError, match=r"disk is full: weights\.pt"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_memory_is_said():
    with pytest.raises(MemoryError) as met:
        np.empty(1 << 60, dtype=np.uint8)
    assert "Memory ran out" in in_words(met.value).what
    import torch

    assert "Memory ran out" in in_words(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")).what
    assert "Memory ran out" in in_words(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")).what


def met_by_sqlite(path, *statements):
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    error = met_by(lambda: [db.execute(statement) for statement in statements])
    db.close()
    return in_words(error, path)


def test_sqlite_in_words(tmp_path):
    path = tmp_path / "project.db"
    path.write_bytes(b"no database" * 100)
    assert "is damaged" in met_by_sqlite(path, "SELECT * FROM sqlite_master").what
    path.unlink()
    assert (
        "disk is full"
        in met_by_sqlite(path, "PRAGMA max_page_count=2", "CREATE TABLE a (b)", "CREATE TABLE c (d)").what
    )
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "in use by another process" in met_by_sqlite(path, "CREATE TABLE e (f)").what
    other.close()
    assert "may not be written" in met_by_sqlite(path, "PRAGMA query_only=1", "CREATE TABLE e (f)").what


def test_a_database_that_is_gone(tmp_path):
    with pytest.raises(sqlite3.Error) as met:
        sqlite3.connect(tmp_path / "no" / "project.db")
    assert "is not there" in in_words(met.value, tmp_path / "no" / "project.db").what


def test_damaged_files_of_libraries(tmp_path):
    import pyarrow.parquet
    import safetensors.numpy

    (tmp_path / "x").write_bytes(b"PAR1 and nothing else")
    for read in (pyarrow.parquet.read_table, safetensors.numpy.load_file):
        assert str(tmp_path) in in_words(met_by(lambda read=read: read(tmp_path / "x")), tmp_path).what


@pytest.mark.parametrize(
    "bug",
    [
        ZeroDivisionError("x"),
        KeyError("No space left"),
        ValueError("bad"),
        RuntimeError("shapes"),
        sqlite3.IntegrityError("NOT NULL"),
    ],
)
def test_a_bug_stays_a_bug(bug):
    assert in_words(bug) is None


def test_a_user_error_passes_unchanged():
    error = UserError("a", "b", "c")
    assert in_words(error) is error


def test_the_command_line_ends_with_status_2_for_the_machine_and_a_traceback_for_a_bug(monkeypatch, capsys):
    from attribution import __main__

    monkeypatch.setattr(sys, "argv", ["datablame", "status"])
    for error, status in ((system(errno.EROFS), 2), (MemoryError(), 2), (ZeroDivisionError("oh"), None)):

        def fail(error=error):
            raise error

        monkeypatch.setattr(__main__, "cli", fail)
        if status is None:
            with pytest.raises(ZeroDivisionError):
                __main__.main()
        else:
            with pytest.raises(SystemExit) as stop:
                __main__.main()
            assert stop.value.code == status
            assert capsys.readouterr().err.count("\n") == 3


def test_how_much_is_left_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(boundary, "_free_bytes", lambda path: 1.5e6)
    assert "1.5 MB are left" in boundary.full(tmp_path / "x").what
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    (tmp_path / "project.db").touch()
    assert "cannot be opened or read (disk I/O error)" in in_words(error, tmp_path / "project.db").what
    monkeypatch.setattr(boundary, "_free_bytes", lambda path: 0.0)
    assert "disk is full" in in_words(error, tmp_path / "project.db").what
