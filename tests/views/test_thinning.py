"""Thinned clouds: dense places stay dense, nothing rare vanishes, and the same points are drawn whatever the colour."""

import numpy as np
import pytest

from attribution.views import thinning
from attribution.views.scatter import Group
from attribution.views.thinning import chance, thin


@pytest.fixture
def cloud():
    """50,000 points: nine tenths in a dense spot left, the rest spread to the right, and one far outlier."""
    rng = np.random.default_rng(0)
    dense, wide = rng.normal(size=(45_000, 2)) * 0.1, rng.uniform(2, 6, size=(4_999, 2))
    return np.concatenate([dense, wide, [[40.0, 40.0]]]).astype(np.float32)


def drawn_rows(drawn):
    return np.sort(np.concatenate([group.rows for group in drawn.groups]))


def test_small_clouds_are_drawn_whole(cloud):
    groups = [Group("a", "#000", np.arange(100)), Group("b", "#111", np.arange(100, 300))]
    drawn = thin(cloud, groups)
    assert drawn.groups == tuple(groups)
    assert (drawn.shown, drawn.total, drawn.sentence()) == (300, 300, "")


def test_density_is_kept_and_the_outlier_is_drawn(cloud):
    drawn = thin(cloud, [Group("all", "#000", np.arange(50_000))], limit=5_000)
    rows = drawn_rows(drawn)
    assert len(np.unique(rows)) == len(rows) == drawn.shown
    even = rows[chance(rows) < 0.1]  # the rest was added so that no place is empty
    assert abs(len(even) - 5_000) < 5 * np.sqrt(5_000 * 0.9)
    assert abs((even < 45_000).mean() - 0.9) < 0.02
    assert 49_999 in rows
    assert "of 50,000 samples" in drawn.sentence()
    low, high = cloud.min(0), cloud.max(0)
    cell = np.minimum(((cloud - low) / (high - low) * thinning.SIDE).astype(int), thinning.SIDE - 1)
    occupied = {tuple(one) for one in cell}
    assert {tuple(one) for one in cell[rows]} == occupied


def test_recolouring_draws_the_same_points_and_small_groups_are_whole(cloud):
    one = thin(cloud, [Group("all", "#000", np.arange(50_000))], limit=5_000)
    label = np.arange(50_000) % 7
    many = thin(cloud, [Group(str(k), "#000", np.flatnonzero(label == k)) for k in range(7)], limit=5_000)
    np.testing.assert_array_equal(drawn_rows(one), drawn_rows(many))
    rare = np.arange(200, 230)
    rest = np.setdiff1d(np.arange(50_000), rare)
    drawn = thin(cloud, [Group("rest", "#000", rest), Group("rare", "#f00", rare)], limit=5_000)
    assert drawn.groups[1].rows.tolist() == rare.tolist()
    assert set(drawn_rows(one)) <= set(drawn_rows(drawn)) | set(rare)


def test_a_small_selection_is_drawn_and_a_large_one_is_thinned_like_the_rest(cloud):
    everything = [Group("all", "#000", np.arange(50_000))]
    few, many = np.arange(100, 130), np.arange(20_000)
    assert np.isin(few, drawn_rows(thin(cloud, everything, few, limit=2_000))).all()
    np.testing.assert_array_equal(
        drawn_rows(thin(cloud, everything, many, limit=2_000)), drawn_rows(thin(cloud, everything, limit=2_000))
    )


def test_a_filter_draws_more_of_what_it_leaves(cloud):
    whole = drawn_rows(thin(cloud, [Group("all", "#000", np.arange(50_000))], limit=2_000))
    half = thin(cloud, [Group("left", "#000", np.arange(25_000))], limit=2_000)
    assert set(whole[(whole < 25_000) & (chance(whole) < 0.04)]) <= set(drawn_rows(half))
    assert thin(cloud, [Group("few", "#000", np.arange(1_500))], limit=2_000).shown == 1_500


def test_the_rows_numbers_are_uniform():
    values = chance(np.arange(100_000))
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, 50, (0, 1))[0]
    assert (
        (counts - 2_000) ** 2 / 2_000
    ).sum() < 100  # chi squared with 49 degrees of freedom: beyond 100 by chance once in 10^5
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.02
