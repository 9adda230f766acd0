"""Names of projects: what is refused, what is listed, and a sample that is there whole or not at all."""

import json

import pytest

from attribution import Project
from attribution.errors import UserError
from attribution.project import home as homes
from attribution.settings.configs import DataConfig, ModelConfig


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    (tmp_path / "t.csv").write_text("x,label\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    return DataConfig(path=str(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "a/..",
        ".hidden",
        "a\0b",
        "-p",
        "--help",
        " blank",
        "blank ",
        "two\nlines",
        "bell\x07",
        "x\u2028y",
        "half\ud800",
        "n" * 300,
    ],
)
def test_odd_names_are_refused_in_words_and_leave_nothing(here, name):
    with pytest.raises(UserError) as found:
        Project.create(name, here, ModelConfig("logistic"))
    assert found.value.do
    assert not homes.home().exists() or not list(homes.home().iterdir())


@pytest.mark.parametrize("name", ["two words", "名前", "a.b", "it's", "$x;y"])
def test_other_names_are_taken(here, name):
    assert Project.create(name, here, ModelConfig("logistic")).folder == homes.home() / name
    assert homes.list_projects() == [name]


def test_what_was_being_built_is_never_listed(here):
    Project.create("shoes", here, ModelConfig("logistic"))
    left = homes.home() / ".boots.0123abcd.building"
    left.mkdir()
    (left / "project.json").write_text("{}")
    assert homes.list_projects() == ["shoes"]


def test_a_sample_that_is_stopped_while_it_is_unpacked_is_made_again(tmp_path, monkeypatch):
    import zipfile

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    source = tmp_path / "samples" / "moons"
    source.mkdir(parents=True)
    (source / "t.csv").write_text("x,label\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    (source / "sample.json").write_text(json.dumps({"data": {"path": "t.csv"}, "model": {"name": "logistic"}}))
    with zipfile.ZipFile(source / "prebuilt.zip", "w") as packed:
        packed.writestr("maps/note.txt", "finished")
    monkeypatch.setattr(homes, "SAMPLE_DATA", tmp_path / "samples")
    whole = zipfile.ZipFile.extractall

    def stopped(self, path=None, *rest):
        whole(self, path, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "extractall", stopped)
    with pytest.raises(KeyboardInterrupt):
        Project.sample("moons")
    assert homes.list_projects() == []
    assert not (homes.home() / "moons-sample").exists()
    monkeypatch.setattr(zipfile.ZipFile, "extractall", whole)
    made = Project.sample("moons")
    assert (made.folder / "maps" / "note.txt").read_text() == "finished"
