"""Figures before and after: intervals of roots and ratios hold what they say, and parts of the target have one."""

import math
from functools import partial

import numpy as np
import pytest

from attribution.statistics.intervals import Interval, crossed, resampled_means
from attribution.studies.retrain.changes import change, flip_counts, flip_table, target_table
from attribution.studies.retrain.study import RetrainConfig
from attribution.tasks import figure
from attribution.tasks.figure import Figure
from attribution.tasks.targets import LabelSets, Numbers

CONFIG = RetrainConfig(bootstrap=300)
REPEATS, N, SEEDS = 800, 150, 3
BINOMIAL = 3 * math.sqrt(0.95 * 0.05 / REPEATS)  # three standard errors of a coverage


def numbers(prediction):
    """What is said of numbers, as far as figures ask."""
    nothing = np.full(prediction.shape, np.nan)
    return {"prediction": prediction, "right": nothing, "certainty": nothing, "confidence": nothing}


def gaussian(generator, size):
    return generator.normal(size=size)


def long_tailed(generator, size):
    """Laplace errors of variance 1: squared, their tail is long."""
    return generator.laplace(scale=1 / math.sqrt(2), size=size)


@pytest.mark.parametrize("errors", [gaussian, long_tailed])
@pytest.mark.parametrize(("bias", "spread"), [(0.0, 0.5), (0.6, 0.5), (0.3, 0.0)], ids=["alike", "biased", "no seeds"])
def test_the_interval_of_a_change_of_rmse_holds_its_level(errors, bias, spread):
    """A model's error is noise that every model shares plus its own slope on a standard normal input. Before, the slope
    is off by ``bias`` and by chance, after by chance alone; the truth is the change expected over seeds."""
    generator, rmse = np.random.default_rng(7), figure.rmse()
    slopes = spread * np.random.default_rng(1).normal(size=(2, 400_000))
    before, after = (np.sqrt(1 + np.square(slopes[i] + off)).mean() for i, off in ((0, bias), (1, 0.0)))
    counts = generator.multinomial(N, np.full(N, 1 / N), size=1000) / N
    missed = 0
    for _ in range(REPEATS):
        x, noise = generator.normal(size=N), errors(generator, N)
        models = [noise + (off + spread * generator.normal(size=(SEEDS, 1))) * x for off in (bias, 0.0)]
        first, second = (rmse.terms(numbers(each), np.zeros(N)) for each in models)
        drawn = rmse.value(counts @ second.T) - rmse.value(counts @ first.T)
        found = crossed(rmse.value(second.mean(axis=1)) - rmse.value(first.mean(axis=1)), drawn)
        missed += not found.low <= after - before <= found.high
    assert 1 - missed / REPEATS >= 0.95 - BINOMIAL


def test_a_change_is_that_interval_on_shared_draws():
    generator, rmse, targets = np.random.default_rng(2), figure.rmse(), np.zeros(N)
    old, new = (generator.normal(size=(SEEDS, N)) for _ in range(2))
    found = change(rmse, numbers(old), numbers(new), targets, CONFIG)
    drawn = [rmse.value(resampled_means(np.square(each), CONFIG.bootstrap)).T for each in (old, new)]
    exact = np.sqrt(np.square(new).mean(axis=1)) - np.sqrt(np.square(old).mean(axis=1))
    whole = crossed(exact, drawn[1] - drawn[0])
    assert (found.difference.low, found.difference.high) == pytest.approx((whole.low, whole.high))
    assert found.test_only.estimate == found.spread.estimate == pytest.approx(found.difference.estimate)
    assert change(rmse, numbers(old), numbers(old), targets, CONFIG).difference == Interval(0.0, 0.0, 0.0)


def test_rmse_is_the_root_of_each_models_mean_and_not_a_mean_of_roots():
    errors = np.array([[0.0, 4.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    found = change(figure.rmse("mm"), numbers(errors), numbers(errors / 2), np.zeros(4), CONFIG)
    assert found.before == (2.0, 2.0)
    assert found.after == (1.0, 1.0)
    assert found.difference.estimate == -1
    assert found.reading.unit == "mm"


def test_a_ratio_is_made_anew_on_every_resample():
    """A figure of three sums, such as F1: two models that give the same ratio everywhere have no width."""

    def terms(said, targets):
        return np.stack([said["hits"], said["of"]])

    share = Figure("share", "share", "%", "higher", terms, lambda means: means[0] / means[1])
    of = np.random.default_rng(0).integers(1, 9, size=(3, 60)).astype(float)
    old, new = {"hits": of * 0.25, "of": of}, {"hits": of * 0.75, "of": of}
    found = change(share, old, new, np.zeros(60), CONFIG)
    assert (found.difference.low, found.difference.high) == pytest.approx((0.5, 0.5))


def test_bands_of_a_number_and_nothing_to_flip(small):
    values = np.arange(100.0)
    old, new = numbers(values[None] + 2.0), numbers(np.where(values < 40, values, values + 2.0)[None])
    table = target_table(figure.rmse(), Numbers().groups(values), old, new, values, CONFIG)
    assert list(table["target"])[:2] == ["0 to 19", "20 to 39"]
    assert table["n"].sum() == 100
    assert list(table["difference"]) == pytest.approx([-2, -2, 0, 0, 0])
    flips = flip_table(small, np.arange(100), values, old, new)
    assert flips.empty
    assert flip_counts(flips, old) == {"n_fixed": None, "n_broken": None}


def test_bands_of_few_or_equal_numbers_are_fewer():
    assert list(Numbers().groups(np.arange(9.0))) == ["0 to 8"]
    assert list(Numbers().groups(np.full(60, 3.0))) == ["3 to 3"]
    parts = partial(Numbers().groups)(np.array([0.0] * 90 + [5.0] * 10))
    assert sum(int(inside.sum()) for inside in parts.values()) == 100


def test_a_sample_counts_for_each_of_its_labels():
    groups = LabelSets(("cat", "dog")).groups(np.array([0, 1, 2, 3]))
    assert {name: list(np.flatnonzero(inside)) for name, inside in groups.items()} == {"cat": [1, 3], "dog": [2, 3]}


@pytest.fixture
def small():
    """Enough of a dataset for a table of flips."""

    class Ids:
        ids = np.array([f"s{row}" for row in range(100)], dtype=object)

    return Ids()
