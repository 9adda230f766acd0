"""Planting touches nothing of the user's, and what finds the planted labels is judged on every sample."""

import numpy as np
import pytest
from tiny_world import build

from attribution.errors import UserError
from attribution.studies.bench.planted import Found, by_detectors, by_estimators, influence_matrix, plant, table


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build(tmp_path_factory.mktemp("world"))


def test_planting_sets_the_share_wrong_in_a_copy(world):
    before = world.labels.values.copy()
    sandbox, planted = plant(world.dataset, world.labels, 0.2, seed=1)
    rows = world.labels.train_rows(world.dataset)
    np.testing.assert_array_equal(world.labels.values, before)
    np.testing.assert_array_equal(sandbox.values[rows] != before[rows], planted)
    assert planted.sum() == 12
    np.testing.assert_array_equal(np.delete(sandbox.values, rows), np.delete(before, rows))
    assert sandbox.version == plant(world.dataset, world.labels, 0.2, seed=1)[0].version
    assert sandbox.version != plant(world.dataset, world.labels, 0.2, seed=2)[0].version


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_or_all_is_refused(world, share):
    with pytest.raises(UserError, match="Some are set wrong"):
        plant(world.dataset, world.labels, share)


def test_an_estimator_is_judged_by_the_harm_to_its_worst_class(world):
    trained = world.trained()
    (found,), skipped = by_estimators(trained, ["ip"])
    assert not skipped
    validation = world.dataset.rows("val")
    matrix = influence_matrix(trained, "ip", [int(row) for row in validation])
    classes = world.labels.values[validation]
    expected = -np.min([matrix[:, classes == label].sum(1) for label in np.unique(classes)], axis=0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)


def test_held_out_predictions_are_made_once_and_charged_to_those_that_read_them(world):
    import time

    calls = []

    def held_out():
        calls.append(1)
        time.sleep(0.05)
        return np.full((60, 3), 1 / 3)

    found, skipped = by_detectors(world.trained(), ["loss", "confident-learning", "confident-learning"], held_out)
    assert len(calls) == 1
    assert not skipped
    assert [each.seconds_s >= 0.05 for each in found if each.name == "confident-learning"] == [True, True]


def test_figures_over_all_and_by_class():
    labels, planted = (
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        np.array([True, False, False, False, False, False, False, False]),
    )
    found = table([Found("a", "detector", np.arange(8.0)[::-1], 2.0)], labels, planted, 0.25).set_index("label")
    assert list(found.index) == [-1, 0]  # class 1 holds nothing to find
    assert found.loc[-1, "ap"] == 1
    assert found.loc[-1, "precision"] == 0.5
    assert found.loc[0, ["samples", "planted"]].tolist() == [4, 1]
