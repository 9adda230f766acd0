"""Disks that are full or can only be read: words, nothing half-made, nothing acknowledged lost, and on from there when
there is room."""

import json
import resource
import shutil
import sqlite3
import subprocess
import sys

import pytest
from disks import fill, read_only, small_disk
from hostile.harness import leftovers, run

from attribution import Project
from attribution.errors import UserError
from attribution.jobs.board import JobBoard
from attribution.storage import database

SAID = ("disk is full", "GB free", "MB are left")
WORK = {
    "train": ["train", "--epochs", 6, "--device", "cpu"],
    "score": ["score", "--queries", "val", "--device", "cpu"],
    "flag": ["flag", "--detectors", "loss", "--cases", 3, "--device", "cpu"],
    "map": ["map", "--space", "gradients", "--method", "pca", "--dims", 8, "--device", "cpu"],
    "leaks": ["leaks", "--influence", 0, "--device", "cpu"],
    "angles": ["angles", "--queries", "val", "--device", "cpu"],
    "edit": ["edit", "drop", "row-00005"],
}


@pytest.fixture
def disk(tmp_path, finished, monkeypatch):
    """A disk of two megabytes that is the home, with a finished project."""
    with small_disk(tmp_path / "disk", 2048) as place:
        monkeypatch.setenv("DATABLAME_HOME", str(place))
        shutil.copytree(finished, place / "people")
        yield place


def half_made(home):
    return [name for name in leftovers(home) if not name.endswith(("project.db-wal", "project.db-shm"))]


@pytest.mark.parametrize("left", [0, 5_000, 40_000])
@pytest.mark.parametrize("verb", WORK)
def test_work_on_a_full_disk(verb, left, disk):
    filler = fill(disk, left)
    status, said = run(*WORK[verb], "-p", "people")
    assert "Traceback" not in said
    assert status in (0, 2), said
    assert status == 0 or any(sign in said for sign in SAID), said
    assert status == 2 or left, "there was no room at all"
    assert half_made(disk) == []
    assert run("status", "-p", "people")[0] == 0
    filler.unlink()
    assert run(*WORK[verb], "-p", "people")[0] == 0
    assert half_made(disk) == []


def test_a_full_disk_can_be_looked_at_and_keeps_every_decision(disk):
    whole = run("status", "-p", "people")[1], run("edit", "list", "-p", "people")[1]
    fill(disk, 0)
    assert (run("status", "-p", "people")[1], run("edit", "list", "-p", "people")[1]) == whole
    project = Project.open("people")
    before = project.edits()
    with pytest.raises(UserError, match="disk is full"):
        project.drop([3])
    assert Project.open("people").edits().equals(before)


def test_decisions_until_the_disk_is_full_are_all_kept(disk):
    fill(disk, 150_000)
    project, kept = Project.open("people"), 0
    words = "evidence " * 400
    said = ""
    while not said and kept < 60:
        try:
            project.drop([kept + 1], reason=words)
            kept += 1
        except UserError as error:
            said = error.what
    assert "disk is full" in said
    assert kept
    assert len(Project.open("people").edits()) == kept + 1


@pytest.mark.parametrize("left", [0, 4_000, 60_000])
def test_new_on_a_full_disk_leaves_nothing(left, disk, finished):
    fill(disk, left)
    before = sorted(path.name for path in disk.iterdir())
    status, said = run("new", "more", "--path", finished.parent / "people.csv")
    assert status == 2, said
    assert any(sign in said for sign in SAID), said
    assert sorted(path.name for path in disk.iterdir()) == before


def test_pictures_on_a_full_disk_end_no_process(disk, tmp_path):
    """A memory map would be a bus error, and in the app the end of every session."""
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for i in range(40):
            Image.new("RGB", (64, 64), (i, 0, len(name))).save(tmp_path / "in" / name / f"{i}.png")
    fill(disk, 300_000)
    status, said = run("new", "pets", "--path", tmp_path / "in")
    assert status == 2
    assert any(sign in said for sign in SAID), said
    assert sorted(path.name for path in disk.iterdir()) == ["filler", "people"]


def test_a_job_that_fills_the_disk_says_so(disk):
    project = Project.open("people")
    board = JobBoard(project.folder)
    board.start = lambda job_id: None
    job = board.submit("train", "Train", project.train_config)

    def work(job, progress):
        fill(disk, 0)
        (project.folder / "runs" / "big.bin").write_bytes(bytes(100_000))
        return "never"

    assert board.run(job.id, work) == "failed"
    found = board.get(job.id)
    assert found.state == "failed"
    assert "disk is full" in found.error["what"]


@pytest.mark.parametrize("limit", [2_000, 20_000])
def test_a_quota_on_the_size_of_files(limit, people):
    """As where nothing can be mounted: no file may grow beyond so many bytes."""
    program = [sys.executable, "-m", "attribution", "train", "--epochs", "7", "--device", "cpu", "-p", str(people)]
    ended = subprocess.run(
        program,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert ended.returncode == 2, ended.stderr
    assert "disk is full" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert half_made(people) == []
    assert run("train", "--epochs", 7, "--device", "cpu", "-p", people)[0] == 0


def test_a_project_that_can_only_be_read_is_read(people):
    words = [["status"], ["edit", "list"]]
    whole = [run(*one, "-p", people)[1].replace(str(people), "*") for one in words]
    with read_only(people) as place:
        assert [run(*one, "-p", place)[1].replace(str(place), "*") for one in words] == whole
        for one in (
            ["edit", "drop", "row-00005"],
            ["train", "--epochs", 5],
            ["score", "--queries", "val"],
            ["edit", "undo", "--anyone"],
        ):
            status, said = run(*one, "-p", place)
            assert status == 2, said
            assert "read" in said, said
        project = Project.open(place)
        assert len(project.scores()) == 1
        assert project.jobs() == []
        with pytest.raises(UserError, match="may not be written"):
            project.submit("train")


def test_what_a_killed_writer_left_in_its_log_is_read_too(people):
    """The write-ahead log of a project on a read-only medium holds decisions that nobody can fold into the file."""
    writer = sqlite3.connect(people / "project.db", isolation_level=None)
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("INSERT INTO settings VALUES ('mood', ?)", (json.dumps("good"),))
    with read_only(people) as place:
        assert (place / "project.db-wal").stat().st_size
        with database.connect(place / "project.db") as db:
            assert db.execute("SELECT value FROM settings WHERE name='mood'").fetchone()["value"] == '"good"'
    writer.close()
