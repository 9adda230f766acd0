"""The linear datamodeling score by hand, against scipy, and its intervals on a case whose spread is known."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from attribution.studies.bench.lds import ceiling, cross_fitted, draws, lds, per_query, summed

M, N, Q = 30, 50, 8


@pytest.fixture
def world():
    chance = np.random.default_rng(0)
    members = np.stack([chance.permutation(N) < N // 2 for _ in range(M)])
    influence = chance.normal(size=(N, Q))
    return members, influence, members @ influence  # outputs: minus the loss


def test_it_is_spearman_s_correlation_of_sums_with_minus_the_loss(world):
    members, influence, outputs = world
    noisy = outputs + 3 * np.random.default_rng(1).normal(size=outputs.shape)
    by_hand = [spearmanr([influence[row, q].sum() for row in members], noisy[:, q]).statistic for q in range(Q)]
    np.testing.assert_allclose(per_query(summed(members, influence), noisy), by_hand)


def test_the_truth_scores_one_its_opposite_minus_one_and_chance_about_zero(world):
    members, influence, outputs = world
    np.testing.assert_allclose(per_query(summed(members, influence), outputs), 1)
    np.testing.assert_allclose(per_query(summed(members, -influence), outputs), -1)
    found = lds(summed(members, np.random.default_rng(2).normal(size=(N, Q))), outputs)
    assert found.low < 0 < found.high


def test_a_query_in_the_training_set_and_constant_columns(world):
    members, influence, outputs = world
    holed, zeroed = influence.copy(), influence.copy()
    holed[3, 0], zeroed[3, 0] = np.nan, 0
    np.testing.assert_allclose(per_query(summed(members, holed), outputs), per_query(summed(members, zeroed), outputs))
    flat = influence.copy()
    flat[:, 1] = 0  # predicts the same for every subset: knows nothing
    assert per_query(summed(members, flat), outputs)[1] == 0
    same = outputs.copy()
    same[:, 2] = 5.0  # the model's output never moved: no score
    found = per_query(summed(members, influence), same)
    assert np.isnan(found[2])
    assert np.isfinite(np.delete(found, 2)).all()
    assert np.isfinite(draws(summed(members, influence), same, 50)).all()


def test_the_interval_narrows_with_more_subsets_and_covers_the_estimate():
    chance = np.random.default_rng(3)
    influence = chance.normal(size=(N, 30))
    widths = []
    for m in (10, 160):
        members = np.stack([chance.permutation(N) < N // 2 for _ in range(m)])
        # Noise that queries share.
        outputs = members @ influence + 4 * chance.normal(size=(m, 1)) + 4 * chance.normal(size=(m, 30))
        found = lds(summed(members, influence), outputs)
        assert found.low < found.estimate < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_draws_are_paired_between_estimators(world):
    members, influence, outputs = world
    noisy = outputs + np.random.default_rng(1).normal(size=outputs.shape)
    better, worse = influence, influence + 0.5 * np.random.default_rng(4).normal(size=influence.shape)
    a, b = draws(summed(members, better), noisy), draws(summed(members, worse), noisy)
    assert np.corrcoef(a, b)[0, 1] > 0.2
    assert (a - b).std() < np.hypot(a.std(), b.std())
    np.testing.assert_array_equal(a, draws(summed(members, better), noisy))


def test_ceiling_is_what_the_truth_scores_against_noisy_repeats():
    chance = np.random.default_rng(5)
    members = np.stack([chance.permutation(N) < N // 2 for _ in range(4000)])
    influence = chance.normal(size=(N, 4))
    truth = members @ influence
    first, second = (truth + 2 * truth.std() * chance.normal(size=truth.shape) for _ in range(2))
    reached = per_query(summed(members, influence), (first + second) / 2).mean()
    assert ceiling(first, second) == pytest.approx(reached, abs=0.03)


def test_cross_fitting_never_shows_a_subset_its_own_answer():
    chance = np.random.default_rng(6)
    members = np.stack([chance.permutation(10) < 5 for _ in range(60)])
    influence = chance.normal(size=(10, 2))

    def least_squares(x, y):
        return np.linalg.lstsq(x - x.mean(0), y - y.mean(0), rcond=None)[0]

    exact = (members - members.mean(0)) @ influence
    np.testing.assert_allclose(cross_fitted(members, members @ influence, least_squares), exact, atol=1e-8)
    noise = chance.normal(size=(12, 2))  # fewer subsets than samples: fitted exactly, and worth nothing
    few = np.stack([chance.permutation(40) < 20 for _ in range(12)])
    assert per_query(summed(few, least_squares(few, noise)), noise).min() > 0.99
    assert abs(per_query(cross_fitted(few, noise, least_squares), noise).mean()) < 0.8


def test_a_fit_that_learns_nothing_is_not_below_chance():
    chance = np.random.default_rng(7)
    members = np.stack([chance.permutation(200) < 100 for _ in range(40)])
    noise = chance.normal(size=(40, 300))
    found = per_query(cross_fitted(members, noise, lambda x, y: 1e-6 * (x - x.mean(0)).T @ (y - y.mean(0))), noise)
    assert abs(found.mean()) < 0.05
