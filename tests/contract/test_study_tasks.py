"""Every study that looks into data or methods, with every task: it answers, or its refusal names the way out."""

import numpy as np
import pytest
from tiny_world import N_TEST, N_TRAIN, N_VAL, TASKS, World, build_task

from attribution.errors import UserError
from attribution.studies import studies
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.bench.study import BenchConfig
from attribution.studies.calibration import run as calibration
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.categories.categories import categorize, check
from attribution.studies.damping.study import DampingConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.memorization.study import MemorizeConfig
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.shift.study import ShiftConfig

PARTS = ("cost", "agreement", "fidelity", "usefulness", "stability")
BENCH = BenchConfig(estimators=("ip", "cosine"), parts=PARTS, subsets=4, seeds=(1,), k=5, device="cpu")
CONFIGS = {
    "angles": AnglesConfig(device="cpu", iterations=5, curvature_samples=16),
    "bench": BENCH,
    "damping": DampingConfig(device="cpu", estimator="influence-cg", ratios=(0.1, 1.0)),
    "leaks": LeakConfig(device="cpu", influence=2),
    "map": MapConfig(method="pca", device="cpu"),
    "memorization": MemorizeConfig(models=8, device="cpu"),
    "mislabels": FlagConfig(folds=2, neighbors=5, cases=2, device="cpu"),
    "shift": ShiftConfig(folds=2, regions=3),
}


@pytest.fixture(scope="module", params=list(TASKS))
def world(request, tmp_path_factory) -> World:
    return build_task(tmp_path_factory.mktemp(request.param) / "project", request.param)


@pytest.fixture(scope="module")
def made(world, tmp_path_factory):
    """Makes a study's result once per task."""
    folder = tmp_path_factory.mktemp("studies")
    kept = {}

    def make(name: str):
        if name not in kept:
            asked = world.dataset.rows("test")[:4]
            context = world.context(folder, asked, right=lambda rows, run: np.arange(len(rows)) % 2 == 0)
            kept[name] = studies.get(name)().make(context, CONFIGS[name])
        return kept[name]

    return make


def kind(world: World) -> str:
    return world.dataset.task.kind


@pytest.mark.parametrize("name", ["angles", "damping", "map"])
def test_what_asks_gradients_alone_answers(made, name):
    assert made(name).finished


def test_leaks_tell_copies_whose_targets_differ(world, made):
    found = made("leaks")
    cases = found.cases(world.labels.values)
    exact = cases[cases["ratio"] < 1e-6]
    assert len(exact) == 3  # the copies of the world
    assert not exact["conflict"].any()
    moved = world.labels.values.copy()
    rows = [case[0] for case in exact["rows"]]
    far = moved[rows] + 100 if kind(world) == "number" else 1 - np.minimum(moved[rows], 1)
    moved[rows] = far
    assert found.cases(moved)[lambda table: table["ratio"] < 1e-6]["conflict"].all()
    assert (found.alike > 0) == (kind(world) == "number")


def test_train_against_test_compares_the_targets(world, made):
    lines = made("shift").differences
    assert ("value" if kind(world) == "number" else "label") in set(lines["kind"])
    assert np.isfinite(lines["difference"]).all()


def test_memorization_answers_where_predictions_are_right_or_wrong(world, made):
    if kind(world) == "number":
        with pytest.raises(UserError, match="self-influence,turn-over-dropout"):
            made("memorization")
        return
    assert made("memorization").samples["memorization"].between(-1, 1).sum() > N_TRAIN / 2


def test_kinds_of_suspects_are_told_for_classes_alone(world, made):
    if kind(world) != "class":
        with pytest.raises(UserError, match="Read the detectors one by one"):
            check(world.dataset.task)
        return
    found = categorize(made("mislabels"), world.run, world.dataset.info.classes)
    assert sum(found.counts.values()) == N_TRAIN


def test_a_calibration_plants_and_finds_again(world, made, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(calibration, "LEAST", 8)
    made("mislabels")
    folder = made("mislabels").folder.parent.parent
    config = CalibrateConfig(folds=2, device="cpu")
    found = studies.get("calibration")().make(world.context(folder), config)
    planted = found.planted
    assert len(planted) == 8
    assert (planted["label"] != planted["planted"]).all()
    assert set(planted["kind"]) == ({"uniform", "confused"} if kind(world) == "class" else {"uniform"})
    assert planted["position"].between(1, N_TRAIN).all()
    noun = "values" if kind(world) == "number" else "labels"
    assert found.headline.startswith(f"Of 8 {noun} set wrong")


def test_a_bench_measures_all_its_parts(world, made):
    found = made("bench")
    assert set(found.summary["done"]) == set(PARTS)
    assert set(found.fidelity["estimator"]) == {"ip", "cosine", "random"}
    assert np.isfinite(found.fidelity["lds"]).all()
    assert (found.usefulness["label"] == -1).all() == (kind(world) != "class")
    assert "queue" in set(found.usefulness["name"])
    assert found.recommendation


def test_the_world_is_as_large_as_it_says(world):
    assert len(world.dataset) == N_TRAIN + N_VAL + N_TEST
