"""The Overview page's figures."""

import numpy as np
import pandas as pd

from attribution.tasks.classification import Classification
from attribution.views import overview
from attribution.views.faces import ClassFace

TEST = pd.DataFrame(
    {
        "label": [0, 0, 0, 1],
        "prediction": [0, 1, 1, 1],
        "correct": [True, False, False, True],
        "confidence": [0.9, 0.6, 0.8, 0.7],
        "loss": 0.5,
    },
    index=[6, 7, 8, 9],
)


def test_a_search_that_saw_no_wrong_label_gives_no_range_of_nothing():
    assert overview.wrong_labels({"low": 0, "mid": 0, "high": 0.2}, 10) == ("none seen", "the 10 most suspicious open")
    assert overview.wrong_labels({"low": 0, "mid": 0, "high": 0}, 0) == ("none seen", "all reviewed")
    assert overview.wrong_labels({"low": 415, "mid": 498, "high": 566}, 567) == ("about 498", "415 to 566 · 567 open")


def test_class_table():
    labels = np.array([0, 0, 1, 1, 1, 0, 0, 0, 0, 1])
    table = overview.class_table(["a", "b", "c"], labels, np.arange(6), TEST, np.array([0, 2]), np.array([2]))
    assert table["training samples"].tolist() == [3, 3, 0]
    assert table["test accuracy"].round(3).tolist()[:2] == [0.333, 1.0]
    assert np.isnan(table["test accuracy"][2])
    assert table["most confused with"].tolist() == ["b (2)", "", ""]
    assert table["suspects"].tolist() == [1, 1, 0]
    assert table["edited"].tolist() == [0, 1, 0]


def test_confusions_show_the_surest_example():
    found = overview.confusions(TEST, ["a", "b"])
    assert found.to_dict("records") == [{"label": "a", "prediction": "b", "n": 2, "row": 8}]


def test_counts_line_leaves_out_empty_splits():
    assert overview.counts_line({"train": 6000, "val": 0, "test": 10}) == "6,000 train · 10 test"


def test_spot_check_spreads_over_the_rows():
    face = ClassFace(Classification(("a", "b")), np.array([0, 1]))
    found = overview.spot_check(TEST, np.array([6, 7, 8, 9]), np.array([f"s{k}" for k in range(10)]), face, n=2)
    assert found["id"].tolist() == ["s6", "s9"]
    assert found["prediction"].tolist() == ["a", "b"]
