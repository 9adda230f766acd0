"""Tables of Overview that lead on."""

import numpy as np
import pandas as pd

from attribution.statistics.by_group import by_class
from attribution.tasks.figure import ACCURACY
from attribution.views import quality

TEST = pd.DataFrame({"label": [0, 0, 0, 1, 2], "prediction": [0, 1, 1, 1, 2]})


def test_scores_stand_beside_the_recall_with_their_intervals():
    groups = [{name: TEST[side] == place for place, name in enumerate("abc")} for side in ("label", "prediction")]
    table = pd.DataFrame({"class": list("abc"), "test accuracy, %": [33.3, 100, 100], "suspects": 0})
    found = quality.with_scores(table, by_class(*groups), "test accuracy, %", recall=False)
    assert list(found)[2:] == [
        "recall, interval",
        "precision, %",
        "precision, interval",
        "F1, %",
        "F1, interval",
        "suspects",
    ]
    assert found["precision, %"].round(1).tolist() == [100.0, 33.3, 100.0]
    assert found["precision, interval"][1] == "6.15 to 79.2"
    assert quality.with_scores(table, None, "suspects") is table


def test_confusions_count_labels_by_rows_and_are_shaded():
    table, kept = quality.confusion(TEST, ["a", "b", "c"])
    assert table.loc["a", "b"] == 2
    assert table.loc["b", "a"] == 0
    assert kept.tolist() == [0, 1, 2]
    shades = quality.shades(table)
    assert shades.loc["b", "a"].endswith("0.00)")
    assert shades.loc["a", "b"] != shades.loc["a", "a"]
    assert quality.pair_words("a", "b", 2, 3).startswith("a taken for b: 2 of 3 test samples (66.7")
    assert quality.pair_find("a b", "b", "test") == 'split:test label:"a b" prediction:b'


def test_slices_say_how_many_are_worse():
    line = {"column": "age", "slice": "above 50", "n": 20, "value": 0.5, "low": 0.3, "high": 0.7, "difference": -0.3}
    line |= {"difference_low": -0.5, "difference_high": -0.1, "p": 0.01, "told": True, "find": "age:>50"}
    table = pd.DataFrame([line, {**line, "difference": 0.3, "difference_low": 0.1, "difference_high": 0.5}])
    shown = quality.slice_table(table, ACCURACY)
    assert shown["slice"][0] == "age: above 50"
    assert np.isclose(shown["against the rest, points"][0], -30)
    assert shown["beyond chance"].tolist() == ["worse", "better"]
    assert quality.slices_sentence(table, ACCURACY).startswith("One slice is worse")
    assert quality.slices_sentence(table, ACCURACY).endswith("One of them does better.")
    neither = table.assign(told=False)
    assert quality.slice_table(neither, ACCURACY)["beyond chance"].tolist() == ["", ""]
    assert quality.slices_sentence(neither, ACCURACY).endswith("looking at so many).")
    assert quality.slices_sentence(table.iloc[:0], ACCURACY) == "There is no column with values to compare."
