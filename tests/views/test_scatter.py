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


def test_places_of_some_rows_are_those_of_all():
    found = scatter.by_row(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2, 0]), 4)
    assert found[[2, 0]].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert np.isnan(found[[1, 3]]).all()


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


def test_sign_groups_are_blue_towards_and_orange_away():
    values = np.linspace(-1, 1, 201)
    groups = {group.name: group for group in scatter.by_sign(values, np.arange(201))}
    assert (values[groups["strongly towards"].rows] > 0).all()
    assert (values[groups["strongly away"].rows] < 0).all()
    assert groups["strongly towards"].colour == colours.influence_scale()[-1]
    assert sum(len(group.rows) for group in groups.values()) == 201


def test_edit_groups():
    verdicts = np.array(["", "drop", "keep", "", "relabel"], dtype=object)
    names = {group.name: group.rows.tolist() for group in scatter.by_edit(verdicts, np.arange(5))}
    assert names == {"not edited": [0, 3], "kept": [2], "relabelled": [4], "dropped": [1]}


def test_only_the_head_of_the_queue_is_dark_and_every_row_is_drawn_once():
    suspicion = np.array([0.9, 0.1, np.nan, 0.8, 0.2, 0.7, 0.3, 0.6])
    groups = {group.name: group for group in scatter.by_queue(suspicion, np.arange(8), 2, decided=np.array([5]))}
    dark = colours.suspicion_scale()[3:]
    assert {name: group.rows.tolist() for name, group in groups.items()} == {
        "not searched": [2],
        "decided": [5],
        "not suspicious": [1, 4, 6],
        "number 3 to 4 in the queue": [7],
        "number 2 to 2 in the queue": [3],
        "number 1 to 1 in the queue": [0],
    }
    assert sorted(row for group in groups.values() if group.colour in dark for row in group.rows) == [0, 3]
    calm = scatter.by_queue(suspicion, np.arange(8), 0)
    assert [group.name for group in calm] == ["not searched", "not suspicious"]


def test_filtering_does_not_change_a_samples_place_in_the_queue():
    suspicion = np.linspace(1, 0, 20)
    whole = {row: group.colour for group in scatter.by_queue(suspicion, np.arange(20), 6) for row in group.rows}
    part = {row: group.colour for group in scatter.by_queue(suspicion, np.arange(3, 9), 6) for row in group.rows}
    assert part == {row: whole[row] for row in range(3, 9)}


def test_the_stronger_the_larger():
    sizes = scatter.sizes(np.array([0.0, np.nan, -1.0, 4.0, 0.5]))
    assert sizes.argsort(kind="stable").tolist() == [0, 1, 4, 2, 3]
    assert sizes[0] == sizes[1] == 0.7
    assert scatter.sizes(np.zeros(3)).tolist() == [0.7] * 3


def test_an_outline_takes_only_what_is_visible_and_has_a_place():
    coordinates = np.array([[0.0, 0.0], [0.1, 0.1], [5.0, 5.0], [np.nan, np.nan]])
    outline = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    assert scatter.inside(coordinates, outline, np.array([1, 2, 3])).tolist() == [1]
    assert not len(scatter.inside(coordinates, outline[:2], np.arange(3)))


def test_steps_are_the_same_whichever_points_are_drawn():
    values = np.arange(100.0)
    scale = colours.suspicion_scale()
    whole = {group.name for group in scatter.by_steps(values, np.arange(100), scale, over=values)}
    part = scatter.by_steps(values, np.array([3, 50, 51]), scale, over=values)
    assert {group.name for group in part} <= whole
    assert sorted(np.concatenate([group.rows for group in part]).tolist()) == [3, 50, 51]
