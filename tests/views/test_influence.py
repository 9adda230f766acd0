"""The Influence page's words, lists and chart."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from attribution.views import influence


@pytest.fixture
def predictions():
    return pd.DataFrame(
        {
            "label": [0, 1, 2, 0],
            "prediction": [1, 1, 0, 1],
            "confidence": [0.6, 0.9, 0.95, 0.3],
            "correct": [False, True, False, False],
        },
        index=[10, 11, 12, 13],
    )


def test_queries_are_the_surest_mistakes_first(predictions):
    assert influence.queries(predictions).tolist() == [12, 10, 13]
    assert influence.queries(predictions, label=0).tolist() == [10, 13]
    assert influence.queries(predictions, confidence=(0.5, 0.9)).tolist() == [10]
    assert influence.queries(predictions, wrong_only=False).tolist() == [12, 11, 10, 13]


def test_search_finds_ids_and_texts_and_the_exact_id_first():
    ids = np.array(["test-10", "test-1", "a"], dtype=object)
    texts = np.array(["a Fine film", "dull", None], dtype=object)
    assert influence.search("test-1", ids, None, np.arange(3)).tolist() == [1, 0]
    assert influence.search("fine", ids, texts, np.arange(3)).tolist() == [0]
    assert not len(influence.search("  ", ids, texts, np.arange(3)))


def test_stepping_stays_inside():
    rows = np.array([4, 8, 2])
    assert influence.step(rows, 8, 1) == 2
    assert influence.step(rows, 2, 1) == 2
    assert influence.step(rows, 4, -1) == 4
    assert influence.step(rows, 99, 1) == 4
    assert influence.step(np.array([], dtype=int), 1, 1) is None
    assert influence.place(rows, 8) == "2 of 3"
    assert influence.place(rows, 99) == "3 in the list"


def view_of(helpful, harmful):
    return SimpleNamespace(helpful=pd.DataFrame({"row": helpful}), harmful=pd.DataFrame({"row": harmful}))


def test_agreement_counts_samples_at_the_same_end():
    mine, other = view_of([1, 2, 3], [7, 8]), view_of([3, 2, 9], [1, 4])
    assert influence.agreement(mine, other) == pytest.approx(2 / 5)
    assert np.isnan(influence.agreement(view_of([], []), other))
    assert influence.agreement_sentence(mine, []) == ""
    assert "TracIn names 40.0\u00a0% of them" in influence.agreement_sentence(mine, [("TracIn", other)])


def test_sentences():
    assert "10.0 standard deviations" in influence.distribution_words(0.0, 1.0, [3.0, -10.0])
    assert influence.distribution_words(0.0, 0.0, [1.0]) == ""


def test_every_estimator_speaks_for_itself():
    words = influence.estimators_in_order()
    assert words[0].name == "ip"
    assert words[-1].name == "random"
    assert all(one.title and one.meaning and one.formula for one in words)
    assert not [one.name for one in words if "quer" in one.meaning]


def test_two_answers_are_told_apart_into_what_both_name_and_what_one_does():
    one = pd.DataFrame({"row": [5, 9, 2], "rank": [1, 2, 3]})
    other = pd.DataFrame({"row": [2, 7, 5], "rank": [1, 2, 3]})
    found = influence.shared(one, other)
    assert (found.both, found.first, found.second) == ([2, 5], [9], [7])
    assert found.ranks[1] == {2: 1, 7: 2, 5: 3}
    assert influence.shared_sentence(found, ("A", "B")) == (
        "Both name 2 of their 3 strongest. Of the first 3 of A, B names 2."
    )
    apart = influence.shared(one, pd.DataFrame({"row": [1], "rank": [1]}))
    assert "no sample in common" in influence.shared_sentence(apart, ("A", "B"))
    empty = influence.shared(one.head(0), other)
    assert influence.shared_sentence(empty, ("A", "B")) == "Only B names samples here."


def test_only_estimators_that_answer_for_the_task_are_offered_in_its_units():
    from attribution.tasks.regression import Regression

    words = {one.name: one for one in influence.estimators_in_order(Regression(mean=3.0, std=2.0))}
    assert not {"knn-shapley", "representation"} & words.keys()
    assert words["ekfac"].unit == "squared standard deviations"
    assert words["trak"].unit == "standard deviations of margin"
    assert {one.name: one.unit for one in influence.estimators_in_order()}["ekfac"] == "nats"
