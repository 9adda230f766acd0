"""Networks handed over from Python: their weights are kept and asked, another process reads the results and is told
what it lacks."""

import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from attribution.errors import UserError
from attribution.models.checkpoints import weights_hash
from attribution.project.project import Project
from attribution.settings.configs import ScoreConfig


def clouds(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    y = np.arange(n) % 3
    return (2 * np.eye(4)[y] + chance.normal(size=(n, 4))).astype(np.float32), np.array(list("abc"))[y]


def trained() -> nn.Module:
    """A network that knows the clouds."""
    torch.manual_seed(0)
    x, y = clouds()
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(np.array([ord(name) - 97 for name in y]))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), targets).backward()
        optimizer.step()
    return net


ELSEWHERE = """
import sys
from attribution.project.project import Project
from attribution.errors import UserError
from attribution.settings.configs import ScoreConfig

project = Project.open(sys.argv[1])
print(len(project.predictions()), project.run.loaded)
try:
    project.score(ScoreConfig(estimator="ip", queries="test"))
except UserError as error:
    print(error)
"""


def test_a_module_is_asked_with_its_own_weights_and_reopened_elsewhere(tmp_path):
    net = trained()
    project = Project.create(tmp_path / "mine", clouds(), net)
    run = project.run
    assert run.loaded
    assert weights_hash(run.model(dataset=project.dataset)) == weights_hash(net)
    assert any("weights that the module was handed over with" in line for line in project.first_look["said"])
    with torch.no_grad():
        for value in net.parameters():
            value.zero_()  # what is done to it afterwards is not the project's
    assert weights_hash(run.model(dataset=project.dataset)) != weights_hash(net)

    told = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(project.folder)], capture_output=True, text=True, check=True
    ).stdout
    assert "90 True" in told
    assert "'Sequential' was handed over from Python" in told
    assert "project.attach(model=net)" in told


def test_an_attached_module_answers_and_another_one_is_refused(tmp_path, monkeypatch):
    from attribution.models.sources import given

    net = trained()
    before = Project.create(tmp_path / "mine", clouds(), net).score(ScoreConfig(estimator="ip", queries="test"))
    monkeypatch.setattr(given, "_objects", {})
    project = Project.open(tmp_path / "mine")
    with pytest.raises(UserError, match="another network"):
        project.attach(nn.Linear(4, 3))
    untrained = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    project.attach(untrained)
    assert weights_hash(project.run.model(dataset=project.dataset)) == weights_hash(net)
    assert project.score(ScoreConfig(estimator="ip", queries="test")).id == before.id
    assert project.score(ScoreConfig(estimator="cosine", queries="test")).n_queries == before.n_queries


def test_a_function_is_trained_here_from_the_seed(tmp_path, monkeypatch):
    from attribution.models.sources import given

    def build(classes: int, shape: tuple[int, ...]) -> nn.Module:
        return nn.Linear(shape[0], classes)

    project = Project.create(tmp_path / "mine", clouds(), build, {"epochs": 2})
    assert project.run is None
    run = project.train()
    assert not run.loaded
    monkeypatch.setattr(given, "_objects", {})
    with pytest.raises(UserError, match="'build' was handed over from Python"):
        project.run.model(dataset=project.dataset)
    project.attach(build)
    assert project.run.model(dataset=project.dataset)


def test_a_module_that_is_not_trained_is_refused_with_the_way_to_train_it_here(tmp_path):
    net = nn.Linear(4, 3)
    with torch.no_grad():
        net.weight.mul_(40)
    with pytest.raises(UserError, match=r"worse than guessing.*model=lambda: net"):
        Project.create(tmp_path / "mine", clouds(), net)
    Project.create(tmp_path / "mine", clouds(), lambda: net, {"epochs": 1})


def test_a_name_is_a_network_too_and_only_handed_ones_are_attached(tmp_path):
    project = Project.create(tmp_path / "mine", clouds(), "mlp", {"epochs": 1})
    assert project.model_config.name == "mlp"
    with pytest.raises(UserError, match="without an object of Python"):
        project.attach(nn.Linear(4, 3))
    with pytest.raises(UserError, match="model is int"):
        Project.create(tmp_path / "other", clouds(), 3)


class Patched(nn.Module):
    """A network made for pictures of 8 x 8, whose pretrained weights were for 16 x 16: as timm describes one."""

    pretrained_cfg: ClassVar = {"input_size": (3, 16, 16), "fixed_input_size": True}

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Flatten()
        self.patch_embed.img_size = (8, 8)
        self.head = nn.Linear(3 * 8 * 8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.patch_embed(x))


def test_pictures_are_read_at_the_size_that_the_network_was_made_for(tmp_path):
    chance = np.random.default_rng(0)
    pictures = chance.integers(0, 255, (40, 12, 12, 3)).astype(np.uint8)
    project = Project.create(tmp_path / "mine", (pictures, np.arange(40) % 2), lambda: Patched())
    assert project.info.shape == (3, 8, 8)
