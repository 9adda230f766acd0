"""Files of a project that are cut, changed, gone or another thing: words with the path, a damaged result never hides
the others."""

import json
import shutil

import numpy as np
import pytest

from attribution import DataConfig, FlagConfig, ModelConfig, Project, ScoreConfig, TrainConfig
from attribution.errors import UserError
from attribution.storage import database, sums


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a small project with a run, a search and scores."""
    folder = tmp_path_factory.mktemp("damage")
    chance = np.random.default_rng(0)
    rows = [f"{k + chance.normal():.3f},{chance.normal():.3f},{'abc'[k]}" for k in np.arange(60) % 3]
    (folder / "data.csv").write_text("\n".join(["x,y,label", *rows]))
    project = Project.create(
        folder / "made",
        DataConfig(path=str(folder / "data.csv")),
        ModelConfig(name="mlp", width=4),
        TrainConfig(epochs=2, device="cpu"),
    )
    project.train()
    project.flag(FlagConfig(device="cpu"))
    project.score(ScoreConfig(estimator="ip", queries="test", k=5, device="cpu"))
    return folder / "made"


@pytest.fixture
def project(made, tmp_path):
    """A copy of it that may be damaged."""
    shutil.copytree(made, tmp_path / "mine")
    return Project.open(tmp_path / "mine")


def one(project, pattern):
    (path, *_) = sorted(project.folder.glob(pattern))
    return path


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """Change one bit in the middle of the values."""
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)


def test_a_whole_project_has_nothing_damaged_and_keeps_the_checksum_of_each_of_its_arrays(project):
    assert project.damaged() == []
    for pattern in ("runs/*", "flags/*", "scores/*", "data"):
        folder = one(project, pattern)
        described = json.loads((folder / ("dataset.json" if pattern == "data" else "config.json")).read_text())
        assert described["checksums"] == sums.of_folder(folder)
        assert described["checksums"]


@pytest.mark.parametrize(
    "name", ["config.json", "metrics.parquet", "dynamics.parquet", "probabilities.npy", "representation.npy"]
)
@pytest.mark.parametrize(
    "damage", [cut, lambda path: path.write_bytes(b""), lambda path: path.unlink()], ids=["cut", "empty", "gone"]
)
def test_a_damaged_run_is_listed_and_the_project_still_opens(project, name, damage):
    path = one(project, f"runs/*/{name}")
    damage(path)
    if name == "config.json" and not path.exists():
        assert project.runs() == []  # a folder without one is unfinished, and is trained on
        return
    assert project.runs() == []
    (error,) = project.damaged()
    assert str(path) in error.what
    assert "remove the folder" in error.do
    assert len(project.flags().detectors) > 0


@pytest.mark.parametrize("content", ["{", "{}", "[]", "\x00", '{"run": "x"}'])
def test_a_description_that_says_nothing_is_listed(project, content):
    one(project, "scores/*/config.json").write_text(content)
    assert project.scores() == []
    assert [error.what for error in project.damaged() if "config.json" in error.what]
    assert project.run is not None


@pytest.mark.parametrize(
    "pattern", ["scores/*/summary.parquet", "scores/*/shards/*.safetensors", "flags/*/neighbors.npy"]
)
def test_a_result_that_is_cut_in_half_is_passed_over(project, pattern):
    cut(one(project, pattern))
    kind = pattern.split("/")[0]
    assert (project.scores() if kind == "scores" else project.flags()) in ([], None)
    assert len(project.damaged()) == 1


@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        ("runs/*/checkpoints/*2.safetensors", lambda project: project.run.model(-1, project.dataset)),
        ("runs/*/probabilities.npy", lambda project: project.predictions()),
        ("data/inputs.npy", lambda project: project.dataset.tensor([0])),
        ("data/samples.parquet", lambda project: project.samples),
        ("scores/*/shards/*.safetensors", lambda project: project.scores()[0].matrix()),
        ("flags/*/neighbors.npy", lambda project: project.flags().neighbors),
    ],
)
def test_a_flipped_bit_is_noticed_where_the_file_is_read(project, pattern, read):
    path = one(project, pattern)
    flip(path)
    with pytest.raises(UserError, match="damaged") as caught:
        read(project)
    assert str(path) in caught.value.what
    assert caught.value.do


def test_files_without_a_checksum_are_accepted(project):
    path = one(project, "runs/*/config.json")
    config = json.loads(path.read_text())
    del config["checksums"]
    path.write_text(json.dumps(config))
    assert len(project.predictions()) == len(project.dataset)
    cut(path.with_name("probabilities.npy"))
    with pytest.raises(UserError, match=r"probabilities.npy is damaged"):
        project.predictions()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        cut,
        lambda path: np.save(path, np.zeros((3, 2), dtype=np.float32)),
        lambda path: np.save(path, np.array([{"a": 1}] * 60, dtype=object), allow_pickle=True),
    ],
    ids=["gone", "cut", "short", "objects"],
)
@pytest.mark.parametrize("old", [False, True])
def test_inputs_that_are_not_the_samples_are_refused(project, damage, old):
    described = project.folder / "data" / "dataset.json"
    if old:
        values = json.loads(described.read_text())
        values.pop("checksums")
        described.write_text(json.dumps(values))
    damage(project.folder / "data" / "inputs.npy")
    with pytest.raises(UserError, match=r"inputs.npy is (damaged|not there).*source"):
        project.dataset.tensor([0])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}'])
def test_a_dataset_that_is_not_described_is_refused(project, content):
    (project.folder / "data" / "dataset.json").write_text(content)
    with pytest.raises(UserError, match=r"dataset.json is damaged"):
        _ = project.labels


def test_settings_of_another_kind_say_which_file_holds_them(project):
    path = project.folder / "project.json"
    settings = json.loads(path.read_text())
    for part, value in (("train", {"epochs": "many"}), ("train", {"mood": 1}), ("model", {"width": -3})):
        path.write_text(json.dumps({**settings, part: value}))
        with pytest.raises(UserError, match=rf"project.json, '{part}': .*copy of the file"):
            _ = (Project.open(project.folder).train_config, Project.open(project.folder).model_config)


def test_a_job_whose_row_is_broken_does_not_hide_the_others(project):
    with database.write(project.folder / "project.db") as db:
        line = (
            "INSERT INTO jobs (id, kind, title, config, state, created_s, error) VALUES (?, 'train', 'Train', "
            "?, 'failed', 1, ?)"
        )
        db.execute(line, ("a", "{cut", "[]"))
        db.execute(line, ("b", '{"seed": 3}', '{"what": "no", "why": "", "do": ""}'))
    found = {job.id: job for job in project.jobs()}
    assert found["b"].error["what"] == "no"
    assert found["b"].config == {"seed": 3}
    assert "can no longer be read" in found["a"].error["what"]
