"""Influence through chosen parameters against the formulas written out, and what the choice depends on."""

import numpy as np
import pytest
import torch
from tiny_world import World, build, in_double, one_at_a_time

from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.gradients.curvature.dense import gauss_newton_matrix
from attribution.gradients.selected import select_for

NAMES = {"gif": "gif", "gif-freeze": "fif", "gif-projected": "pif"}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return in_double(build(tmp_path_factory.mktemp("selected")))


def scores(world, name, rows, **settings):
    estimator = estimators.get(name)(world.trained()).adjusted(**{"tolerance": 1e-12, "iterations": 3000, **settings})
    estimator.prepare([Query(str(row), (int(row),)) for row in rows])
    return estimator.score(world.dataset.rows("train")).influence.numpy(), estimator


@pytest.mark.parametrize("selection", ["outputs", "gradients"])
@pytest.mark.parametrize("name", NAMES)
def test_the_formula(world, name, selection):
    """Every pair by dense algebra: sample i's step on the query's own parameters, against the query's gradient."""
    test = world.dataset.rows("test")[:4]
    found, estimator = scores(world, name, test, selection=selection, ratio=0.2, damping_ratio=0.5)
    trained, curvature = world.trained(), estimator.curvature
    matrix = gauss_newton_matrix(curvature) + curvature.shift * torch.eye(curvature.size, dtype=torch.float64)
    gi = one_at_a_time(trained.model(), *trained.batch(world.dataset.rows("train")))
    for column, row in enumerate(test):
        mask = select_for(trained.model(), [trained.batch([row])], 0.2, selection)
        gq = one_at_a_time(trained.model(), *trained.batch([row]))[0]
        steps = {
            "gif": lambda m=mask: torch.linalg.lstsq(matrix[:, m], gi.T).solution,
            "gif-freeze": lambda m=mask: torch.linalg.solve(matrix[m][:, m], gi[:, m].T),
            "gif-projected": lambda m=mask: torch.linalg.solve(matrix, gi.T)[m],
        }[name]()
        expected = (gq[mask] @ steps).numpy() / curvature.n
        assert np.abs(found[:, column] - expected).max() < 1e-6 * np.abs(expected).max()


def test_the_three_agree_when_every_parameter_may_move(world):
    test = world.dataset.rows("test")[:3]
    exact = estimators.get("influence-exact")(world.trained())
    exact.prepare([Query(str(row), (int(row),)) for row in test])
    truth = exact.score(world.dataset.rows("train")).influence.numpy()
    for name in NAMES:
        found, _ = scores(world, name, test, ratio=1.0)
        assert np.abs(found - truth).max() < 1e-6 * np.abs(truth).max()


@pytest.mark.parametrize("name", NAMES)
def test_a_group_is_the_mean_of_its_members(world, name, monkeypatch):
    monkeypatch.setattr("attribution.estimators._selected.TOGETHER", 2)
    test = world.dataset.rows("test")[:5]
    single, estimator = scores(world, name, test)
    estimator.prepare([Query("all", tuple(int(row) for row in [*test, test[0]]))])
    group = estimator.score(world.dataset.rows("train")).influence.numpy()[:, 0]
    np.testing.assert_allclose(group, single @ np.array([2, 1, 1, 1, 1]) / 6, atol=1e-9 * np.abs(single).max())


def test_the_ratio_and_the_selection_are_part_of_the_request(world):
    estimator = estimators.get("gif")(world.trained())
    first = estimator.options()
    estimator.adjusted(ratio=0.3)
    assert estimator.options() != first
    estimator.adjusted(selection="gradients")
    assert estimator.options()["selection"] == "gradients"
