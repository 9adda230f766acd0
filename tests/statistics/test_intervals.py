"""Intervals: closed forms, and the share of simulated data sets in which they cover the truth."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from attribution.statistics.intervals import (
    Interval,
    bootstrap,
    crossed,
    over_seeds_and_samples,
    paired_bootstrap,
    seed_spread,
    spearman_interval,
)


def test_paired_bootstrap_matches_the_normal_interval_of_a_large_sample():
    values = np.random.default_rng(0).normal(0.3, 2.0, size=4000)
    found = paired_bootstrap(values, resamples=2000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert found.excludes_zero


def test_constant_values_have_no_width_and_no_values_no_interval():
    assert over_seeds_and_samples(np.full((3, 50), 0.25), 100) == Interval(0.25, 0.25, 0.25)
    assert math.isnan(paired_bootstrap(np.zeros(0)).low)
    assert not paired_bootstrap(np.zeros(0)).excludes_zero


def test_same_seed_same_interval_whatever_the_block_size(monkeypatch):
    values = np.random.default_rng(0).normal(size=(3, 200))
    first = over_seeds_and_samples(values, 300, seed=4)
    assert first == over_seeds_and_samples(values, 300, seed=4)
    assert first != over_seeds_and_samples(values, 300, seed=5)
    monkeypatch.setattr("attribution.statistics.intervals.BLOCK_NUMBERS", 1000)
    small = over_seeds_and_samples(values, 300, seed=4)
    assert small.low == pytest.approx(first.low, abs=0.02)


REPEATS, BINOMIAL = 1500, 3 * math.sqrt(0.95 * 0.05 / 1500)  # three standard errors of a coverage


def coverage(draw, n: int) -> tuple[float, float]:
    """Shares of simulated tests of three seeds on n samples, mean 0, whose 95 % interval lies above and below zero."""
    generator = np.random.default_rng(1)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=300) / n
    found = [crossed(values.mean(axis=1), counts @ values.T) for values in (draw(generator) for _ in range(REPEATS))]
    return float(np.mean([one.low > 0 for one in found])), float(np.mean([one.high < 0 for one in found]))


@pytest.mark.parametrize(
    ("seed", "sample", "both"),
    [(0.5, 1.0, 0.3), (1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.3), (0.0, 0.1, 1.0)],
    ids=["seeds", "seeds alone", "samples alone", "samples", "every pair for itself"],
)
def test_three_seeds_hold_the_level_whichever_part_dominates(seed, sample, both):
    """Crossed effects of seeds, samples and pairs, by their standard deviations; 150 samples. A bootstrap of three
    seeds holds .77 of the first."""
    n = 150

    def draw(generator):
        return (
            seed * generator.normal(size=(3, 1))
            + sample * generator.normal(size=n)
            + both * generator.normal(size=(3, n))
        )

    above, below = coverage(draw, n)
    assert 0.95 - BINOMIAL <= 1 - above - below <= 0.97 + BINOMIAL / 3


def test_accuracy_claims_a_change_no_more_often_than_it_says():
    """Flips of right and wrong, as many either way: the same for all seeds, or each seed's own."""
    n = 300

    def same(generator):
        return np.tile(generator.choice([-1, 0, 1], size=n, p=[0.02, 0.96, 0.02]), (3, 1)).astype(float)

    def own(generator):
        return generator.choice([-1, 0, 1], size=(3, n), p=[0.02, 0.96, 0.02]).astype(float)

    for draw in (same, own):
        better, worse = coverage(draw, n)
        assert better + worse <= 0.05 + BINOMIAL
        assert max(better, worse) <= 0.04


def test_one_seed_claims_nothing_about_others():
    values = np.random.default_rng(4).normal(size=(1, 80))
    assert over_seeds_and_samples(values, 300) == paired_bootstrap(values[0], 300)
    three = over_seeds_and_samples(np.repeat(values, 3, axis=0), 300)  # seeds that agree add nothing
    assert three.estimate == pytest.approx(values.mean())
    assert three.high - three.low == pytest.approx(4 * values.std() / math.sqrt(80), rel=0.15)


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
