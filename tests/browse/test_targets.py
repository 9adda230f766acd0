"""Filters on numbers and on sets of labels, with and without a target."""

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.browse.columns import Columns
from attribution.browse.see import See
from attribution.browse.spread import spread
from attribution.errors import UserError

FEW = TrainConfig(epochs=1, batch_size=16, device="cpu", checkpoints=1)


def made(folder, frame, **data):
    frame.to_csv(folder / "data.csv", index=False)
    config = DataConfig(path=str(folder / "data.csv"), label="y", **data)
    return Project.create("made", config, ModelConfig(name="auto"), FEW)


@pytest.fixture
def numbers():
    """60 samples whose value is near 10 times their first feature."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.round(10 * x[:, 0] + rng.normal(size=60), 3)})


def test_numbers_are_found_by_value_and_error(tmp_path, numbers):
    project = made(tmp_path, numbers, task="regression", unit="mm")
    values = project.labels.values
    assert np.array_equal(project.find("value:>5"), np.flatnonzero(values > 5))
    assert np.array_equal(project.find("label:-5..5"), np.flatnonzero((values >= -5) & (values <= 5)))
    project.train()
    error = project.predictions()["error"].to_numpy()
    assert np.array_equal(project.find("error:<0"), np.flatnonzero(error < 0))
    assert np.array_equal(
        project.find("split:test", "-error"),
        project.find("split:test")[np.argsort(-error[project.find("split:test")], kind="stable")],
    )
    with pytest.raises(UserError, match="right is not known here"):
        project.find("right:no")
    assert Columns(See(project))["label"].unit == "mm"


def test_samples_without_a_value_are_found(tmp_path, numbers):
    numbers.loc[[3, 7], "y"] = np.nan
    project = made(tmp_path, numbers, task="regression", unlabelled="keep")
    bare = project.find("value:none")
    assert len(bare) == 2
    assert len(project.find("-value:none")) == 58


def test_sets_of_labels_are_found_by_each_label(tmp_path):
    rng = np.random.default_rng(0)
    words = ["cat", "dog", "cat;dog", "(none)"]
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80), "y": words * 20})
    project = made(tmp_path, frame, task="multilabel")
    assert len(project.find("label:cat")) == 40
    assert len(project.find("label:cat label:dog")) == 20
    assert len(project.find("label:cat,dog")) == 60
    assert len(project.find("label:cat;dog")) == 20
    assert len(project.find("label:(none)")) == 20
    counts = spread(Columns(See(project))["label"], np.ones(80, dtype=bool))
    assert dict(zip(counts.names, counts.all.tolist(), strict=True)) == {"cat": 40, "dog": 40}
