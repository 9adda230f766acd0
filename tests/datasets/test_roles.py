"""Columns with a use of their own: splits by whole groups and by time, weights in training, bootstrap by group."""

import numpy as np
import pandas as pd
import pytest
import torch

from attribution import Project
from attribution.datasets.load import import_data
from attribution.errors import UserError
from attribution.models.build import build_model
from attribution.settings.configs import DataConfig, ModelConfig
from attribution.statistics.intervals import resampled_means
from attribution.studies.retrain.study import RetrainConfig

CHANCE = np.random.default_rng(0)
N = 120
FRAME = pd.DataFrame(
    {
        "age": CHANCE.normal(size=N),
        "dose": CHANCE.normal(size=N),
        "patient": [f"p{n // 4:02d}" for n in range(N)],
        "seen": pd.date_range("2024-01-01", periods=N)[CHANCE.permutation(N)].astype(str),
        "w": CHANCE.uniform(0, 2, N),
        "label": CHANCE.choice(["ill", "well"], N),
    }
)


def load(folder, frame=FRAME, **settings):
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "p.csv", index=False)
    return import_data(DataConfig(path=str(folder / "p.csv"), **settings), folder / "data", "p")


def test_no_patient_is_in_two_parts(tmp_path):
    dataset = load(tmp_path / "a", split_by="patient", features=("age", "dose"))
    parts = dataset.samples["split"].groupby(dataset.own("patient").to_numpy()).nunique()
    assert (parts == 1).all()
    counts = dataset.info.counts
    assert abs(counts["test"] - 24) <= 4
    assert abs(counts["val"] - 12) <= 4
    assert "whole groups of patient" in dataset.info.preprocessing["splits"]
    again = load(tmp_path / "b", split_by="patient", features=("age", "dose"))
    other = load(tmp_path / "c", split_by="patient", features=("age", "dose"), seed=1)
    assert again.info.base_hash == dataset.info.base_hash
    assert other.ids.tolist() != dataset.ids.tolist()


def test_the_latest_are_the_test_part(tmp_path):
    dataset = load(tmp_path, time="seen", features=("age",))
    when = pd.to_datetime(dataset.own("seen"))
    split = dataset.samples["split"]
    assert when[split == "train"].max() < when[split == "val"].min()
    assert when[split == "val"].max() < when[split == "test"].min()
    assert dataset.info.counts == {"train": 84, "val": 12, "test": 24}


def test_such_columns_are_no_features(tmp_path):
    dataset = load(tmp_path, split_by="patient", weight="w")
    assert {name for name in dataset.samples if name.startswith("col:")} == {"col:age", "col:dose", "col:seen"}
    assert set(dataset.own_names) >= {"patient", "w"}


def test_the_gradient_of_a_step_is_the_weighted_mean(tmp_path):
    frame = FRAME[["age", "dose", "w", "label"]].assign(split="train")
    recipe = {"epochs": 1, "batch_size": 1000, "momentum": 0.0, "weight_decay": 0.0, "device": "cpu"}
    held = {"val_fraction": 0.0, "test_fraction": 0.0}
    model = ModelConfig("logistic")
    project = Project.create(tmp_path / "p", frame, model, train={**recipe, "lr": 0.1}, weight="w", **held)
    after = project.train().model(dataset=project.dataset)
    dataset = project.dataset
    before = build_model(model, dataset.info, project.train_config.seed)
    losses = torch.nn.functional.cross_entropy(
        before(dataset.tensor(np.arange(N))), torch.from_numpy(dataset.labels), reduction="none"
    )
    (losses * torch.from_numpy(dataset.weights).float()).mean().backward()
    run = project.run
    step = run.config["checkpoints"][0]["lr"]
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        assert torch.allclose(new, old - step * old.grad, atol=1e-6)


def test_other_weights_are_other_data(tmp_path):
    one = load(tmp_path / "a", weight="w")
    two = load(tmp_path / "b", FRAME.assign(w=1.0), weight="w")
    assert one.info.base_hash != two.info.base_hash
    assert any("multiply the loss" in each["what"] for each in one.info.problems)


def test_groups_are_drawn_whole():
    values = CHANCE.normal(size=90)
    alone = resampled_means(values, 500)
    assert np.allclose(resampled_means(values, 500, groups=np.arange(90)), alone)
    same = np.repeat(CHANCE.normal(size=9), 10)
    one = resampled_means(same, 4000, groups=np.repeat(np.arange(9), 10)).std()
    assert one == pytest.approx(same[::10].std() / 3, rel=0.1)  # of nine values, not of ninety
    assert resampled_means(same, 4000).std() < one / 2


def test_a_proof_draws_groups_whole(tmp_path):
    settings = {"split_by": "patient", "features": ("age", "dose")}
    project = Project.create(tmp_path / "p", FRAME, train={"epochs": 1, "device": "cpu"}, **settings)
    project.drop(project.dataset.rows("train")[:3])
    found = project.retrain(RetrainConfig(seeds=(0, 1, 2), bootstrap=200))
    assert np.isfinite(found.changes["loss"].difference.low)
    assert len(np.unique(project.dataset.groups(project.dataset.rows("test")))) < project.info.counts["test"]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"split_by": "nobody"}, "no column 'nobody'"),
        ({"weight": "patient"}, "holds words"),
        ({"split_by": "patient", "time": "seen"}, "both patient and seen"),
        ({"time": "patient"}, "holds words"),
    ],
)
def test_mistakes_are_named(tmp_path, settings, match):
    with pytest.raises(UserError, match=match):
        load(tmp_path, **settings)


def test_a_negative_weight_and_a_missing_group_are_named(tmp_path):
    with pytest.raises(UserError, match=r"Row 5 of p\.csv has -1 in column w"):
        load(tmp_path / "a", FRAME.assign(w=[1.0] * 4 + [-1.0] + [1.0] * (N - 5)), weight="w")
    with pytest.raises(UserError, match=r"Row 3 of p\.csv has no value in column patient"):
        load(tmp_path / "b", FRAME.assign(patient=[None if n == 2 else "x" for n in range(N)]), split_by="patient")
