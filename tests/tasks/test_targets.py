"""Targets: what is written reads back as the same value, what is none is refused in words, and planted errors are
errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import UserError
from attribution.tasks.targets import KINDS, Classes, LabelSets, Numbers, targets_of

EACH = [Classes(["cat", "dog", "3"]), Numbers(mean=200.0, std=50.0), LabelSets(["cat", "dog", "élan, grey"])]


def some(targets, n=200):
    """Values of a dataset that has them all."""
    rng = np.random.default_rng(0)
    drawn = {"class": rng.integers(0, 3, n), "number": rng.normal(200, 50, n), "set": rng.integers(0, 8, n)}
    return targets.array(drawn[targets.kind])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_reads_back_to_the_last_bit(value):
    numbers = Numbers()
    (found,) = numbers.encode([numbers.word(value)])
    assert found == value
    assert len(numbers.word(value)) <= len(repr(value))


@pytest.mark.parametrize("targets", EACH, ids=[one.kind for one in EACH])
def test_words_and_values_are_inverse_and_none_is_the_empty_word(targets):
    values = some(targets)
    values[3] = targets.none
    words = targets.words(values)
    assert words[3] == ""
    again = targets.encode(words)
    assert targets.same(values, again).all()
    assert targets.bare(again).tolist() == [row == 3 for row in range(len(values))]
    assert not targets.wrong(again).any()
    assert targets.array(again).tobytes() == targets.array(values).tobytes()


@pytest.mark.parametrize("targets", EACH, ids=[one.kind for one in EACH])
def test_a_planted_value_is_another_one_that_there_can_be(targets):
    values = some(targets)
    planted = targets.plant(values, np.random.default_rng(1))
    assert not targets.same(values, planted).any()
    assert not targets.wrong(planted).any()


@pytest.mark.parametrize("targets", EACH, ids=[one.kind for one in EACH])
def test_strata_cut_the_samples_into_parts_of_their_own_kind(targets):
    values = some(targets)
    strata = targets.strata(values)
    assert strata.shape == values.shape
    assert np.bincount(strata).max() < len(values) / 2
    if targets.kind == "number":
        tops = [values[strata == one].max() for one in range(10)]
        assert tops == sorted(tops)


def test_the_model_gets_numbers_of_about_one_and_their_units_come_back():
    numbers = Numbers(mean=200.0, std=50.0)
    given = numbers.for_model(np.array([150.0, np.nan, 300.0]))
    assert given.tolist() == [-1.0, 0.0, 2.0]
    assert numbers.in_units(given).tolist() == [150.0, 200.0, 300.0]


def test_a_set_of_labels_becomes_a_row_of_zeros_and_ones():
    labels = LabelSets(["cat", "dog", "fox"])
    assert labels.encode(["fox;cat", "(none)", " dog ; dog "]).tolist() == [5, 0, 2]
    assert labels.for_model(np.array([5, 0])).tolist() == [[1, 0, 1], [0, 0, 0]]
    assert labels.value_of(["dog", "cat"]) == 3


@pytest.mark.parametrize(
    ("targets", "given", "said"),
    [
        (EACH[0], "bird", "There is no class 'bird'"),
        (EACH[0], 3, "There is no class 3"),
        (EACH[1], "cheap", "'cheap' is no number"),
        (EACH[1], math.inf, "inf is no number"),
        (EACH[1], True, "True is no number"),
        (EACH[1], "1_000", "'1_000' is no number"),
        (EACH[2], "cat;bird", "There is no label 'bird'"),
        (EACH[2], 8, "There is no set of labels 8"),
    ],
)
def test_what_is_no_target_is_refused_with_what_there_is(targets, given, said):
    with pytest.raises(UserError, match=said) as refused:
        targets.value_of(given)
    assert targets.example() in str(refused.value) or all(name in str(refused.value) for name in targets.classes)


def test_a_dataset_without_a_task_has_classes():
    assert targets_of({}, ("a", "b")).kind == "class"
    found = targets_of({"name": "regression", "kind": "number", "mean": 3.0, "std": 2.0}, ())
    assert (found.kind, found.mean, found.std) == ("number", 3.0, 2.0)
    assert sorted(KINDS) == ["class", "number", "set", "text"]
