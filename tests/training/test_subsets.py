"""Retrained subset models: each is the training it claims to be, outputs agree with torch, growing never repeats
work."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from training_data import table

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.models.predict import predict
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.training.subsets import SEED, Subsets, draw
from attribution.training.train import train

MODEL = ModelConfig(name="mlp", width=12)
RECIPE = TrainConfig(epochs=3, batch_size=8, lr=0.05, checkpoints=2, device="cpu")


@pytest.fixture
def data(tmp_path):
    dataset = table(tmp_path / "data")
    active = np.ones(len(dataset), dtype=bool)
    active[[3, 17]] = False
    return dataset, Labels.of(dataset, dataset.labels, active)


def store(tmp_path, data, **settings):
    return Subsets.at(tmp_path / "subsets", *data, MODEL, RECIPE, **settings)


def test_draw_is_exact_in_size_and_fixed_by_its_number():
    first = draw(101, 0.3, 5)
    assert first.sum() == 30
    np.testing.assert_array_equal(first, draw(101, 0.3, 5))
    assert (first != draw(101, 0.3, 6)).any()


def test_a_member_is_the_ordinary_training_on_its_rows(tmp_path, data):
    dataset, labels = data
    subsets = store(tmp_path, data).grow(dataset, labels, 2, device="cpu")
    members, rows = subsets.members(), labels.train_rows(dataset)
    assert members.shape == (2, 58)
    assert members.sum(1).tolist() == [29, 29]
    active = labels.active.copy()
    active[rows[~members[1]]] = False
    run = train(
        dataset, Labels.of(dataset, labels.values, active), MODEL, replace(RECIPE, seed=SEED), tmp_path / "runs"
    )
    expected, found = run.model(dataset=dataset).state_dict(), subsets.model(1, dataset).state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_outputs_agree_with_torch(tmp_path, data):
    dataset, labels = data
    subsets = store(tmp_path, data, repeats=2).grow(dataset, labels, 3, device="cpu")
    rows, y = dataset.rows("test")[:7], dataset.labels[dataset.rows("test")[:7]]
    for number in range(3):
        logits = [
            torch.tensor(predict(subsets.model(number, dataset, repeat), dataset, rows)[0]).double()
            for repeat in range(2)
        ]
        losses = [F.cross_entropy(each, torch.tensor(y), reduction="none") for each in logits]
        np.testing.assert_allclose(subsets.losses(rows, y)[number], (losses[0] + losses[1]) / 2, rtol=1e-5)
        others = [each.masked_fill(F.one_hot(torch.tensor(y), 3).bool(), -torch.inf).amax(1) for each in logits]
        margins = sum(each[range(7), y] - best for each, best in zip(logits, others, strict=True)) / 2
        np.testing.assert_allclose(subsets.margins(rows, y)[number], margins, rtol=1e-4, atol=1e-5)
        right = sum((each.argmax(1).numpy() == y).astype(float) for each in logits) / 2
        np.testing.assert_allclose(subsets.correct(rows, y)[number], right)
    assert not torch.equal(logits[0], logits[1])


def test_growing_trains_the_missing_ones_only(tmp_path, data):
    dataset, labels = data
    subsets = store(tmp_path, data)
    assert subsets.count == 0
    assert subsets.seconds_per_model is None
    assert subsets.members().shape == (0, 58)
    assert subsets.losses([0, 1], [0, 0]).shape == (0, 2)

    class Killed(Exception):
        pass

    def kill(done, total, message):
        if "model 3" in message:
            raise Killed

    with pytest.raises(Killed):
        subsets.grow(dataset, labels, 4, Progress(kill, interval_s=0), device="cpu")
    assert subsets.finished() == [0, 1]
    made = {path: path.stat().st_mtime_ns for path in subsets.folder.glob("*/config.json")}
    again = store(tmp_path, data).grow(dataset, labels, 4, device="cpu")
    assert again.finished() == [0, 1, 2, 3]
    assert all(path.stat().st_mtime_ns == changed for path, changed in made.items())
    assert Subsets.open(again.folder).count == 4
    assert Subsets.open(again.folder, repeats=2).count == 0
    assert again.seconds_per_model > 0


def test_the_store_is_keyed_by_what_the_models_are_made_from(tmp_path, data):
    dataset, labels = data
    usual = store(tmp_path, data).folder
    same = Subsets.at(
        tmp_path / "subsets", dataset, labels, MODEL, replace(RECIPE, seed=9, device="auto", checkpoints=5)
    ).folder
    assert same == usual
    others = [
        store(tmp_path, data, share=0.4).folder,
        Subsets.at(tmp_path / "subsets", dataset, dataset.base_version(), MODEL, RECIPE).folder,
        Subsets.at(tmp_path / "subsets", dataset, labels, MODEL, replace(RECIPE, lr=0.1)).folder,
        Subsets.at(tmp_path / "subsets", dataset, labels, ModelConfig(name="mlp", width=13), RECIPE).folder,
    ]
    assert len({usual, *others}) == 5


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_of_none_or_all_is_refused(tmp_path, data, share):
    with pytest.raises(UserError, match="none or all"):
        store(tmp_path, data, share=share)


def test_no_store_no_answer(tmp_path):
    with pytest.raises(UserError, match="no retrained subset models"):
        Subsets.open(tmp_path)
