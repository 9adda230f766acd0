"""Paging, class mixes and order."""

import numpy as np

from attribution.views import colours, scatter, tables


def test_pages_cover_everything_once():
    rows = np.arange(53)
    pages = [tables.page_of(rows, number, 24) for number in range(1, tables.page_count(53, 24) + 1)]
    assert np.concatenate(pages).tolist() == rows.tolist()
    assert tables.page_of(rows, 99, 24).tolist() == pages[-1].tolist()
    assert tables.page_count(0, 24) == 1


def test_mix_counts_and_escapes():
    mix = tables.mix(scatter.by_class(np.array([1, 1, 0]), ("<b>", "coat", "bag"), np.arange(3)))
    assert mix["name"].tolist() == ["coat", "<b>"]
    assert mix["share"].sum() == 1
    html = tables.mix_html(mix, top=1)
    assert "<b>" not in html
    assert "others 1" in html


def test_strongest_first_puts_unknown_last():
    values = np.array([0.1, np.nan, 0.9, 0.5])
    assert tables.strongest_first(np.array([0, 1, 2, 3]), values).tolist() == [2, 3, 0, 1]


def test_class_colours_are_fixed_and_distinct():
    found = [colours.class_colour(k) for k in range(40)]
    assert len(set(found)) == 40
    assert colours.class_colour(3) == colours.CLASSES[3]
    assert colours.class_colour(-1) not in found
    assert colours.influence_colour(1.0) == colours.HELPFUL
    assert colours.influence_colour(-1.0) == colours.HARMFUL


def test_a_row_stands_beside_another_with_what_differs_and_escaped():
    html = tables.aligned_html({"age": "24", "<b>": "x", "job": "Sales"}, {"age": "23", "<b>": "<i>", "job": "Sales"})
    assert html.index(">24<") < html.index(">23<")
    assert "&lt;b&gt;" in html
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    assert "The same: job Sales" in html
    assert "<b>Sales</b>" not in html
    assert "The same in every column." in tables.aligned_html({"a": "1"}, {"a": "1"})
    assert "&lt;u&gt;" in tables.columns_html({"a": "<u>"})
