"""The search for wrong labels as a whole, and its parts."""

import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from studied import flag
from tiny_world import CLASSES, N_TRAIN, World, build

from attribution.datasets.dataset import Labels
from attribution.detectors import defaults, detectors
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.statistics.ranking import auroc, precision_at
from attribution.studies.mislabels.estimate import estimate
from attribution.studies.mislabels.judges import suggest
from attribution.studies.mislabels.out_of_fold import assign_folds, out_of_fold
from attribution.studies.mislabels.queue import combine, suspicion
from attribution.studies.mislabels.result import FlagResult
from attribution.studies.mislabels.study import FlagConfig

CONFIG = FlagConfig(folds=3, neighbors=7, cases=10, device="cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("mislabels"))


@pytest.fixture(scope="module")
def found(world, tmp_path_factory) -> FlagResult:
    return flag(world.dataset, world.labels, world.run, CONFIG, tmp_path_factory.mktemp("flags"))


def test_planted_flips_come_first(world, found):
    truth = np.isin(found.detectors["row"], world.flipped)
    assert auroc(found.detectors["suspicion"], truth) > 0.97
    assert precision_at(found.detectors["suspicion"], truth, 0.1) > 0.8


def test_queue_is_a_permutation_by_suspicion(found):
    queue = found.queue()
    assert queue["position"].tolist() == list(range(1, N_TRAIN + 1))
    assert queue["suspicion"].is_monotonic_decreasing
    assert queue["suspicion"].between(0, 1).all()


def test_suggested_labels_are_the_true_ones(world, found):
    base = np.arange(N_TRAIN) % CLASSES  # how the world was made
    right = [int(found.entry(row)["suggested"]) == base[row] for row in world.flipped]
    assert np.mean(right) > 0.8
    assert (found.detectors["suggested"] != found.detectors["label"]).all()


def test_cases_pull_the_way_they_say(world, found):
    table = found.cases
    assert set(table["row"]) == set(found.queue(10)["row"])
    assert (table[table["kind"] == "supporter"]["cosine"] > 0).all()
    assert (table[table["kind"] == "opponent"]["cosine"] < 0).all()
    assert not (table["row"] == table["other"]).any()
    row = int(found.queue(1)["row"].iloc[0])
    case = found.case(row, "supporter")
    assert case["cosine"].is_monotonic_decreasing
    labels = world.labels.values
    supporters = (
        labels[table[table["kind"] == "supporter"]["other"]] == labels[table[table["kind"] == "supporter"]["row"]]
    )
    opponents = labels[table[table["kind"] == "opponent"]["other"]] == labels[table[table["kind"] == "opponent"]["row"]]
    assert supporters.mean() > opponents.mean()


def test_estimate_holds_the_truth(world, found):
    assert found.estimate["low"] <= found.estimate["mid"] <= found.estimate["high"]
    assert found.estimate["low"] <= len(world.flipped) + 2
    assert found.estimate["high"] >= len(world.flipped) - 2
    assert "training labels are probably wrong" in found.headline()


def test_reasons_name_value_and_rank(found):
    row = int(found.queue(1)["row"].iloc[0])
    sentences = found.reasons(row)
    assert len(sentences) == len(found.config["detectors"]) + 1
    assert "number 1 of 60" in sentences[-1]
    assert "% of the training set" in sentences[0]


def test_a_finished_search_is_found_again(world, found):
    again = flag(world.dataset, world.labels, world.run, CONFIG, found.folder.parent.parent)
    assert again.folder == found.folder


def test_interrupted_search_keeps_its_folds(world, tmp_path):
    trained: list[int] = []

    def train_fold(rows: np.ndarray, held: np.ndarray, progress: Progress) -> np.ndarray:
        if len(trained) == 2:
            trained.append(-1)
            raise KeyboardInterrupt
        trained.append(len(held))
        return np.full((len(held), CLASSES), 1 / CLASSES)

    with pytest.raises(KeyboardInterrupt):
        flag(world.dataset, world.labels, world.run, CONFIG, tmp_path, train_fold=train_fold)
    flag(world.dataset, world.labels, world.run, CONFIG, tmp_path, train_fold=train_fold)
    assert len([size for size in trained if size > 0]) == 3


def test_without_confident_learning_nothing_is_trained(world, tmp_path):
    def train_fold(rows: np.ndarray, held: np.ndarray, progress: Progress) -> np.ndarray:
        raise AssertionError("trained a fold")

    result = flag(
        world.dataset, world.labels, world.run, replace(CONFIG, detectors=("loss",)), tmp_path, train_fold=train_fold
    )
    assert list(result.config["detectors"]) == ["loss"]
    assert not result.config["held_out"]


def test_more_detectors_add_columns_and_leave_the_queue_alone(world, found, tmp_path):
    assert list(found.config["detectors"]) == defaults()
    names = [name for name in detectors.names() if detectors.get(name).serves("class")]
    result = flag(world.dataset, world.labels, world.run, replace(CONFIG, detectors=tuple(names)), tmp_path)
    assert list(result.config["detectors"]) == names
    np.testing.assert_array_equal(result.queue()["row"], found.queue()["row"])
    assert len(result.reasons(int(result.queue(1)["row"].iloc[0]))) == len(names) + 1


def test_detectors_that_cannot_run_are_left_out_and_named(world, tmp_path, monkeypatch):
    active = world.labels.active.copy()
    active[world.dataset.rows("val")] = False
    labels = Labels.of(world.dataset, world.labels.values, active)
    record = world.run.dynamics
    monkeypatch.setattr(type(world.run), "dynamics", lambda self: record().head(0))
    result = flag(world.dataset, labels, world.run, CONFIG, tmp_path)
    assert list(result.config["skipped"]) == ["aum", "data-map"]
    assert "data-map" not in result.detectors.columns
    with pytest.raises(UserError, match="validation"):
        flag(world.dataset, labels, world.run, replace(CONFIG, detectors=("ip-validation",)), tmp_path)


def test_a_class_without_training_samples_is_no_obstacle(world, tmp_path):
    active = world.labels.active.copy()
    train = world.dataset.rows("train")
    active[train[world.labels.values[train] == 2]] = False
    result = flag(world.dataset, Labels.of(world.dataset, world.labels.values, active), world.run, CONFIG, tmp_path)
    assert len(result.detectors) == active[train].sum()
    assert set(result.detectors["row"]) == set(train[active[train]])


def test_unknown_detector_is_refused(world, tmp_path):
    with pytest.raises(UserError, match="no detector called"):
        flag(world.dataset, world.labels, world.run, replace(CONFIG, detectors=("tarot",)), tmp_path)


def test_reading_needs_no_torch(found):
    code = (
        "import sys; from pathlib import Path; from attribution.studies.mislabels.result import FlagResult;f = "
        f"FlagResult.open(Path({str(found.folder)!r})); f.queue(3); f.reasons(int(f.detectors['row'][0])); from "
        "attribution.studies.influence.result import ScoreResult;from attribution.studies.map.result import "
        "MapResult;from attribution.estimators import estimators; [estimators.get(name).title for name in "
        "estimators.names()];assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_folds_keep_copies_together_and_classes_even():
    labels = np.repeat(np.arange(4), 25)
    hashes = np.array([f"content {place}" for place in range(100)])
    hashes[[3, 40, 77]] = "copied"
    folds = assign_folds(labels, hashes, 5, seed=0)
    assert len(set(folds[[3, 40, 77]])) == 1
    for label in range(4):
        assert np.bincount(folds[labels == label], minlength=5).max() <= 8
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(assign_folds(labels[order], hashes[order], 5, seed=0), folds[order])


def test_out_of_fold_puts_every_prediction_in_its_place(tmp_path):
    rows = np.arange(10, 22)
    folds = np.arange(12) % 3

    def train_fold(fit: np.ndarray, held: np.ndarray, progress: Progress) -> np.ndarray:
        assert not set(fit) & set(held)
        return np.stack([held, 100 - held], axis=1)

    found = out_of_fold(folds, rows, np.full(2, 0.5), train_fold, tmp_path, Progress())
    np.testing.assert_array_equal(found[:, 0], rows)


def hard_and_easy(noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Given labels, belief and truth of 4,000 samples: a quarter are ambiguous, and there the belief is wrong as often
    as right."""
    chance = np.random.default_rng(0)
    true = chance.integers(0, 3, 4000)
    given = np.where(chance.random(4000) < noise, (true + 1) % 3, true)
    hard = chance.random(4000) < 0.25
    guess = np.where(hard & (chance.random(4000) < 0.5), (true + 2) % 3, true)
    sure = np.where(hard, chance.uniform(0.4, 0.7, 4000), chance.uniform(0.8, 1.0, 4000))
    belief = np.full((4000, 3), 0.0) + ((1 - sure) / 2)[:, None]
    belief[np.arange(4000), guess] = sure
    return given, belief, given != true


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_estimate_counts_wrong_labels_not_hard_samples(noise):
    given, belief, truth = hard_and_easy(noise)
    found = estimate(given, belief)
    assert found["low"] <= truth.sum() <= found["high"]
    assert found["high"] - found["low"] < 160
    assert (belief.argmax(1) != given).sum() > truth.sum() + 300


def test_combine_suspicion_suggest():
    assert combine({"aum": np.array([1.0, 9.0, 2.0]), "ip-validation": np.array([9.0, 1.0, 2.0])}).argmax() == 1
    assert combine({"ip-validation": np.array([9.0, 1.0, 2.0])}).argmax() == 0
    np.testing.assert_allclose(suspicion(np.array([10, 20]), 20), [0.8, 0.5])
    label, p = suggest(np.array([0]), np.array([[0.4, 0.25, 0.35]]))
    assert label.tolist() == [2]
    np.testing.assert_allclose(p, [0.35])


def test_a_search_that_saw_nothing_says_none(found, monkeypatch):
    nothing = copy.copy(found)
    monkeypatch.setattr(type(nothing), "estimate", {"low": 0.0, "mid": 0.0, "high": 0.3})
    assert nothing.headline().startswith("None of the 60 training labels looks wrong")
