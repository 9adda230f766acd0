"""The combined detector: what is planted, what is learned from it, and that nobody else sees the copy."""

import numpy as np
import pytest
import torch
from tiny_world import N_TRAIN, World, Wrapped, build, in_double, one_at_a_time

from attribution.detectors import detectors
from attribution.detectors._planted import Weights, learn, planted_copy, standardised
from attribution.detectors.base import Evidence
from attribution.errors import UserError
from attribution.statistics.ranking import auroc
from attribution.tasks.targets import Classes
from attribution.training.run import Run


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("combined"))


FOUR = Classes("abcd")


def evidence(world: World) -> Evidence:
    def never() -> np.ndarray:
        raise AssertionError("out-of-fold predictions take a training per fold")

    return Evidence(world.trained(), never, neighbors=7)


def test_planted_labels_are_wrong_and_as_many_as_asked():
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 4, 1000)
    names = np.array([f"sample {row}" for row in range(1000)])
    confused = np.tile([0.4, 0.3, 0.3, 0.0], (1000, 1))
    planted, flipped = planted_copy(FOUR, labels, names, confused, 0.2, seed=1)
    assert flipped.sum() == 200
    np.testing.assert_array_equal(planted != labels, flipped)
    order = chance.permutation(1000)
    again, _ = planted_copy(FOUR, labels[order], names[order], confused[order], 0.2, seed=1)
    np.testing.assert_array_equal(again, planted[order])
    other, _ = planted_copy(FOUR, labels, names, confused, 0.2, seed=2)
    assert (other != planted).any()
    share = (planted[flipped & (labels != 3)] == 3).mean()
    assert 0.08 < share < 0.27  # a third of the random half, none of the confused half


def test_standardised_values_know_the_order_only():
    values = np.array([3.0, -1.0, 10.0, 3.0])
    np.testing.assert_allclose(standardised(values), standardised(np.exp(values)))
    assert standardised(values)[0] == standardised(values)[3]
    assert abs(standardised(np.arange(99)).mean()) < 1e-12


def noisy(truth: np.ndarray, strength: float, seed: int) -> np.ndarray:
    return strength * truth + np.random.default_rng(seed).normal(size=len(truth))


def test_learning_weighs_what_finds_the_planted_ones():
    chance = np.random.default_rng(0)
    flipped = chance.random(3000) < 0.1
    values = {
        "good": noisy(flipped, 2, 1),
        "also good": noisy(flipped, 2, 2),
        "useless": noisy(flipped, 0, 3),
        "reversed": noisy(flipped, -1, 4),
    }
    found = learn(values, flipped, chance.random(3000))
    assert found.weights["good"] > 5 * abs(found.weights["useless"])
    assert found.weights["reversed"] == 0  # never negative
    assert found.auroc > max(found.singles.values()) + 0.03
    fresh = np.random.default_rng(9).random(3000) < 0.1
    unseen = {
        name: noisy(fresh, strength, seed)
        for (name, strength, seed) in (("good", 2, 11), ("also good", 2, 12), ("useless", 0, 13))
    }
    unseen["reversed"] = noisy(fresh, -1, 14)
    assert auroc(found.probability(unseen), fresh) == pytest.approx(found.auroc, abs=0.03)
    assert found.probability(unseen).mean() == pytest.approx(0.1, abs=0.02)


def test_noise_does_not_spoil_a_perfect_detector(monkeypatch):
    chance = np.random.default_rng(0)
    flipped = chance.random(300) < 0.1
    values = {"perfect": flipped.astype(float), **{f"noise {seed}": noisy(flipped, 0, seed) for seed in range(20)}}
    values["perfect"] += 1e-3 * chance.random(300)
    assert auroc(learn(values, flipped, chance.random(300)).probability(values), flipped) > 0.99
    monkeypatch.setattr("attribution.detectors._planted.CLEARLY", -1.0)
    alone = learn(values, flipped, chance.random(300))
    assert [name for name, weight in alone.weights.items() if weight] == ["perfect"]


def test_it_finds_wrong_labels_and_leaves_no_run_behind(world):
    before = sorted(path.name for path in world.run.folder.parent.iterdir())
    found = detectors.get("combined")().values(evidence(world))
    assert auroc(found, np.isin(np.arange(N_TRAIN), world.flipped)) > 0.9
    assert ((found >= 0) & (found <= 1)).all()
    assert sorted(path.name for path in world.run.folder.parent.iterdir()) == before
    assert sorted(run.id for run in Run.all(world.run.folder.parent)) == before
    assert [path.suffix for path in (world.run.folder / "planted").iterdir()] == [".json"]


def test_weights_are_learned_once(world, monkeypatch):
    first = detectors.get("combined")().values(evidence(world))
    monkeypatch.setattr("attribution.training.train", lambda *args, **kwargs: pytest.fail("trained again"))
    np.testing.assert_array_equal(detectors.get("combined")().values(evidence(world)), first)
    weights = detectors.get("combined")().weights(evidence(world))
    assert isinstance(weights, Weights)
    assert set(weights.singles) == set(weights.weights)


def test_loaded_weights_are_refused(world):
    loaded = Wrapped(world.run)
    loaded.config = {**loaded.config, "source": "loaded"}
    with pytest.raises(UserError, match="loaded"):
        detectors.get("combined")().weights(evidence(World(world.dataset, world.labels, loaded, world.flipped)))


def test_self_influence_with_curvature_is_the_formula(world):
    double = in_double(world)
    trained = double.trained()
    found = detectors.get("self-influence-curvature")().values(Evidence(trained, lambda: np.zeros(0)))
    from attribution.estimators import estimators

    estimator = estimators.get("ekfac")(double.trained())
    g = one_at_a_time(trained.model(), *trained.batch(trained.rows))  # (n, P)
    expected = (g * estimator.solve(g)).sum(1) / len(g)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-8)
    assert torch.isfinite(expected).all()
