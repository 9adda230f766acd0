"""Shared fixtures: a small real project (scikit-learn's digits, some labels flipped), made once and copied for each
test that writes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# a machine that is busy draws examples slowly, which says nothing about what is tested
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

N_TRAIN, N_VAL, N_TEST, N_FLIPPED = 240, 60, 120, 24


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small nets are slower on many threads, and results must not depend on their number."""
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test sees or writes the user's projects, or what the user trusts."""
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABLAME_TRUST", str(tmp_path / "trusted.json"))


def write_digits(path: Path) -> np.ndarray:
    """Save digits as an NPZ with ``N_FLIPPED`` wrong training labels; returns their positions in the training set."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))[: N_TRAIN + N_VAL + N_TEST]
    images = (digits.images[order] * 15.9).astype(np.uint8)
    labels = digits.target[order].astype(np.int64)
    parts = np.split(np.arange(len(order)), [N_TRAIN, N_TRAIN + N_VAL])
    flipped = np.random.default_rng(1).choice(N_TRAIN, N_FLIPPED, replace=False)
    noisy = labels.copy()
    noisy[flipped] = (labels[flipped] + np.random.default_rng(2).integers(1, 10, N_FLIPPED)) % 10
    names = ("train", "val", "test")
    arrays = {f"X_{name}": images[part] for name, part in zip(names, parts, strict=True)}
    arrays |= {f"y_{name}": noisy[part] for name, part in zip(names, parts, strict=True)}
    np.savez_compressed(path, **arrays, classes=np.array([str(digit) for digit in range(10)]))
    return flipped


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """``(path of the NPZ, positions of the flipped training labels)``."""
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    return path, write_digits(path)


@pytest.fixture(scope="session")
def built(tmp_path_factory, digits):
    """The folder of a finished project; copy it before writing (``tiny_project`` does)."""
    from attribution import DataConfig, FlagConfig, MapConfig, ModelConfig, Project, ScoreConfig, TrainConfig

    folder = tmp_path_factory.mktemp("projects") / "digits"
    recipe = TrainConfig(epochs=8, batch_size=32, lr=0.1, checkpoints=3, device="cpu")
    project = Project.create(folder, DataConfig(path=str(digits[0])), ModelConfig(name="mlp", width=32), recipe)
    project.train()
    project.flag(FlagConfig(folds=3, cases=60, device="cpu"))
    project.embed(MapConfig(method="pca", device="cpu"))
    project.score(ScoreConfig(estimator="ip", queries="test", device="cpu"))
    return project.folder


@pytest.fixture
def tiny_project(built, tmp_path, monkeypatch):
    """A finished project of 420 digits in a home of its own: trained, flagged, mapped (PCA), all test samples scored
    with ``ip``."""
    from attribution import Project

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    shutil.copytree(built, tmp_path / "home" / "digits")
    return Project.open("digits")


@pytest.fixture
def bare_project(digits):
    """A project with data and nothing else yet."""
    from attribution import DataConfig, ModelConfig, Project, TrainConfig

    recipe = TrainConfig(epochs=3, batch_size=32, lr=0.1, checkpoints=2, device="cpu")
    return Project.create("bare", DataConfig(path=str(digits[0])), ModelConfig(name="logistic"), recipe)
