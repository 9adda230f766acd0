"""The clouds for ECharts: every point once, in its colour, on axes that no filter moves."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from attribution.figures import cloud
from attribution.views import angles, scatter


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.normal(size=(500, 2)).astype(np.float32), rng.integers(0, 3, 500)


def test_every_series_is_large_and_reads_its_own_frame(points):
    coordinates, labels = points
    spec = cloud.map_spec(coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(500)))
    assert [series["name"] for series in spec["series"]] == ["a", "b", "c"]
    assert all(series["large"] for series in spec["series"])
    assert sum(len(data["source"]) for data in spec["dataset"]) == 500
    assert spec["brush"]["xAxisIndex"] == "all"
    assert "polygon" in spec["toolbox"]["feature"]["brush"]["type"]
    json.dumps({key: value for key, value in spec.items() if key != "dataset"})


def test_unselected_points_stay_in_grey(points):
    coordinates, labels = points
    selected = np.zeros(500, dtype=bool)
    selected[:50] = True
    spec = cloud.map_spec(coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(500)), selected)
    assert spec["series"][0]["name"] == "not selected"
    assert len(spec["dataset"][0]["source"]) == 450
    assert sum(len(data["source"]) for data in spec["dataset"]) == 500


def test_recolouring_and_filtering_never_move_the_axes(points):
    coordinates, labels = points
    whole = cloud.map_spec(coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(500)))
    part = cloud.map_spec(coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(10)))
    assert (whole["xAxis"], whole["yAxis"]) == (part["xAxis"], part["yAxis"])


def test_100_000_points_are_small_and_quick():
    """12 bytes a point travel to the browser, and a lasso is decided in well under a second."""
    rng = np.random.default_rng(0)
    coordinates = rng.normal(size=(100_000, 2)).astype(np.float32)
    spec = cloud.map_spec(
        coordinates, scatter.by_class(rng.integers(0, 10, 100_000), [str(k) for k in range(10)], np.arange(100_000))
    )
    sent = sum(data["source"].memory_usage(index=False).sum() for data in spec["dataset"])
    assert sent <= 1_200_000
    assert all(isinstance(data["source"], pd.DataFrame) for data in spec["dataset"])
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    start_s = time.perf_counter()
    found = scatter.inside_polygon(coordinates, np.column_stack([np.cos(angle), np.sin(angle)]))
    assert time.perf_counter() - start_s < 1.0
    assert abs(found.mean() - (1 - np.exp(-0.5))) < 0.01


def test_the_chart_holds_all_points_and_a_lasso_finds_those_inside():
    rows = np.arange(4)
    positions = angles.points(rows, np.array([-0.9, -0.8, 0.5, 0.9]), np.array([1.0, 100.0, 1.0, 0.01]), 6)
    spec = cloud.angles_spec(positions, scatter.by_class(np.array([0, 1, 0, 1, 0, 0]), ("a", "b"), rows))
    assert sum(len(one["source"]) for one in spec["dataset"]) == 4
    assert spec["yAxis"]["min"] < -2
    assert spec["yAxis"]["max"] > 2
    assert spec["xAxis"]["name"]
    assert spec["yAxis"]["name"]
    event = {"selection": {"areas": [{"coord_range": [[-1, 1], [0, 1], [0, 3], [-1, 3]]}]}}
    assert scatter.selected_rows(event, positions, rows).tolist() == [1]


def test_named_axes_show_their_ticks(points):
    coordinates, labels = points
    spec = cloud.map_spec(
        coordinates, scatter.by_class(labels, ["a", "b", "c"], np.arange(500)), axes=("rank by one", "rank by two")
    )
    assert (spec["xAxis"]["name"], spec["yAxis"]["name"]) == ("rank by one", "rank by two")
    assert "show" not in spec["xAxis"]["axisLabel"]
