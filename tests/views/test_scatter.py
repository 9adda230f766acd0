"""The map: colours, the drawn series, and which points a lasso holds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.views import colours, scatter


def crossings(point, polygon):
    """The even-odd rule for one point, edge by edge."""
    x, y = point
    odd = False
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            odd = not odd
    return odd


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 12))
def test_inside_polygon_equals_the_rule_point_by_point(seed, corners):
    rng = np.random.default_rng(seed)
    polygon, points = rng.normal(size=(corners, 2)), rng.normal(size=(80, 2))
    expected = [crossings(point, [tuple(corner) for corner in polygon]) for point in points]
    assert scatter.inside_polygon(points, polygon).tolist() == expected


def test_areas_join_boxes_and_polygons():
    points = np.array([[0.5, 0.5], [2.5, 0.5], [5.0, 5.0]])
    areas = [
        {"brush_type": "rect", "coord_range": [[1, 0], [0, 1]]},
        {"brush_type": "polygon", "coord_range": [[2, 0], [3, 0], [3, 1], [2, 1]]},
        {"brush_type": "polygon", "coord_range": []},
    ]
    assert scatter.inside_areas(points, areas).tolist() == [True, True, False]
    assert not scatter.inside_areas(points, []).any()


def test_a_lasso_takes_only_what_is_visible():
    coordinates = np.array([[0.0, 0.0], [0.1, 0.1], [5.0, 5.0]])
    area = {"brush_type": "polygon", "coord_range": [[-1, -1], [1, -1], [1, 1], [-1, 1]]}
    event = {"selection": {"selected": [], "areas": [area]}}
    assert scatter.selected_rows(event, coordinates, np.array([1, 2])).tolist() == [1]
    assert not len(scatter.selected_rows({}, coordinates, np.arange(3)))


def test_steps_hold_every_row_once_and_keep_order():
    values = np.array([5.0, 1.0, np.nan, 3.0, 2.0, 4.0, 100.0])
    rows = np.arange(7)
    groups = scatter.by_steps(values, rows, colours.suspicion_scale())
    assert sorted(np.concatenate([group.rows for group in groups]).tolist()) == rows.tolist()
    assert groups[0].name == "not known"
    highest = [values[group.rows].max() for group in groups[1:]]
    assert highest == sorted(highest)


def test_steps_of_equal_values_are_one_group():
    groups = scatter.by_steps(np.ones(5), np.arange(5), colours.suspicion_scale())
    assert sum(len(group.rows) for group in groups) == 5


def test_sign_groups_are_blue_for_help_and_orange_for_harm():
    values = np.linspace(-1, 1, 201)
    groups = {group.name: group for group in scatter.by_sign(values, np.arange(201))}
    assert (values[groups["helped most"].rows] > 0).all()
    assert (values[groups["hurt most"].rows] < 0).all()
    assert groups["helped most"].colour == colours.influence_scale()[-1]
    assert sum(len(group.rows) for group in groups.values()) == 201


def test_edit_groups():
    verdicts = np.array(["", "drop", "keep", "", "relabel"], dtype=object)
    names = {group.name: group.rows.tolist() for group in scatter.by_edit(verdicts, np.arange(5))}
    assert names == {"not edited": [0, 3], "kept": [2], "relabelled": [4], "dropped": [1]}
