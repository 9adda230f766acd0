"""Memorization against brute force: every subset of a toy set, and models really retrained."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom
from studied import memorize
from tiny_world import build

from attribution.errors import UserError
from attribution.statistics.intervals import newcombe
from attribution.studies.memorization.run import (
    by_chance,
    cost_by_models,
    count_hanging,
    hanging,
    influence,
    per_sample,
)
from attribution.studies.memorization.study import MemorizeConfig
from attribution.training.subsets import Subsets

N, HALF = 10, 5


@pytest.fixture(scope="module")
def toy():
    """Ten points on a line, two of them with a label of their own, asked of the nearest neighbour: every subset of
    five."""
    x = np.array([0.0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    y = np.array([0, 0, 1, 0, 0, 1, 1, 1, 0, 1])
    queries = np.array([2.1, 0.2, 13.1, 9.0])
    truth = np.array([1, 0, 0, 1])
    members, own, right = [], [], []
    for chosen in combinations(range(N), HALF):
        inside = np.zeros(N, dtype=bool)
        inside[list(chosen)] = True
        nearest = [y[inside][np.abs(x[inside] - point).argmin()] for point in (*x, *queries)]
        members.append(inside)
        own.append(np.array(nearest[:N]) == y)
        right.append(np.array(nearest[N:]) == truth)
    return np.array(members), np.array(own), np.array(right)


def test_over_every_subset_it_is_the_definition(toy):
    members, own, right = toy
    table, pairs = per_sample(members, own), influence(members, right)
    for i in range(N):
        inside = members[:, i]
        assert table["memorization"][i] == pytest.approx(own[inside, i].mean() - own[~inside, i].mean())
        np.testing.assert_allclose(pairs[i], right[inside].mean(0) - right[~inside].mean(0), atol=1e-6)
    # The two odd ones, right only when trained on.
    assert set(np.argsort(-table["memorization"].to_numpy())[:2]) == {2, 8}
    assert table["memorization"][2] > 0.9


def test_a_few_subsets_agree_with_all_of_them_within_their_intervals(toy):
    members, own, _ = toy
    exact = per_sample(members, own)["memorization"].to_numpy()
    chance, covered = np.random.default_rng(0), []
    for _ in range(100):
        drawn = chance.choice(len(members), 40, replace=True)
        table = per_sample(members[drawn], own[drawn])
        covered.append((table["low"].to_numpy() <= exact + 1e-9) & (exact - 1e-9 <= table["high"].to_numpy()))
    assert np.mean(covered) >= 0.95


def test_pairs_name_the_sample_that_a_prediction_hangs_on(toy):
    members, own, right = toy
    memorization = per_sample(members, own)["memorization"].to_numpy()
    pairs = hanging(members, right, memorization, 0.5).set_index("query")
    assert pairs["column"].to_dict() == {0: 2, 2: 8}  # the queries beside the odd ones; the others hang on none
    assert (pairs["low"] > 0.4).all()
    assert by_chance(members, right, memorization, 0.5) < 0.5
    assert count_hanging(members, right, memorization, 0.5) == len(pairs)
    assert hanging(members, right, np.zeros(N), 0.25).empty
    some = np.random.default_rng(0).choice(len(members), 6, replace=False)
    few = per_sample(members[some], own[some])["memorization"].to_numpy()
    # With few models chance shows pairs, and it is said how many.
    assert by_chance(members[some], right[some], few, 0.5) > 0.5


def test_the_interval_of_a_difference_covers_as_often_as_it_says():
    n, (p, q) = 12, (0.9, 0.3)
    hits = np.arange(n + 1)
    a, b = np.meshgrid(hits, hits, indexing="ij")
    low, high = newcombe(a, np.full_like(a, n), b, np.full_like(b, n))
    chance = binom.pmf(a, n, p) * binom.pmf(b, n, q)
    assert chance[(low <= p - q) & (p - q <= high)].sum() > 0.93
    assert (low >= -1).all()
    assert (high <= 1).all()
    assert np.isnan(newcombe(np.array([0]), np.array([0]), np.array([1]), np.array([2]))[0]).all()


def test_retrained_models_agree_with_more_of_them(tmp_path):
    world = build(tmp_path)
    model = world.run.model_config
    recipe = replace(world.run.train_config, epochs=30, lr=0.15, weight_decay=0.0)  # long enough to learn by heart
    config = MemorizeConfig(models=24, device="cpu")
    result = memorize(world.dataset, world.labels, world.run, model, recipe, config, tmp_path)
    found = result.samples.set_index("row")
    store = Subsets.at(tmp_path / "subsets", world.dataset, world.labels, model, recipe).grow(
        world.dataset, world.labels, 60
    )
    rows = found.index.to_numpy()
    own = store.correct(rows, world.labels.values[rows])[24:] > 0.5
    others = per_sample(store.members()[24:], own)  # models that the estimate has not seen
    inside = (found["low"].to_numpy() <= others["high"].to_numpy()) & (
        others["low"].to_numpy() <= found["high"].to_numpy()
    )
    assert inside.mean() > 0.9
    assert found["memorization"][world.flipped].mean() > found["memorization"].drop(world.flipped).mean() + 0.3
    assert found[["self_influence", "unsure"]].notna().all().all()
    assert memorize(world.dataset, world.labels, world.run, model, recipe, config, tmp_path).samples.equals(
        result.samples
    )


def test_too_few_models_are_refused_and_more_are_forecast(tmp_path):
    world = build(tmp_path)
    with pytest.raises(UserError, match="models is 3"):
        MemorizeConfig(models=3)
    store = Subsets.at(
        tmp_path / "subsets", world.dataset, world.labels, world.run.model_config, world.run.train_config
    )
    lines = cost_by_models(store, 10.0, 24, 0.5)
    assert [line["models"] for line in lines] == sorted(line["models"] for line in lines)
    widths = [line["half_width"] for line in lines]
    assert widths == sorted(widths, reverse=True)
    assert lines[0]["seconds_s"] == pytest.approx(8 * 5.0)
