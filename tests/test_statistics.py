"""Intervals: closed forms, and the share of simulated data sets in which they cover the truth."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from attribution.statistics import Interval, bootstrap, hierarchical_bootstrap, paired_bootstrap, seed_spread, spearman_interval


def test_paired_bootstrap_matches_the_normal_interval_of_a_large_sample():
    values = np.random.default_rng(0).normal(0.3, 2.0, size=4000)
    found = paired_bootstrap(values, resamples=2000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert found.excludes_zero


def test_constant_values_have_no_width_and_no_values_no_interval():
    assert hierarchical_bootstrap(np.full((3, 50), 0.25), 100) == Interval(0.25, 0.25, 0.25)
    assert math.isnan(paired_bootstrap(np.zeros(0)).low)
    assert not paired_bootstrap(np.zeros(0)).excludes_zero


def test_same_seed_same_interval_whatever_the_block_size(monkeypatch):
    values = np.random.default_rng(0).normal(size=(3, 200))
    first = hierarchical_bootstrap(values, 300, seed=4)
    assert first == hierarchical_bootstrap(values, 300, seed=4)
    assert first != hierarchical_bootstrap(values, 300, seed=5)
    monkeypatch.setattr("attribution.statistics.BLOCK_NUMBERS", 1000)
    small = hierarchical_bootstrap(values, 300, seed=4)
    assert small.low == pytest.approx(first.low, abs=0.02)


@pytest.mark.parametrize("seed_sd", [0.0, 0.6])
def test_hierarchical_interval_covers_where_the_plain_one_does_not(seed_sd):
    """Crossed effects in units of the test samples' standard error: seeds, samples, and their interaction."""
    generator, n, truth, repeats = np.random.default_rng(1), 200, 0.1, 150
    covered = {"hierarchical": 0, "plain": 0}
    for _ in range(repeats):
        scale = seed_sd * 2 / math.sqrt(n) * math.sqrt(3)
        values = truth + scale * generator.normal(size=(3, 1)) + 2 * generator.normal(size=n) + 2 * generator.normal(size=(3, n))
        both, plain = hierarchical_bootstrap(values, 200), paired_bootstrap(values.mean(axis=0), 200)
        covered["hierarchical"] += both.low <= truth <= both.high
        covered["plain"] += plain.low <= truth <= plain.high
    assert 0.92 <= covered["hierarchical"] / repeats <= 1.0
    if seed_sd == 0.6:
        assert covered["plain"] < covered["hierarchical"]


def test_seed_spread_is_students_interval():
    values = np.array([0.010, 0.016, 0.013])
    found = seed_spread(values)
    low, high = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert math.isnan(seed_spread(np.array([0.1])).low)


def test_spearman_matches_scipy_with_ties_and_its_interval_covers():
    generator = np.random.default_rng(2)
    x = generator.integers(0, 6, size=80).astype(float)
    y = x + generator.normal(size=80)
    assert spearman_interval(x, y, 50).estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    truth, covered = 6 / math.pi * math.asin(0.6 / 2), 0  # of a bivariate normal with correlation 0.6
    for _ in range(150):
        a = generator.normal(size=120)
        found = spearman_interval(a, 0.6 * a + 0.8 * generator.normal(size=120), 150)
        covered += found.low <= truth <= found.high
    assert covered / 150 >= 0.88
    assert math.isnan(spearman_interval(np.ones(9), np.arange(9)).estimate)
    assert math.isnan(spearman_interval(np.arange(2), np.arange(2)).estimate)


def test_bootstrap_of_any_statistic():
    values = np.random.default_rng(3).normal(size=500)
    found = bootstrap(lambda drawn: float(values[drawn].mean()), 500, resamples=400)
    plain = paired_bootstrap(values, 400)
    assert found.estimate == plain.estimate
    assert found.low == pytest.approx(plain.low, abs=0.02)
    undefined = bootstrap(lambda drawn: math.nan, 5, resamples=3)
    assert math.isnan(undefined.low)


def test_json_round_trip_keeps_missing_bounds():
    for interval in (Interval(1.0, 0.5, 1.5, 0.9), Interval(0.2, math.nan, math.nan)):
        text = json.dumps(interval.to_json(), allow_nan=False)
        assert str(Interval.from_json(json.loads(text))) == str(interval)
