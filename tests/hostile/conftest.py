"""A small finished project for the corpus, made once and copied for each case."""

import shutil
from pathlib import Path

import numpy as np
import pytest


def write_table(path: Path, n: int = 120) -> None:
    """Two numbers and a yes or no that follows from them, three splits."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(n, 2)).round(3)
    label = np.where(x[:, 0] + x[:, 1] + 0.3 * chance.normal(size=n) > 0, "yes", "no")
    split = np.where(np.arange(n) < n * 0.6, "train", np.where(np.arange(n) < n * 0.75, "val", "test"))
    lines = [f"{a},{b},{c},{d}" for (a, b), c, d in zip(x, label, split, strict=True)]
    path.write_text("x1,x2,label,split\n" + "\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A finished project's folder: trained, searched for wrong labels, mapped, test samples scored, one edit."""
    from attribution import DataConfig, FlagConfig, MapConfig, ModelConfig, Project, ScoreConfig, TrainConfig

    folder = tmp_path_factory.mktemp("hostile")
    write_table(folder / "people.csv")
    data = DataConfig(path=str(folder / "people.csv"), split="split")
    recipe = TrainConfig(epochs=4, batch_size=16, lr=0.1, checkpoints=2, device="cpu")
    project = Project.create(folder / "people", data, ModelConfig("logistic"), recipe)
    project.drop([0], reason="odd")
    project.train()
    project.flag(FlagConfig(detectors=("loss", "aum"), cases=5, device="cpu"))
    project.embed(MapConfig(method="pca", device="cpu"))
    project.score(ScoreConfig(queries="test", device="cpu"))
    return project.folder


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home."""
    place = tmp_path / "projects"
    place.mkdir()
    monkeypatch.setenv("DATABLAME_HOME", str(place))
    return place


@pytest.fixture
def people(finished, home) -> Path:
    """A copy of the finished project, called people."""
    shutil.copytree(finished, home / "people")
    return home / "people"
