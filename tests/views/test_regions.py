"""Crowds on a map: found where they are, whatever the order of the rows, and worded by what is in them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from attribution.views import regions

LIMITS = ((0.0, 10.0), (0.0, 10.0))
CENTRES = ((2.0, 2.0), (8.0, 2.0), (5.0, 8.0))
SIZES = (500, 300, 200)


@pytest.fixture(scope="module")
def cloud():
    chance = np.random.default_rng(0)
    parts = [chance.normal(centre, 0.4, size=(n, 2)) for centre, n in zip(CENTRES, SIZES, strict=True)]
    return np.vstack([*parts, [[np.nan, np.nan]]]), np.repeat([0, 1, 2], SIZES)


def test_each_crowd_is_found_once_the_largest_first(cloud):
    coordinates, own = cloud
    found = regions.crowds(coordinates, np.arange(1001), LIMITS)
    assert len(found) == 3
    for region, centre, size in zip(found, CENTRES, SIZES, strict=True):
        assert np.hypot(region.x - centre[0], region.y - centre[1]) < 0.6
        assert abs(len(region.rows) - size) <= 3
        assert (own[region.rows] == own[region.rows[0]]).mean() > 0.99


def test_the_order_of_rows_and_a_moved_and_stretched_map_change_nothing(cloud):
    coordinates, _ = cloud
    rows = np.random.default_rng(1).permutation(1001)
    first, again = (regions.crowds(coordinates, some, LIMITS) for some in (np.arange(1001), rows))
    stretched = regions.crowds(coordinates * 3 - 7, np.arange(1001), ((-7.0, 23.0), (-7.0, 23.0)))
    for one, other, third in zip(first, again, stretched, strict=True):
        assert (one.x, one.y) == (other.x, other.y)
        assert set(one.rows) == set(other.rows) == set(third.rows)


def test_two_peaks_without_a_valley_are_one_crowd():
    chance = np.random.default_rng(0)
    near = chance.normal(size=(4000, 2)) * 0.8 + np.where(chance.random((4000, 1)) < 0.5, 4.4, 5.6)
    assert len(regions.crowds(near, np.arange(4000), LIMITS)) == 1


def test_nothing_and_few_have_no_crowd(cloud):
    coordinates, _ = cloud
    assert regions.crowds(coordinates, np.empty(0, np.int64), LIMITS) == []
    assert regions.crowds(coordinates, np.array([1000]), LIMITS) == []
    lonely = np.vstack([coordinates[:500], [[9.5, 9.5]]])
    assert len(regions.crowds(lonely, np.arange(501), LIMITS)) == 1


def test_density_keeps_the_count_and_its_place(cloud):
    coordinates, _ = cloud
    heights = regions.density(coordinates, np.arange(500), LIMITS)
    np.testing.assert_allclose(heights.sum(), 500, rtol=1e-3)
    x, y = np.unravel_index(heights.argmax(), heights.shape)
    assert abs(x / regions.SIDE * 10 - 2) < 0.6
    assert abs(y / regions.SIDE * 10 - 2) < 0.6


def test_words_are_the_typical_target_and_what_is_said_there_alone(cloud):
    coordinates, own = cloud
    found = regions.crowds(coordinates, np.arange(1001), LIMITS)
    said = ["dull plot with the actors", "great plot with the actors", "plot with the actors"]
    texts = [said[place] for place in own] + [""]
    names = ("negative", "positive", "")
    written = regions.words(found, lambda rows: names[own[rows[0]]], texts)
    assert [one["text"] for one in written] == ["negative · dull", "positive · great"]
    assert written[0]["size"] > written[1]["size"]
    assert [one["text"] for one in regions.words(found, lambda rows: "x")] == ["x"] * 3
    assert regions.words([], lambda rows: "x", texts) == []


def test_lines_go_around_crowds(cloud):
    coordinates, _ = cloud
    picture = regions.contours(coordinates, np.arange(1001), LIMITS)
    alpha = np.array(Image.open(io.BytesIO(base64.b64decode(picture["png"].partition(",")[2]))))[..., 3]
    assert not alpha[300, 300]  # between the crowds
    assert alpha[420:560, 60:180].any()  # around the largest, which is at the lower left
    assert picture["bounds"] == [[0.0, 10.0], [0.0, 10.0]]
