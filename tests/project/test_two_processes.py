"""Two processes on one folder: one works, the other waits or says so, and both end with the same result."""

import os
import subprocess
import sys
import zipfile

import pytest

from attribution import DataConfig, ModelConfig, Project
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project import home as homes


def datablame(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "attribution", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_one_training_asked_for_twice(bare_project):
    both = [datablame("train", "-p", bare_project.folder, "--epochs", 40, "--device", "cpu") for _ in range(2)]
    ended = [said(process) for process in both]
    assert [status for status, _, _ in ended] == [0, 0], ended
    assert ended[0][1] == ended[1][1]
    assert len(bare_project.runs()) == 1
    assert not list(bare_project.folder.glob("runs/.*"))
    assert not list(bare_project.folder.rglob("*.tmp"))


def test_two_searches_at_once(tiny_project):
    both = [
        datablame("flag", "-p", tiny_project.folder, "--folds", 2, "--cases", 5, "--device", "cpu") for _ in range(2)
    ]
    ended = [said(process) for process in both]
    assert [status for status, _, _ in ended] == [0, 0], ended
    assert ended[0][1].splitlines()[-1] == ended[1][1].splitlines()[-1]


def test_two_new_of_one_name(digits, tmp_path):
    both = [datablame("new", "twin", "--path", digits[0]) for _ in range(2)]
    ended = sorted(said(process) for process in both)
    assert [status for status, _, _ in ended] == [0, 2], ended
    assert "twin" in ended[1][2]
    assert "Traceback" not in ended[1][2]
    assert os.listdir(homes.home()) == ["twin"]
    assert Project.open("twin").info.counts["train"] == 240


def test_what_a_killed_maker_left_is_no_project_and_is_cleared(digits):
    left = homes.home() / ".shoes.0123abcd.building"
    left.mkdir(parents=True)
    (left / "project.json").write_text("{}")
    other = homes.home() / ".shoes.new.0123abcd.building"
    other.mkdir()
    assert homes.list_projects() == []
    Project.create("shoes", DataConfig(path=str(digits[0])))
    assert homes.list_projects() == ["shoes"]
    assert not left.exists()
    assert other.exists()  # of a project called shoes.new


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/..", ".hidden", "a\0b", "n" * 300, "ü" * 110])
def test_names_that_cannot_be_a_project_s(digits, name):
    with pytest.raises(UserError, match="name"):
        Project.create(name, DataConfig(path=str(digits[0])))
    assert not homes.home().exists() or os.listdir(homes.home()) == []


def test_a_sample_killed_while_it_is_unpacked_is_made_anew(monkeypatch, digits, tmp_path):
    class Killed(BaseException):
        pass

    def die(self, path):
        raise Killed

    with zipfile.ZipFile(tmp_path / "prebuilt.zip", "w") as packed:
        packed.writestr("runs/note.txt", "finished")
    make = (
        DataConfig(path=str(digits[0])),
        ModelConfig("logistic"),
        None,
        False,
        Progress(),
        None,
        [tmp_path / "prebuilt.zip"],
    )
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extractall", die)
        with pytest.raises(Killed):
            homes.create("moons-sample", *make)
    assert os.listdir(homes.home()) == []
    assert (homes.create("moons-sample", *make) / "runs" / "note.txt").read_text() == "finished"
