"""Telling test from training samples: no shift is not found, a planted one is, and what gives it away is named."""

import numpy as np
import pandas as pd
import pytest

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.errors import UserError
from attribution.statistics.intervals import auc_with_variance
from attribution.studies.base import Context
from attribution.studies.shift.study import Shift, ShiftConfig


def table(folder, moved=0.0, n=400, seed=0, more_owls=0.0):
    """A table of two numbers and a colour; in the test half, ``moved`` standard deviations are added to ``weight``."""
    chance = np.random.default_rng(seed)
    split = np.repeat(["train", "val", "test"], [n, n // 4, n])
    label = chance.integers(0, 2, len(split))
    label = np.where((split == "test") & (chance.random(len(split)) < more_owls), 1, label)
    weight = chance.normal(size=len(split)) + moved * (split == "test")
    height = chance.normal(size=len(split))
    ids = [f"s{k}" for k in range(len(split))]
    samples = pd.DataFrame({"id": ids, "split": split, "label": label, "source": ids, "hash": ids})
    samples["col:weight"], samples["col:height"], samples["col:colour"] = (
        weight,
        height,
        chance.choice(["red", "blue"], len(split)),
    )
    info = DatasetInfo("table", "tabular", ("cat", "owl"), (2,), {}, "", preprocessing={"columns": []})
    return Dataset.write(folder / "data", info, samples, np.stack([weight, height], axis=1).astype(np.float32))


def shift(dataset, folder, **settings):
    context = Context(folder, dataset, dataset.base_version())
    return Shift().make(context, ShiftConfig(folds=3, regions=4, **settings))


def test_without_a_shift_it_cannot_tell(tmp_path):
    found = shift(table(tmp_path), tmp_path)
    assert found.auc.low <= 0.5 <= found.auc.high + 0.02
    assert found.verdict.startswith("A classifier cannot tell")
    assert found.p_value > 0.025


def test_a_planted_shift_is_found_and_its_column_named(tmp_path):
    found = shift(table(tmp_path, moved=1.0), tmp_path)
    assert found.auc.low > 0.6  # two normals one standard deviation apart: at best 0.76
    assert found.auc.estimate < 0.8
    assert found.p_value < 1e-4
    first = found.differences.iloc[0]
    assert (first["kind"], first["name"]) == ("column", "weight")
    assert first["low"] < 1.0 < first["high"]
    others = found.differences[(found.differences["kind"] == "column") & (found.differences["name"] != "weight")]
    assert (others["importance"] < first["importance"] / 3).all()
    assert found.control.low <= 0.5  # validation is drawn like training


def test_the_extreme_samples_are_those_on_the_other_side(tmp_path):
    dataset = table(tmp_path, moved=1.0)
    found = shift(dataset, tmp_path)
    weight = dataset.samples["col:weight"].to_numpy()
    like_test = found.samples[found.samples["split"] == "train"]["row"].to_numpy()
    like_train = found.samples[found.samples["split"] == "test"]["row"].to_numpy()
    assert set(dataset.samples["split"].to_numpy()[like_test]) == {"train"}
    assert weight[like_test].mean() > 1.0
    assert weight[like_train].mean() < 0.0


def test_a_change_of_labels_is_named(tmp_path):
    found = shift(table(tmp_path, more_owls=0.4), tmp_path)
    labels = found.differences[found.differences["kind"] == "label"].set_index("name")
    assert labels.loc["owl", "low"] > 0
    assert labels.loc["owl", "difference"] == pytest.approx(-labels.loc["cat", "difference"])


def test_the_interval_covers_half_where_nothing_differs(tmp_path):
    """95 % intervals over 60 data sets without a shift: at least 52 hold 0.5 (the chance of fewer is under 1 in
    1,000)."""
    held = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        area, variance = auc_with_variance(chance.normal(size=80), np.arange(80) < 30)
        held += abs(area - 0.5) <= 1.96 * variance**0.5
    assert held >= 52


def test_the_area_and_its_variance_by_hand():
    area, variance = auc_with_variance(np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False]))
    assert area == 0.75  # of four pairs, one is the wrong way round
    assert variance == pytest.approx(0.125 / 2 + 0.125 / 2)  # shares (1, 0.5) and (0.5, 1), each of variance 0.125
    assert np.isnan(auc_with_variance(np.ones(3), np.ones(3, dtype=bool))[0])


def test_a_finished_comparison_is_found_and_another_seed_is_another(tmp_path):
    dataset = table(tmp_path)
    first, again, other = shift(dataset, tmp_path), shift(dataset, tmp_path), shift(dataset, tmp_path, seed=1)
    assert first.id == again.id != other.id


def test_dropped_samples_are_left_out_and_small_splits_refused(tmp_path):
    from attribution.datasets.dataset import Labels

    dataset = table(tmp_path)
    active = np.ones(len(dataset), dtype=bool)
    active[dataset.rows("test")[5:]] = False
    labels = Labels.of(dataset, dataset.labels, active)
    with pytest.raises(UserError, match="5 test samples"):
        Shift().make(Context(tmp_path, dataset, labels), ShiftConfig(folds=3))
    with pytest.raises(UserError, match="representation"):
        Shift().make(Context(tmp_path, dataset, dataset.base_version()), ShiftConfig(space="representation"))


def test_by_what_the_model_sees(tiny_project):
    found = tiny_project.compare_splits(ShiftConfig(space="representation", folds=3))
    assert found.config["run"] == tiny_project.run.id
    assert found.auc.low < 0.6
    assert found.id in [one.id for one in tiny_project.shifts()]
