"""The filter panel and the tiles as data: counts, ends of a brush, the term a click means, and plain words only."""

import numpy as np
import pytest

from attribution.browse.columns import Columns
from attribution.browse.filter import matching, parse
from attribution.browse.see import See
from attribution.browse.spread import spread, within
from attribution.browse.words import Filter
from attribution.views import browse


@pytest.fixture
def columns(tiny_project):
    return Columns(See(tiny_project))


def test_counts_of_a_column_put_its_own_term_aside(columns, tiny_project):
    asked = parse("label:3 right:no")
    found = spread(columns["label"], within(asked, columns, "label"))
    wrong = ~tiny_project.predictions()["correct"].to_numpy()
    labels = tiny_project.labels.values
    assert found.names == tuple("0123456789")
    assert found.found.tolist() == np.bincount(labels[wrong], minlength=10).tolist()
    assert found.all.tolist() == np.bincount(labels, minlength=10).tolist()
    panel = browse.facet(columns["label"], asked.of("label"), found, True, "label")
    assert panel["values"] == ["3"]
    assert panel["used"] == "3"


def test_bars_hold_every_sample_once_and_a_brush_finds_what_they_hold(columns):
    loss = columns["loss"]
    everyone = np.ones(420, dtype=bool)
    found = spread(loss, everyone)
    assert int(found.all.sum()) + found.missing[0] == 420
    low, high = found.edges[3], found.edges[9]
    term = browse.term({"column": "loss", "low": low, "high": high})
    rows = matching(Filter((term,)), columns)
    assert abs(len(rows) - int(found.all[3:9].sum())) <= 2  # ends are written to six digits
    panel = browse.facet(loss, (term,), found, True, "label")
    assert panel["low"] == pytest.approx(low, rel=1e-5)
    assert panel["high"] == pytest.approx(high, rel=1e-5)
    assert len(panel["tips"]) == len(panel["all"]) == len(panel["found"]) == len(panel["edges"]) - 1


def test_a_click_means_a_term(columns):
    assert str(browse.term({"column": "label", "values": ["a b", "none"]})) == 'label:"a b","none"'
    assert str(browse.term({"column": "suspicion", "none": True})) == "suspicion:none"
    assert str(browse.term({"column": "loss", "low": None, "high": 2.5})) == "loss:..2.5"
    assert browse.term({"column": "label", "values": []}) is None
    assert browse.term({"column": "loss", "low": None, "high": None}) is None


def test_marks_and_decisions_are_counted(columns, tiny_project):
    tiny_project.tag([1, 2], "to ask")
    tiny_project.tag([2], "blurred")
    tiny_project.unsure([5])
    now = Columns(See(tiny_project))
    everyone = np.ones(420, dtype=bool)
    tags = spread(now["tag"], everyone)
    assert dict(zip(tags.names, tags.all.tolist(), strict=True)) == {"blurred": 1, "to ask": 2}
    assert spread(now["unsure"], everyone).all.tolist() == [419, 1]
    assert tiny_project.find("tag:none unsure:no").tolist() == [row for row in range(420) if row not in (1, 2, 5)]


def test_numbers_that_were_given_are_shown_as_they_are():
    assert browse.cell(68330.0, given=True) == "68330"
    assert browse.cell(0.0123456) == "0.0123"
    assert browse.cell(float("nan")) == browse.cell(None) == ""
