"""Missing values in feature columns: filled in from training rows by a stated rule, told apart, and said."""

import numpy as np
import pandas as pd
import pytest

from attribution import Project
from attribution.datasets.load import import_data, preview
from attribution.errors import UserError
from attribution.modalities import describe
from attribution.modalities.similarity import similarity_of
from attribution.settings.configs import DataConfig, ScoreConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.shift.study import ShiftConfig

CHANCE = np.random.default_rng(0)
AGES = CHANCE.normal(40, 10, 60).round()
AGES[[3, 17, 44]] = np.nan
FRAME = pd.DataFrame(
    {
        "age": AGES,
        "town": ["Ulm", "Bonn", None, "Kiel"] * 15,
        "since": [None if n % 7 == 0 else f"2024-01-{1 + n % 28:02d}" for n in range(60)],
        "label": ["a", "b", "b"] * 20,
        "split": ["train"] * 40 + ["test"] * 20,
    }
)


def load(folder, frame=FRAME, name="p.csv", **settings):
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / name, index=False)
    return import_data(DataConfig(path=str(folder / name), **settings), folder / "data", "p")


@pytest.mark.parametrize(("rule", "stands_in"), [("median", np.nanmedian), ("mean", np.nanmean), ("zero", lambda x: 0)])
def test_what_stands_in_comes_from_training_rows_and_an_input_says_where(tmp_path, rule, stands_in):
    dataset = load(tmp_path, missing=rule, val_fraction=0.0)
    filled = np.where(np.isnan(AGES), stands_in(AGES[:40]), AGES)
    by_hand = (filled - filled[:40].mean()) / filled[:40].std()
    np.testing.assert_allclose(dataset.inputs[:, 0], by_hand, rtol=1e-5, atol=1e-5)
    assert np.array_equal(dataset.inputs[:, 1], np.isnan(AGES))
    np.testing.assert_allclose(dataset.raw[:, 0], filled, rtol=1e-5)
    columns = dataset.info.preprocessing["columns"]
    assert columns[1] == {"name": "age", "kind": "category", "value": "(no value)"}
    assert {one["value"] for one in columns if one["name"] == "town"} == {"Ulm", "Bonn", "Kiel", "(no value)"}


def test_it_is_said_and_shown(tmp_path):
    dataset = load(tmp_path, val_fraction=0.0)
    said = {one["where"]: one["what"] for one in dataset.info.problems}
    middle = f"{np.nanmedian(AGES[:40]):.6g}"
    assert said["column age"] == (
        f"has no value in some rows (3): the median of its training rows ({middle}) stands in, and an input of its "
        "own says where"
    )
    assert "a category of its own" in said["column town"]
    row = dataset.row_of("row-00004")
    assert describe(dataset, row).startswith("age no value, town Kiel")


def test_rows_without_gaps_are_encoded_as_before(tmp_path):
    whole = FRAME.dropna().reset_index(drop=True)
    one = load(tmp_path / "one", whole, missing="refuse")
    two = load(tmp_path / "two", whole)
    assert one.info.base_hash == two.info.base_hash


def test_they_may_be_refused(tmp_path):
    with pytest.raises(UserError, match=r"Row 4 of p\.csv has no value in column age \(3 rows.*--missing median"):
        load(tmp_path, missing="refuse")


def test_a_gap_that_training_never_saw_has_no_input_of_its_own(tmp_path):
    frame = FRAME.assign(age=np.where(np.arange(60) < 40, AGES[:1], AGES), town="x", since="2024-01-01")
    frame.loc[50, "age"] = np.nan
    dataset = load(tmp_path, frame.assign(age=[*range(40), *frame["age"][40:]]), val_fraction=0.0)
    assert dataset.info.shape == (3,)
    assert np.isfinite(dataset.inputs).all()


def test_arrays_with_gaps(tmp_path):
    x = CHANCE.normal(size=(40, 3))
    x[5, 1] = np.nan
    np.savez(tmp_path / "a.npz", X=x, y=np.arange(40) % 2)
    seen = preview(DataConfig(path=str(tmp_path / "a.npz")))
    assert seen["shape"] == (4,)
    with pytest.raises(UserError, match=r"X\[5\]"):
        preview(DataConfig(path=str(tmp_path / "a.npz"), missing="refuse"))


def test_everything_that_reads_columns_copes(tmp_path):
    project = Project.create(tmp_path / "p", FRAME, train={"epochs": 2, "device": "cpu"})
    project.train()
    assert np.isfinite(project.score(ScoreConfig(estimator="ip", queries="test")).matrix()[1]).all()
    similar = similarity_of(project.dataset)
    assert np.isfinite(similar.compare(np.arange(60), np.zeros(60, dtype=int)).distance).all()
    project.find_leaks(LeakConfig())
    project.compare_splits(ShiftConfig())
    assert len(project.find("age:>30")) < 60
    assert len(project.table(range(60), ["age", "town"])) == 60
    assert set(project.slices(["town"]).columns) >= {"slice", "n"}
