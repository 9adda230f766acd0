"""What is compared of two sets' targets: classes, labels of sets, fifths of numbers."""

import numpy as np
import pytest

from attribution.studies.shift.targets import groups_of, nickname
from attribution.tasks import tasks


def task(name: str, *classes: str):
    return tasks.get(name)(classes)


def test_numbers_are_cut_into_fifths_of_the_training_values():
    values = np.concatenate([np.arange(100.0), np.full(40, 95.0), [np.nan]])
    groups = groups_of(task("regression"), values, np.arange(100))
    assert [name for name, _ in groups] == [
        "below 19.8",
        "19.8 to 39.6",
        "39.6 to 59.4",
        "59.4 to 79.2",
        "79.2 and more",
    ]
    assert [int(inside[:100].sum()) for _, inside in groups] == [20] * 5
    assert [int(inside[100:].sum()) for _, inside in groups] == [0, 0, 0, 0, 40]


def test_equal_numbers_make_fewer_groups():
    groups = groups_of(task("regression"), np.repeat([1.0, 2.0], 50), np.arange(100))
    assert sum(inside.sum() for _, inside in groups) == 100


def test_a_set_counts_for_each_of_its_labels():
    groups = groups_of(task("multilabel", "red", "round"), np.array([0, 1, 3]), np.arange(3))
    assert {name: inside.tolist() for name, inside in groups} == {
        "red": [False, True, True],
        "round": [False, False, True],
    }


@pytest.mark.parametrize(
    ("made", "values", "words"),
    [
        (task("classification", "cat", "dog"), np.array([1, 1, 0]), "mostly dog (67 %)"),
        (task("multilabel", "red", "round"), np.array([3, 3]), "mostly red;round (100 %)"),
        (task("regression"), np.array([1.0, 2.0, 30.0]), "around 2"),
    ],
)
def test_a_region_is_named_after_its_targets(made, values, words):
    assert nickname(made, values) == words
