"""Data too small or too even for a finding: a result, or words that say what is missing and what helps."""

import numpy as np
import pandas as pd
import pytest

from attribution import Project
from attribution.errors import UserError
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig, TrainConfig
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.bench.planted import plant
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.damping.study import DampingConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.memorization.study import MemorizeConfig
from attribution.studies.mislabels.out_of_fold import judgeable
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.retrain.study import RetrainConfig
from attribution.studies.shift.study import ShiftConfig

RECIPE = TrainConfig(epochs=2, device="cpu")


def rows(n=60, seed=0):
    chance = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return pd.DataFrame(
        {
            "x1": (chance.normal(size=n) + 2 * y).round(3),
            "x2": chance.normal(size=n).round(3),
            "label": np.where(y, "yes", "no"),
        }
    )


def project(tmp_path, frame, **config):
    frame.to_csv(tmp_path / "data.csv", index=False)
    made = Project.create(
        tmp_path / "project",
        DataConfig(path=str(tmp_path / "data.csv"), **config),
        ModelConfig("logistic"),
        train=RECIPE,
    )
    made.train()
    return made


def test_fewer_different_rows_than_regions(tmp_path):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"smoker": chance.integers(0, 2, 200), "male": chance.integers(0, 2, 200)})
    frame["label"] = np.where(frame["smoker"] ^ (chance.random(200) < 0.15), "ill", "well")
    made = project(tmp_path, frame)
    found = made.compare_splits(ShiftConfig(regions=8)).differences
    regions = found[found["kind"] == "region"]
    assert len(regions) == 4
    assert regions["train"].sum() == pytest.approx(1)
    everywhere = project(tmp_path.joinpath("same").mkdir() or tmp_path / "same", frame.assign(smoker=1, male=1))
    assert not (everywhere.compare_splits(ShiftConfig()).differences["kind"] == "region").any()


def test_calibration_says_how_many_samples_it_needs(tmp_path):
    made = project(tmp_path, rows(80))
    made.flag(FlagConfig(folds=2, cases=0, detectors=("loss",), device="cpu"))
    for share in (0.01, 0.1):
        with pytest.raises(UserError, match="56 training samples are left, and at least 80 are needed") as found:
            made.calibrate(CalibrateConfig(share=share))
        assert "share" not in found.value.do


def test_without_a_test_split_it_is_said_that_there_is_none(tmp_path):
    made = project(tmp_path, rows(), val_fraction=0.0, test_fraction=0.0)
    asked = [
        lambda: made.score(ScoreConfig()),
        lambda: made.score(ScoreConfig(queries="test")),
        lambda: made.compare_splits(ShiftConfig()),
        lambda: made.damping_sweep(DampingConfig()),
        lambda: made.memorize(MemorizeConfig()),
        lambda: made.retrain(RetrainConfig()),
        lambda: made.compare(),
    ]
    for ask in asked:
        with pytest.raises(UserError, match="has no test split") as found:
            ask()
        assert "--test-fraction" in found.value.do
    with pytest.raises(UserError, match=r"has no validation split.*--val-fraction"):
        made.score(ScoreConfig(queries="val"))
    assert made.score(ScoreConfig(queries="train", device="cpu")).n_queries == 60


def test_a_new_project_without_a_test_split_is_set_up(tmp_path):

    made = project(tmp_path, rows(), val_fraction=0.0, test_fraction=0.0)
    made.prepare(RECIPE)
    assert made.flags() is not None
    assert not made.scores()


def test_few_test_samples_name_the_folds_that_fit(tmp_path):
    made = project(tmp_path, rows(40))
    with pytest.raises(UserError, match=r"There are 8 test samples.*Use at most 4 folds"):
        made.compare_splits(ShiftConfig(folds=5))
    assert made.compare_splits(ShiftConfig(folds=4)).finished
    small = project(tmp_path.joinpath("small").mkdir() or tmp_path / "small", rows(10))
    with pytest.raises(UserError, match="has 2 test samples; at least 4 are needed") as found:
        small.compare_splits(ShiftConfig(folds=2))
    assert "fold" not in found.value.do


def test_a_class_of_one_is_not_judged_and_never_first(tmp_path):
    frame = pd.concat([rows(), pd.DataFrame({"x1": [9.0], "x2": [9.0], "label": ["solo"]})])
    made = project(tmp_path, frame)
    result = made.flag(FlagConfig(folds=3, device="cpu"))
    table = result.detectors
    solo = table[table["label"] == made.classes.index("solo")].iloc[0]
    assert solo["position"] == len(table)
    assert solo["suspicion"] == 0
    assert not solo["judged"]
    assert table["judged"].sum() == len(table) - 1
    kinds = made.categories_of(result)
    assert kinds.of(int(solo["row"])) == "rare"
    assert "No other training sample of class solo" in kinds.signals(int(solo["row"]))[0]
    assert "not judged" in result.reasons(int(solo["row"]))[0]
    assert result.headline().endswith("One sample is not judged: its class has no other.")


def test_two_samples_of_two_classes_are_not_judged(tmp_path):
    made = project(tmp_path, rows(2), val_fraction=0.0, test_fraction=0.0)
    result = made.flag(FlagConfig(device="cpu"))
    assert result.estimate == {"low": 0, "mid": 0, "high": 0}
    assert result.headline() == "No label can be judged: no class has two different training samples."
    assert (result.detectors["suspicion"] == 0).all()
    assert made.embed(MapConfig()).coordinates.shape == (2, 2)


def test_copies_of_one_sample_are_one():
    labels, hashes = np.array([0, 0, 1, 1, 2]), np.array(list("ababc"))
    assert judgeable(labels, hashes).tolist() == [True, True, True, True, False]
    assert judgeable(labels, np.array(list("aabcd"))).tolist() == [False, False, True, True, False]


def test_shares_that_plant_nothing_name_those_that_do(tmp_path):
    made = project(tmp_path, rows(40))
    with pytest.raises(UserError, match=r"is 0 labels.*between 0\.036"):
        plant(made.dataset, made.labels, 0.001)


def test_one_candidate_and_no_weights_are_no_special_cases(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0, 1.5], "label": ["a", "b", "a"], "split": ["train", "train", "test"]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    data = DataConfig(path=str(tmp_path / "data.csv"), val_fraction=0.0)
    made = Project.create(tmp_path / "project", data, ModelConfig("mlp"), train=RECIPE)
    made.train()
    assert made.score(ScoreConfig(estimator="forward-inf-reranked", queries="test", device="cpu")).n_queries == 1
    assert np.isfinite(made.flag(FlagConfig(detectors=("combined",), device="cpu")).detectors["combined"]).all()


def test_without_any_training_sample_left_everything_says_so(tmp_path):
    made = project(tmp_path, rows())
    made.drop(made.dataset.rows("train"))
    asked = [
        lambda: made.flag(FlagConfig(device="cpu")),
        lambda: made.angle(AnglesConfig(queries="test", device="cpu")),
        lambda: made.compare_splits(ShiftConfig(folds=2)),
    ]
    for ask in asked:
        with pytest.raises(UserError, match="0 training samples, 42 more are dropped") as found:
            ask()
        assert found.value.do.startswith("Keep some of the 42")


def test_more_folds_than_samples_name_how_many_fit(tmp_path):
    made = project(tmp_path, rows(20))
    with pytest.raises(UserError, match=r"There are 14 training samples, and every fold holds one.*at most 14"):
        made.flag(FlagConfig(folds=15, device="cpu"))
