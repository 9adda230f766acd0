"""What leaves a project: whole or not at all, in words, and readable again."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from attribution import Project
from attribution.cli import cli
from attribution.datasets.load import import_data
from attribution.errors import UserError
from attribution.exporters import exporters
from attribution.settings.configs import DataConfig, ScoreConfig


def read(path):
    return {
        ".csv": lambda: pd.read_csv(path, dtype=str, keep_default_na=False),
        ".jsonl": lambda: pd.read_json(path, lines=True),
        ".parquet": lambda: pd.read_parquet(path),
    }[path.suffix]()


@pytest.fixture
def people(tmp_path, monkeypatch):
    """A table with an id, a split, a group and a label column of its own names, and three decisions."""
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    chance = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "who": [f"p{number}" for number in range(60)],
            "age": chance.integers(20, 60, 60),
            "town": [["Ulm", "Köln, alt", 'the "old" one'][number % 3] for number in range(60)],
            "sex": ["f", "m"] * 30,
            "left": np.repeat(["no", "yes"], 30)[chance.permutation(60)],
            "part": ["train"] * 40 + ["val"] * 10 + ["test"] * 10,
        }
    )
    table.to_csv(tmp_path / "people.csv", index=False)
    config = DataConfig(path=str(tmp_path / "people.csv"), label="left", id="who", split="part", group="sex")
    project = Project.create(tmp_path / "home" / "people", config)
    rows = project.dataset.rows_of(["p0", "p1"])
    project.relabel(rows, "yes", reason="asked them, twice", evidence={"rank": 3})
    project.drop(project.dataset.rows_of(["p2"]))
    return project, config, table


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_ledger_is_a_line_per_decision_the_oldest_first(people, tmp_path, suffix):
    project, _, _ = people
    found = read(project.export("ledger", tmp_path / f"ledger{suffix}"))
    assert list(found["action"]) == ["relabel", "relabel", "drop"]
    assert list(found["sample"]) == ["p0", "p1", "p2"]
    assert found["new"].iloc[0] == "yes"
    assert found["reason"].iloc[0] == "asked them, twice"
    evidence = found["evidence"].iloc[0]
    assert (json.loads(evidence) if isinstance(evidence, str) else evidence) == {"rank": 3}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_corrected_table_is_read_again_with_the_same_settings(people, tmp_path, suffix):
    project, config, table = people
    path = project.export("dataset", tmp_path / f"corrected{suffix}")
    again = import_data(DataConfig(**{**vars(config), "path": str(path)}), tmp_path / "again", "again")
    wanted = table[table["who"] != "p2"].set_index("who")
    wanted.loc[["p0", "p1"], "left"] = "yes"
    assert set(again.ids) == set(wanted.index)
    labels = dict(zip(again.ids, again.task.targets.words(again.labels), strict=True))
    assert labels == wanted["left"].to_dict()
    lines = again.samples.set_index("id").loc[wanted.index]
    assert list(lines["col:age"]) == list(wanted["age"])
    assert list(lines["col:town"]) == list(wanted["town"])
    assert list(lines["group"]) == list(wanted["sex"])
    assert list(lines["split"]) == list(wanted["part"])


def test_corrected_pictures_are_a_metadata_table_beside_them(tmp_path, monkeypatch):
    import shutil

    from PIL import Image

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    chance = np.random.default_rng(1)
    for name in ("boots", "shoes"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = chance.integers(0, 255, (9, 9, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number:02}.png")
    project = Project.create(tmp_path / "home" / "photos", DataConfig(path=str(tmp_path / "photos")))
    first = str(project.dataset.ids[0])
    other = {"boots": "shoes", "shoes": "boots"}[first.split("/")[0]]
    project.relabel([0], other)
    project.drop([1])
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "photos", copy)
    project.export("dataset", copy / "metadata.csv")
    again = import_data(DataConfig(path=str(copy)), tmp_path / "again", "again")
    assert set(again.ids) == set(project.dataset.ids) - {str(project.dataset.ids[1])}
    row = int(again.rows_of([first])[0])
    assert again.task.targets.words(again.labels)[row] == other
    assert again.split_of(row) == "train"


def test_scores_are_the_strongest_samples_of_every_query(tiny_project, tmp_path):
    with pytest.raises(UserError, match="no score run"):
        tiny_project.export("scores", tmp_path / "none.csv", score="nothing-like-it")
    score = tiny_project.score(ScoreConfig(queries="test-00003,test-00004", k=3, device="cpu"))
    found = read(tiny_project.export("scores", tmp_path / "scores.parquet", score=score.id))
    assert set(found["query"]) == {"test-00003", "test-00004"}
    first = found[found["query"] == "test-00003"]
    top = score.top(0)
    assert list(first[first["side"] == "helped"]["sample"]) == [
        str(tiny_project.dataset.ids[row]) for row in top[top["side"] == 1]["row"]
    ]
    assert (found["estimator"] == "ip").all()


def test_files_appear_whole_or_not_at_all_and_nothing_is_written_over(people, tmp_path, monkeypatch):
    project, _, _ = people
    path = project.export("ledger", tmp_path / "out" / "ledger.csv")
    with pytest.raises(UserError, match="there already"):
        project.export("ledger", path)
    with pytest.raises(UserError, match="ends in"):
        project.export("ledger", tmp_path / "ledger.xlsx")
    with pytest.raises(UserError, match="no exporter called"):
        project.export("picture", tmp_path / "x.csv")
    with pytest.raises(UserError, match="speed is no setting"):
        project.export("scores", tmp_path / "x.csv", speed=3)
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda self, path, **how: (path.write_text("half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        project.export("ledger", tmp_path / "out" / "second.csv")
    assert [one.name for one in path.parent.iterdir()] == ["ledger.csv"]


def test_the_verb_lists_and_writes(people, tmp_path, monkeypatch):
    project, _, _ = people
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cli, ["export"])
    assert all(name in said.output for name in exporters.names())
    done = CliRunner().invoke(cli, ["export", "dataset", "-p", str(project.folder)])
    assert done.exit_code == 0, done.output
    assert len(read(tmp_path / "corrected.csv")) == 59
    bad = CliRunner().invoke(cli, ["export", "scores", "-p", str(project.folder), "--set", "score"])
    assert "no '='" in bad.exception.what


@pytest.mark.parametrize("name", exporters.names())
def test_words(name):
    item = exporters.get(name)
    assert item.title
    assert item.summary
    assert item.file.endswith(item.formats)
