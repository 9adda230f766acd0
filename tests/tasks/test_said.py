"""What every task says of samples: of outputs and of what a run kept alike, NaN where there is nothing to say."""

import numpy as np
import pytest
import torch

from attribution.errors import UserError
from attribution.tasks import task_of, tasks
from attribution.tasks.binary import Binary
from attribution.tasks.multilabel import MultiLabel
from attribution.tasks.regression import Regression, RegressionSettings

OUTPUTS = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.2, -0.7], [-2.0, -0.1, -0.3], [0.5, 0.9, 0.1]])
CASES = {
    "binary": (Binary(("no", "yes")), OUTPUTS[:, :1], np.array([1, 0, 0, -1])),
    "multilabel": (MultiLabel(("a", "b", "c")), OUTPUTS, np.array([5, 3, -1, 0])),
    "regression": (Regression(mean=10.0, std=2.0, unit="mm"), OUTPUTS[:, :1], np.array([10.0, 14.5, np.nan, 9.0])),
    "huber": (
        Regression((), RegressionSettings(loss="huber", delta=0.2)),
        OUTPUTS[:, :1],
        np.array([1.0, 2, np.nan, 0]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_of_outputs_and_of_what_was_kept_the_same_is_said(name):
    task, outputs, values = CASES[name]
    said, again = task.said(outputs, values), task.said_kept(task.kept(outputs), values)
    assert said.keys() == again.keys() >= {"prediction", "loss", "margin", "certainty", "confidence", "right"}
    for key, column in said.items():
        assert column.shape == (4,), key
        assert np.allclose(column, again[key], atol=1e-5, equal_nan=True), key
    missing = task.targets.bare(values)
    assert np.array_equal(np.isnan(said["loss"]), missing)


def test_regression_answers_in_the_unit_of_the_target_and_is_never_right_or_wrong():
    task, outputs, values = CASES["regression"]
    said = task.said(outputs, values)
    assert np.allclose(said["prediction"], 10 + 2 * outputs[:, 0].numpy())
    assert np.isnan(said["right"]).all()
    assert np.isclose(said["loss"][0], 0.09)
    assert [one.name for one in task.figures] == ["rmse", "mae", "loss"]
    assert [one.unit for one in task.figures] == ["mm", "mm", "squared standard deviations"]
    rmse = task.figures[0]
    known = ~np.isnan(values)
    terms = rmse.terms({key: column[known] for key, column in said.items()}, values[known])
    assert np.isclose(rmse.value(terms.mean()), np.sqrt(np.mean((said["prediction"] - values)[known] ** 2)))
    assert np.isclose(task.chance(values), np.nanvar(values) / 4)


def test_huber_is_squared_inside_and_linear_beyond():
    task = Regression((), RegressionSettings(loss="huber", delta=1.5))
    outputs, targets = torch.linspace(-4, 4, 9)[:, None], torch.zeros(9)
    wanted = torch.nn.functional.huber_loss(outputs[:, 0], targets, reduction="none", delta=1.5)
    assert torch.allclose(task.loss(outputs, targets), wanted)
    values = np.random.default_rng(0).normal(size=50) ** 3
    tried = [float(task._of(values - centre).mean()) for centre in np.linspace(values.min(), values.max(), 2001)]
    assert np.isclose(task.chance(values), min(tried), atol=1e-4)


def test_binary_says_what_two_logits_say_and_takes_two_classes_only():
    task, outputs, values = CASES["binary"]
    said = task.said(outputs, values)
    assert said["prediction"].tolist() == [1, 1, 0, 1]
    assert np.allclose(said["certainty"], torch.sigmoid(outputs[:, 0].abs()))
    assert task.kept(outputs).shape == (4, 2)
    with pytest.raises(UserError, match="3 classes"):
        Binary(("a", "b", "c"))


def test_labels_are_right_one_by_one_and_altogether():
    task, outputs, values = CASES["multilabel"]
    said = task.said(outputs, values)
    assert said["prediction"].tolist() == [5, 3, 0, 7]
    assert said["right"][[0, 1, 3]].tolist() == [1, 1, 0]
    assert said["labels_right"][[0, 1, 3]].tolist() == [1, 1, 0]
    assert np.isnan(said["right"][2])
    assert np.isclose(task.chance(np.array([1, 1, 0, 0])), np.log(2))


def test_every_registered_task_can_be_had_from_what_the_data_say():
    class Info:
        classes = ("a", "b")
        task = None

    for name in tasks.names():
        Info.task = {"name": name, "mean": 3.0, "std": 2.0, "unit": "cm"}
        task = task_of(Info())
        assert task.name == name
        assert task.title
        assert task.summary
        assert task.out_features(Info()) in (1, 2, 4)
        assert {figure.better for figure in task.figures} <= {"higher", "lower"}
