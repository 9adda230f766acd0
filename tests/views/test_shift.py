"""Words and frames of the comparison of test and training data."""

from types import SimpleNamespace

import pandas as pd

from attribution.statistics.intervals import Interval
from attribution.studies.shift.result import verdict
from attribution.views import shift


def found(auc, control=None, space="inputs"):
    lines = [
        ("column", "age", 0.3, 0.1, 0.5, 0.02, "older"),
        ("column", "sex", 0.01, -0.1, 0.1, 0.0, "same"),
        ("label", "cat", -0.2, -0.3, -0.1, float("nan"), "fewer: -20.0 points (-30.0 to -10.0)"),
    ]
    table = pd.DataFrame(lines, columns=["kind", "name", "difference", "low", "high", "importance", "words"])
    return SimpleNamespace(auc=auc, control=control, space=space, differences=table)


def test_the_verdict_is_one_plain_sentence():
    counts = {"train": 10, "test": 10}
    assert (
        verdict(Interval(0.51, 0.49, 0.53), counts)
        == "A classifier cannot tell your test set from your training set: AUC 0.51 (0.49 to 0.53)."
    )
    assert "barely" in verdict(Interval(0.55, 0.52, 0.58), counts)
    assert "usually" in verdict(Interval(0.9, 0.88, 0.92), counts)
    assert "too few" in verdict(Interval(float("nan"), float("nan"), float("nan")), counts)


def test_memory_is_named_where_the_control_shows_it():
    clear = Interval(0.7, 0.65, 0.75)
    assert "Nothing speaks against" in shift.meaning(found(Interval(0.5, 0.48, 0.52)))
    assert "remembers" not in shift.meaning(found(clear, Interval(0.51, 0.48, 0.54), "representation"))
    assert "remembers" in shift.meaning(found(clear, Interval(0.6, 0.55, 0.65), "representation"))
    assert "split" in shift.meaning(found(clear, Interval(0.6, 0.55, 0.65)))


def test_frames_and_tables_by_kind():
    result = found(Interval(0.6, 0.55, 0.65))
    assert shift.frame_of(result, "label").to_dict("records") == [
        {"name": "cat", "estimate": -20.0, "low": -30.0, "high": -10.0}
    ]
    assert list(shift.table_of(result, "column").columns) == ["column", "what differs", "AUC lost without it"]
    assert list(shift.table_of(result, "label").columns) == ["label", "what differs"]
    assert shift.table_of(result, "label")["what differs"].iloc[0] == "fewer: −20.0 points (−30.0 to −10.0)"
    assert shift.clear_ones(result).startswith("2 of 3 differ for sure, among them column age")


def test_chance_is_said_in_splits():
    assert [shift.chance_words(p) for p in (1e-5, 0.003, 0.04, 0.9999)] == [
        "under 1 of 10,000",
        "30 of 10,000",
        "4 of 100",
        "99 of 100",
    ]
