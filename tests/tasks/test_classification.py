"""Classification: its settings against torch's own losses, and its curvature against autograd of its loss."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from attribution.errors import UserError
from attribution.tasks import task_of, tasks
from attribution.tasks.base import uniforms
from attribution.tasks.classification import Classification, ClassificationSettings

CLASSES = ("a", "b", "c", "d")
SETTINGS = {
    "plain": {},
    "weights": {"class_weights": (0.5, 1.0, 2.0, 3.0)},
    "smoothing": {"label_smoothing": 0.2},
    "both": {"class_weights": (0.5, 1.0, 2.0, 3.0), "label_smoothing": 0.2},
}


def made(**settings) -> Classification:
    return Classification(CLASSES, ClassificationSettings(**settings))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 2])


@pytest.mark.parametrize("name", SETTINGS)
def test_loss_is_torchs_cross_entropy(name):
    outputs, targets = batch()
    given = SETTINGS[name]
    weights = torch.tensor(given["class_weights"], dtype=torch.float64) if "class_weights" in given else None
    wanted = functional.cross_entropy(
        outputs, targets, weights, reduction="none", label_smoothing=given.get("label_smoothing", 0.0)
    )
    assert torch.allclose(made(**given).loss(outputs, targets), wanted)


def test_focal_loss_weakens_what_is_sure_and_says_that_it_has_no_curvature():
    outputs, targets = batch()
    task = made(focal_gamma=2.0)
    p = outputs.softmax(1)[torch.arange(6), targets]
    assert torch.allclose(task.loss(outputs, targets), -((1 - p) ** 2) * p.log())
    assert task.root(outputs, targets) is None
    assert task.sampled(outputs, targets, np.full(6, 0.5)) is None
    assert "not convex" in task.no_curvature


def test_settings_that_do_not_fit_are_refused_in_words():
    with pytest.raises(UserError, match="class_weights has 2 numbers for 4 classes"):
        made(class_weights=(1.0, 2.0))
    with pytest.raises(UserError, match="focal_gamma is 1 and label_smoothing"):
        made(focal_gamma=1.0, label_smoothing=0.1)
    with pytest.raises(UserError, match="was given 'colour'"):
        Classification.of(CLASSES, {"name": "classification", "colour": 1})


def test_a_task_survives_the_trip_through_dataset_json():
    class Info:
        classes = CLASSES
        task = made(class_weights=(0.5, 1.0, 2.0, 3.0)).to_json()

    assert Info.task == {"name": "classification", "class_weights": [0.5, 1.0, 2.0, 3.0]}
    assert task_of(Info()).settings == made(class_weights=(0.5, 1.0, 2.0, 3.0)).settings
    assert made().to_json() == {"name": "classification"}
    Info.task = {}
    assert task_of(Info()).name == "classification"
    assert "classification" in tasks.names()


def test_what_is_said_of_logits_is_said_of_the_kept_probabilities_too():
    outputs, values = batch()[0].float(), np.array([0, 1, -1, 3, 0, 2])
    task = made()
    assert task.chance(values) == math.log(4)
    said, again = task.said(outputs, values), task.said_kept(task.kept(outputs), values)
    assert said.keys() == again.keys()
    for name, column in said.items():
        assert np.allclose(column, again[name], atol=1e-5, equal_nan=True), name
    assert np.isnan(said["loss"]).tolist() == [False, False, True, False, False, False]


def test_log_odds_of_a_loss_in_nats_are_those_of_its_probability():
    outputs, targets = batch()
    plain, base = made(), Classification.__mro__[1]
    assert torch.allclose(base.log_odds(plain, outputs, targets), plain.log_odds(outputs, targets))
    assert torch.allclose(plain.doubt(outputs, targets), 1 - plain.confidence(outputs, targets))


def test_chance_is_spread_over_many_numbers_by_sample_alone():
    chance = np.random.default_rng(0).random(2000)
    found = uniforms(chance, 3)
    assert np.array_equal(uniforms(chance[[7, 3]], 3), found[[7, 3]])
    assert np.allclose(found.mean(0), 0.5, atol=0.03)
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.08


def test_reading_what_a_task_is_needs_no_torch():
    code = "import sys; from attribution.tasks import tasks; tasks.names(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
