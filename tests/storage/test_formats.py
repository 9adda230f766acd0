"""A project of an earlier format opens with everything in it, after a backup; newer and damaged ones are refused in
words."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from attribution import Project
from attribution.datasets.dataset import DatasetInfo
from attribution.errors import UserError
from attribution.storage import database, formats, kept
from attribution.storage.states import State
from attribution.studies import named

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


@pytest.fixture
def old(tmp_path):
    """The folder of a project as format 0 wrote it."""
    with zipfile.ZipFile(GOLDEN / "format-0.zip") as packed:
        packed.extractall(tmp_path)
    return tmp_path / "golden"


@pytest.fixture(scope="module")
def expected():
    """What the version that wrote it said of it."""
    return json.loads((GOLDEN / "format-0.json").read_text())


def lines_of(edits: pd.DataFrame) -> list[dict]:
    return [
        {**line, "time": line["time"].isoformat(), "reverts": None if pd.isna(line["reverts"]) else line["reverts"]}
        for line in edits
    ]


def test_everything_of_an_old_project_reads_as_it_did(old, expected):
    project = Project.open(old)
    assert project.labels.version == expected["version"]
    assert project.dataset.base_version().version == expected["base_version"]
    assert project.labels.values.tolist() == expected["values"]
    assert project.labels.active.tolist() == expected["active"]
    assert {str(row): line for row, line in project.states().to_dict("index").items()} == expected["states"]
    assert lines_of(project.edits().to_dict("records")) == expected["edits"]
    assert project.run.id == expected["run"]
    assert project.run.metrics().to_dict("records")[-1] == expected["accuracy"]
    assert project.flags().id == expected["flags"]
    view = project.influence([expected["query"]], "ip", 5)
    assert view.helpful["id"].tolist() == expected["helpful"]
    assert view.harmful["id"].tolist() == expected["harmful"]
    assert [list(line) for line in project.selections()] == expected["selection"]
    assert [[named(job.kind).alias or job.kind, job.state, job.result] for job in project.jobs()] == expected["jobs"]


def test_the_old_ledger_is_backed_up_and_then_holds_words(old):
    before = sqlite3.connect(old / "project.db").execute("SELECT * FROM edits ORDER BY id").fetchall()
    Project.open(old)
    assert sqlite3.connect(old / "project.db.backup-0").execute("SELECT * FROM edits ORDER BY id").fetchall() == before
    with database.connect(old / "project.db") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == database.FORMAT
        words = {json.loads(row["new"])["label"] for row in db.execute("SELECT new FROM edits")}
        assert words == {"cat", "dog", "élan, grey"}
        assert kept.stored(db) == kept.worked_out(db)
        for statement in ("UPDATE edits SET sample='b'", "DELETE FROM edits"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    assert json.loads((old / "project.json").read_text())["format"] == database.FORMAT


def test_edits_go_on_in_an_old_project(old, expected):
    project = Project.open(old)
    (last, *_) = project.edits().to_dict("records")
    assert project.undo() == []  # all of it was decided by others
    (taken,) = project.undo(anyone=True)
    assert (taken.reverts, taken.new) == (last["id"], State("cat", True, "relabel"))
    project.redo()
    assert project.labels.version == expected["version"]
    project.relabel([5], "dog")
    assert project.sample_state(5).label == 1
    assert project.labels_at(expected["version"]).values.tolist() == expected["values"]
    assert project.labels_at(project.run.version).version == expected["base_version"]


def test_a_project_is_migrated_once(old):
    Project.open(old)
    Project.open(old)
    assert sorted(path.name for path in old.glob("project.db.*")) == ["project.db.backup-0"]


def test_a_migration_that_fails_changes_nothing(old):
    described = json.loads((old / "data" / "dataset.json").read_text())
    (old / "data" / "dataset.json").write_text(json.dumps({**described, "classes": ["cat"]}))
    with pytest.raises(UserError, match="cannot be brought to the format"):
        Project.open(old)
    (old / "data" / "dataset.json").write_text(json.dumps(described))
    assert len(Project.open(old).edits()) == 12


def test_a_migration_that_is_killed_leaves_the_old_ledger_and_is_done_at_the_next_opening(old):
    program = textwrap.dedent(f"""
        import os
        from attribution import Project
        from attribution.storage import kept
        kept.rebuild = lambda db: os.kill(os.getpid(), 9)
        Project.open({str(old)!r})
    """)
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    with database.connect(old / "project.db") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 0
        assert json.loads(db.execute("SELECT new FROM edits").fetchone()["new"])["label"] == 0
    assert len(Project.open(old).edits()) == 12
    assert Project.open(old).labels.version


def test_an_entry_of_a_sample_that_is_gone_does_not_hide_the_others(plain):
    with database.write(plain / "project.db") as db:
        db.execute(
            "INSERT INTO edits SELECT 13, time_s, author, 'ghost', action, old, new, '', '{}', 'b', NULL FROM "
            "edits WHERE id = 1"
        )
    edits = Project.open(plain).edits()
    assert edits["row"].tolist()[:2] == [-1, 0]
    assert len(edits) == 13


def test_an_older_program_cannot_write_numbers_into_a_new_ledger(old):
    Project.open(old)
    with database.connect(old / "project.db") as db, pytest.raises(sqlite3.IntegrityError, match="label words"):
        db.execute("INSERT INTO edits VALUES (99, 0, '', 'a', 'keep', '{}', '{\"label\": 1}', '', '{}', 'b', NULL)")


@pytest.fixture
def plain(old):
    """The folder of a small project of today's format."""
    Project.open(old)
    return old


def cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")


def other(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE edits (name TEXT)")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "project.db is not there.*every decision.*backup-0"),
        (lambda path: path.write_bytes(b""), "project.db is empty.*every decision"),
        (lambda path: cut(path, 5000), "project.db is damaged"),
        (lambda path: cut(path, path.stat().st_size - 4096), "project.db is damaged"),
        (lambda path: path.write_text("none of it " * 2000), "project.db is damaged"),
        (other, "project.db is damaged.*not a project's: it has no jobs"),
        (newer, "project.db has format 99.*Update"),
    ],
)
def test_a_database_that_is_no_longer_itself_is_refused_and_not_made_anew(plain, damage, words):
    path = plain / "project.db"
    damage(path)
    there = path.read_bytes() if path.exists() else None
    with pytest.raises(UserError, match=words):
        Project.open(plain)
    assert (path.read_bytes() if path.exists() else None) == there


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "project.json is damaged: it is empty"),
        (b"{", "project.json is damaged"),
        (b"[]", "project.json has no part 'data'"),
        ('{"data": {}, "model": {}, "train": {}}'.encode("utf-16"), "project.json is damaged"),
        (b'{"data": {}, "model": {}}', "project.json has no part 'train'"),
        (b'{"data": {}, "model": {}, "train": {}, "format": 99}', "project.json has format 99.*Update"),
        (b'{"data": {}, "model": {}, "train": {}, "format": "new"}', "project.json has format new.*Update"),
        (None, "project.json is damaged: it is a folder"),
    ],
)
def test_a_project_json_that_is_no_longer_itself_is_refused(plain, content, words):
    path = plain / "project.json"
    path.unlink()
    path.write_bytes(content) if content is not None else path.mkdir()
    with pytest.raises(UserError, match=words):
        Project.open(plain)


def test_a_dataset_that_a_newer_version_describes_is_refused_by_the_name_of_what_is_new(plain):
    path = plain / "data" / "dataset.json"
    values = json.loads(path.read_text())
    with pytest.raises(UserError, match=r"'licence'.*Update"):
        DatasetInfo.from_json({**values, "licence": "MIT"})
    values.pop("classes")
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"dataset.json is damaged"):
        _ = Project.open(plain).labels


def test_a_backup_keeps_the_earlier_ones(plain):
    assert formats.backup(plain / "project.db", 0).name == "project.db.backup-0-2"
    assert formats.backup(plain / "project.db", 0).name == "project.db.backup-0-3"
    shutil.copy(plain / "project.db.backup-0-2", plain / "project.db")
    assert len(Project.open(plain).edits()) == 12


def test_a_bundled_sample_keeps_the_data_version_that_its_results_were_made_for(tmp_path):
    """A version that changed would leave every run and result of today's projects unfound."""
    project = Project.sample("fashion", tmp_path / "fashion")
    version = project.labels.version
    assert project.run.version == version == project.dataset.base_version().version
    assert {score.version for score in project.scores()} == {version}
    assert project.damaged() == []
    project.drop([0])
    assert project.labels.version != version
    project.undo()
    assert project.labels.version == version
