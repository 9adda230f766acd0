"""Precision, recall and F1 with intervals; a part against the rest."""

import numpy as np
import pytest

from attribution.statistics.by_group import by_class, counts_of, figure_against_rest, holm, share_against_rest


def test_scores_of_a_class_are_those_of_its_counts():
    given = np.array([0, 0, 0, 1, 1, 2])
    said = np.array([0, 0, 1, 1, 0, 0])
    groups = [{str(name): side == name for name in range(3)} for side in (given, said)]
    table = by_class(*groups).set_index("name")
    assert table.loc["0", ["n", "predicted"]].tolist() == [3, 4]
    assert table.loc["0", "precision"] == pytest.approx(2 / 4)
    assert table.loc["0", "recall"] == pytest.approx(2 / 3)
    assert table.loc["0", "f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert np.isnan(table.loc["2", "precision"])  # nobody was taken for it
    for figure in ("precision", "recall", "f1"):
        known = table.dropna()
        assert (known[f"{figure}_low"] <= known[figure]).all()
        assert (known[figure] <= known[f"{figure}_high"]).all()


def test_the_interval_of_f1_holds_in_simulated_test_sets():
    chance = np.random.default_rng(0)
    held = []
    for _ in range(300):
        given = chance.random(400) < 0.3
        said = np.where(given, chance.random(400) < 0.7, chance.random(400) < 0.1)
        line = by_class({"a": given}, {"a": said}).iloc[0]
        held.append(line["f1_low"] <= 2 * 0.21 / (0.3 + 0.28) <= line["f1_high"])
    assert 0.9 < np.mean(held) <= 1


def test_holm_keeps_order_and_asks_more_of_many():
    adjusted = holm([0.01, 0.04, np.nan, 0.03])
    assert adjusted[[0, 1, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(adjusted[2])
    assert (holm(np.full(100, 0.01)) == 1).all()
    assert len(holm([])) == 0


def test_a_part_is_told_from_the_rest_only_where_it_differs():
    chance = np.random.default_rng(1)
    inside = np.arange(1000) < 200
    right = chance.random(1000) < np.where(inside, 0.6, 0.9)
    found = share_against_rest(inside, right)
    assert found["p"] < 1e-6
    assert found["difference_low"] < found["difference"] < found["difference_high"] < 0
    assert share_against_rest(inside, chance.random(1000) < 0.8)["p"] > 0.01
    errors = np.square(chance.normal(size=1000) * np.where(inside, 2.0, 1.0))
    rmse = figure_against_rest(inside, errors, np.sqrt)
    assert rmse["value"] == pytest.approx(np.sqrt(errors[inside].mean()))
    assert rmse["low"] < 2 < rmse["high"]
    assert rmse["difference_low"] < 1 < rmse["difference_high"]
    assert rmse["p"] < 1e-6


def test_samples_without_a_label_are_in_no_cell():
    import pandas as pd

    table = pd.DataFrame({"label": [0, 1, -1], "prediction": [0, 0, 1]})
    assert counts_of(table, 2).tolist() == [[1, 0], [1, 0]]
