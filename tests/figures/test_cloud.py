"""The clouds: every point once, in its colour, on axes that no filter moves."""

import json
import time

import numpy as np
import pytest

from attribution.figures import cloud
from attribution.views import angles, scatter


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.normal(size=(500, 2)).astype(np.float32), rng.integers(0, 3, 500)


def test_recolouring_and_filtering_never_move_the_axes(points):
    coordinates, labels = points
    whole = cloud.points(coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(500)), cloud.Scene())
    part = cloud.points(coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(10)), cloud.Scene())
    assert whole["bounds"] == part["bounds"]


def test_100_000_points_are_small_and_quick():
    """14 bytes a point travel to the browser, and a lasso is decided in well under a second."""
    rng = np.random.default_rng(0)
    coordinates = rng.normal(size=(100_000, 2)).astype(np.float32)
    groups = scatter.by_class(rng.integers(0, 10, 100_000), [str(k) for k in range(10)], np.arange(100_000))
    assert cloud.points(coordinates, groups, cloud.Scene())["points"].memory_usage(index=False).sum() <= 1_400_000
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    start_s = time.perf_counter()
    found = scatter.inside_polygon(coordinates, np.column_stack([np.cos(angle), np.sin(angle)]))
    assert time.perf_counter() - start_s < 1.0
    assert abs(found.mean() - (1 - np.exp(-0.5))) < 0.01


def test_angles_stand_on_a_cosine_axis_and_powers_of_ten():
    rows = np.arange(4)
    positions = angles.points(rows, np.array([-0.9, -0.8, 0.5, 0.9]), np.array([1.0, 100.0, 1.0, 0.01]), 6)
    scene = cloud.angles_scene(positions)
    drawn = cloud.points(positions, scatter.by_class(np.array([0, 1, 0, 1, 0, 0]), ("a", "b"), rows), scene)
    assert len(drawn["points"]) == 4
    assert drawn["bounds"][0] == [-1, 1]
    low, high = drawn["bounds"][1]
    assert low < -2 < 2 < high
    assert [axis["power"] for axis in drawn["axes"]] == [False, True]
    assert scatter.inside(positions, [[-1, 1], [0, 1], [0, 3], [-1, 3]], rows).tolist() == [1]


def test_the_canvas_gets_every_point_once_with_its_group_and_its_marks(points):
    coordinates, labels = points
    coordinates = np.vstack([coordinates, [[np.nan, np.nan]]])
    groups = scatter.by_class(np.append(labels, 0), ["a", "b", "c"], np.arange(501))
    drawn = cloud.points(coordinates, groups, cloud.Scene(chosen=3, query=500))
    frame = drawn["points"]
    assert sorted(frame["row"]) == list(range(500))  # what has no place is not drawn
    assert [drawn["groups"][group]["name"] for group in frame["group"]] == ["abc"[labels[row]] for row in frame["row"]]
    assert [mark["kind"] for mark in drawn["marks"]] == ["chosen"]
    json.dumps({key: value for key, value in drawn.items() if key != "points"})
    selected = np.zeros(501, dtype=bool)
    selected[:50] = True
    outside = cloud.points(coordinates, groups, cloud.Scene(selected))
    assert outside["groups"][0]["name"] == "not selected"
    assert (outside["points"]["group"] == 0).sum() == 450


def test_sizes_travel_as_bytes(points):
    coordinates, labels = points
    sizes = np.linspace(0, 10, 500)
    drawn = cloud.points(coordinates, scatter.by_class(labels, "abc", np.arange(500)), cloud.Scene(sizes=sizes))
    sent = drawn["points"].set_index("row")["size"]
    assert sent.dtype == np.uint8
    assert (sent[0], sent[499]) == (8, 255)
