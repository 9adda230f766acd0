"""Angles page: where points stand, what a lasso on them holds, and that the words say what was measured."""

import numpy as np
import pytest

from attribution.views import angles
from attribution.views.stories import Pull

CHECKPOINT = {
    "epoch": 5,
    "curvature": [
        {"ratio": 0.1, "damping": 1e-4, "turn": 80.4, "residual": 0.2},
        {"ratio": 10.0, "damping": 1e-2, "turn": 33.6, "residual": 1e-4},
    ],
}
LAYERS = [
    {"name": "0", "kind": "Conv2d", "parameters": 160, "share": 0.25},
    {"name": "", "kind": "Sequential", "parameters": 10, "share": 0.75},
]


def test_degrees():
    np.testing.assert_allclose(angles.degrees(np.array([1.0, 0.0, -1.0, 1.0000001])), [0, 90, 180, 0])


def test_points_stand_by_row_in_powers_of_ten():
    found = angles.points(np.array([3, 1]), np.array([0.5, -0.5]), np.array([10.0, 0.0]), 5)
    assert np.isnan(found[[0, 2, 4]]).all()
    np.testing.assert_allclose(found[3], [0.5, 1.0])
    np.testing.assert_allclose(found[1], [-0.5, 1.0 - angles.DECADES])


def test_sides():
    labels, rows = np.array([0, 1, 1, 2, 0]), np.array([0, 1, 2, 3])
    found = angles.sides(labels, rows, [1])
    assert {name: members.tolist() for name, members in found.items()} == {angles.OWN: [1, 2], angles.OTHER: [0, 3]}
    assert angles.sides(labels, rows, [0, 1, 2])[angles.ALL].tolist() == [0, 1, 2, 3]


def test_the_histogram_holds_every_angle_once():
    shares = angles.histogram(np.array([0.0, 9.9, 90.0, 180.0]))
    assert shares.sum() == pytest.approx(1)
    assert (shares[0], shares[9], shares[17]) == (0.5, 0.25, 0.25)
    assert angles.histogram(np.empty(0)).sum() == 0


def test_words_say_what_was_measured():
    sentence = angles.turn_sentence(CHECKPOINT, 10.0)
    assert "by **34°**" in sentence
    assert "somewhat different" in sentence
    assert "damping 0.1 instead of 10 mean eigenvalues it would be about 80°" in sentence
    assert angles.turn_line(CHECKPOINT, 10.0) == {"epoch": "5", "0.1": "about 80°", "10 (usual)": "34°"}
    lost = {"ratio": 0.01, "damping": 1e-5, "turn": 12.3, "residual": 3.0}
    more = {**CHECKPOINT, "curvature": [lost, *CHECKPOINT["curvature"]]}
    assert angles.turn_sentence(more, 10.0) == sentence
    assert angles.turn_line(more, 10.0)["0.01"] == "not reached"
    assert "was not reached" in angles.turn_sentence(more, 0.01)
    assert "75.0\u00a0%" in angles.layer_sentence(LAYERS)
    assert "10 weights" in angles.layer_sentence(LAYERS)
    assert "No training sample" in angles.against_sentence({"n": 0, "norm": None, "angle": None}, 10)
    assert angles.against_sentence({"n": 1, "norm": 2.0, "angle": 160.6}, 10).startswith(
        "1 training sample (10.0\u00a0%) pulls the other way"
    )
    assert "2 training samples with its own label: median 15°" in angles.spread_sentence(
        {angles.OWN: np.array([10.0, 20.0])}
    )


def test_the_first_sentence_counts_both_ways_and_names_the_strongest():
    pulls = Pull("Pull towards coat (its label)", ""), Pull("Pull towards shirt (what the model says)", "")
    cosines, influence = np.array([0.5, -0.2, 0.0, 0.9]), np.array([1.0, -7.0, 0.0, 2.0])
    assert angles.pull_sentence(cosines, influence, pulls, "b (bag)", "pictures") == (
        "Of 4 training pictures 2 pull towards coat (its label) and 1 pull towards shirt (what the model says). The "
        "strongest pull is that of b (bag), towards shirt (what the model says)."
    )
    up = Pull("Pull up, towards 3 mm (its value)", ""), Pull("Pull down, away from 3 mm", "")
    assert angles.pull_sentence(cosines[:1], influence[:1], up, "a (coat)", "rows").endswith(
        "a (coat), up, towards 3 mm (its value)."
    )


def test_agreement_counts_signs_and_order():
    sentence = angles.agreement_sentence(np.array([1.0, 2.0, -1.0, 3.0]), np.array([2.0, 4.0, 1.0, 6.0]))
    assert "75.0\u00a0% of the training samples keep their sign" in sentence
    assert "two influences 1.00." in sentence


def test_the_plane_is_drawn_in_the_columns_own_units_and_only_for_two_numbers():
    columns = [
        {"name": "x", "kind": "number", "mean": 1.0, "std": 2.0},
        {"name": "y", "kind": "number", "mean": 0.0, "std": 0.5},
    ]
    names, inputs = angles.plane(columns, np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    assert names == ("x", "y")
    np.testing.assert_allclose(inputs, [[1, 0], [3, 0.5], [1, 0.5]])
    assert angles.plane(columns[:1], np.zeros((3, 1))) is None
    assert angles.plane([columns[0], {"name": "c", "kind": "category", "value": "a"}], np.zeros((3, 2))) is None
    assert angles.plane([], np.zeros((3, 8, 8, 1))) is None
