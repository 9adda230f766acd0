"""Words, groups and tables of the classes."""

import numpy as np
import pandas as pd
import pytest

from attribution.studies.categories.categories import KINDS, ORDINARY, Categories, Relations
from attribution.views import categories


@pytest.fixture
def table():
    return pd.DataFrame(
        {"row": [0, 1, 2, 3, 4], "category": ["hard", "mislabelled", "mislabelled", "ordinary", "rare"]}
    )


@pytest.fixture
def truth():
    return pd.DataFrame(
        {
            "row": [0, 1, 2, 3, 4],
            "wrong": [True, True, False, False, False],
            "leak": [False] * 4 + [True],
            "kind": [
                "label flipped (uniform)",
                "label flipped (uniform)",
                "nothing known to be wrong",
                "nothing known to be wrong",
                "repeats",
            ],
        }
    )


def test_every_class_has_words_and_a_colour():
    assert set(categories.MEANING) == {*KINDS, ORDINARY}
    assert set(categories.COLOURS) == set(categories.BADGES) == set(KINDS)
    assert len(set(categories.COLOURS.values())) == len(KINDS)


def test_rows_of_a_class_keep_the_queue_s_order(table):
    assert categories.rows_of(table, np.array([2, 4, 1]), "mislabelled").tolist() == [2, 1]
    found = Categories(table, ("a", "b"), Relations(), True)
    assert list(found.counts.items()) == [("mislabelled", 2), ("hard", 1), ("rare", 1), ("ordinary", 1)]
    assert list(categories.counts_of(found, np.array([0, 3])).items()) == [("hard", 1), ("ordinary", 1)]


def test_groups_hold_every_point_once_with_ordinary_ones_beneath(table):
    groups = categories.groups(table, np.arange(7))
    assert sorted(np.concatenate([group.rows for group in groups]).tolist()) == list(range(7))
    assert [group.name for group in groups][:2] == ["not training data", "ordinary"]
    assert groups[0].rows.tolist() == [5, 6]


def test_the_data_map_is_spread_and_mean_of_the_confidence():
    record = pd.Series([0.2, 0.6, 0.5, 0.5], index=[1, 1, 3, 3])
    found = categories.data_map(record, 5)
    assert found[1] == pytest.approx([0.2, 0.4])
    assert found[3] == pytest.approx([0.0, 0.5])
    assert np.isnan(found[[0, 2, 4]]).all()
    assert np.isnan(categories.data_map(record.head(0), 2)).all()


def test_the_table_against_the_truth_counts_every_sample_once(table, truth):
    found = categories.truth_table(table, truth)
    assert list(found.columns) == ["known to be", "mislabelled", "hard", "rare", "ordinary", "all"]
    assert found["all"].sum() == 5
    assert found.iloc[0].to_dict() == {
        "known to be": "label flipped (uniform)",
        "mislabelled": 1,
        "hard": 1,
        "rare": 0,
        "ordinary": 0,
        "all": 2,
    }
    assert found["known to be"].iloc[-1].startswith("nothing")


def test_precision_and_recall_in_words(table, truth):
    found = categories.quality(table, truth, "mislabelled", "wrong")
    assert (found.claimed, found.known, found.hits) == (2, 2, 1)
    assert "1 are wrong: 50.0" in found.sentence("mislabelled", "wrong")
    assert categories.quality(table, truth, "mislabelled", "wrong", [2, 3]).known == 0
    assert "No sample" in categories.quality(table, truth, "leaked", "leak").sentence("leaked", "copies")
