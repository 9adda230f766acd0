"""The contrast of two logits against autograd in float64: what the model says minus the label, for every task that has
logits."""

import dataclasses

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import COPIES, World, build_task, in_double

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.measures.query import measure_of, query_gradients
from attribution.settings.configs import ScoreConfig
from attribution.tasks.base import Task
from attribution.tasks.classification import PLAIN


@pytest.fixture(scope="module", params=["classification", "binary", "multilabel"])
def world(request, tmp_path_factory) -> World:
    return in_double(build_task(tmp_path_factory.mktemp(request.param), request.param))


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> World:
    return build_task(tmp_path_factory.mktemp("numbers"), "regression")


def by_hand(world: World, logits: torch.Tensor, said: torch.Tensor, value: int) -> torch.Tensor:
    """z of what ``said`` says minus z of the label ``value``, written out for one sample's logits."""
    name = world.dataset.task.name
    if name == "classification":
        order = [int(index) for index in said.argsort(descending=True)]
        other = next(index for index in order if index != value)
        return logits[other] - logits[value]
    if name == "binary":
        return logits[0] if value == 0 else -logits[0]
    holds = [bool(value >> bit & 1) for bit in range(3)]
    apart = [bit for bit in range(3) if (said[bit] > 0) != holds[bit]]
    if not apart:
        apart = [min(range(3), key=lambda bit: said[bit] * (1 if holds[bit] else -1))]
    return sum(-logits[bit] if holds[bit] else logits[bit] for bit in apart)


@pytest.mark.parametrize("checkpoint", [0, -1])
def test_it_is_the_difference_of_two_logits_and_its_gradient_is_autograds(world, checkpoint):
    trained = world.trained()
    rows = world.dataset.rows("test").tolist()
    measure = measure_of(trained, "contrast")
    prepared = query_gradients(trained, [Query(str(row), (row,), "contrast") for row in rows], checkpoint)
    network = trained.model(checkpoint)
    values = measure.values(trained, rows, checkpoint)
    for column, row in enumerate(rows):
        x, _ = trained.batch([row])
        said = trained.model()(x)[0].detach()
        expected = by_hand(world, network(x)[0], said, int(world.labels.values[row]))
        assert values[column] == pytest.approx(expected.item(), rel=1e-10, abs=1e-12)
        slopes = torch.autograd.grad(expected, list(network.parameters()))
        for (name, _), slope in zip(network.named_parameters(), slopes, strict=True):
            torch.testing.assert_close(prepared.direction(column)[name], slope, rtol=1e-8, atol=1e-11)


def test_what_pulls_towards_the_label_is_positive(world):
    """A step along a sample's own gradient moves the contrast by minus the influence; a copy pulls to the label."""
    trained = world.trained()
    rows = world.dataset.rows("test")[:COPIES].tolist()
    estimator = estimators.get("ip")(trained)
    estimator.prepare([Query(str(row), (row,), "contrast") for row in rows])
    influence = estimator.score(np.arange(COPIES)).influence.numpy()
    before = measure_of(trained, "contrast").values(trained, rows)
    for place in range(COPIES):
        assert influence[place, place] > 0
        moved = world.trained()
        gradient = measure_of(trained, "loss").gradient(trained, [place])
        with torch.no_grad():
            for name, parameter in moved.model().named_parameters():
                parameter -= 1e-6 * gradient[name]
        change = measure_of(moved, "contrast").values(moved, rows) - before
        assert change == pytest.approx(-1e-6 * influence[place], rel=1e-2, abs=1e-9)


def test_the_loss_pulls_to_each_other_class_by_its_share():
    """grad of the loss = sum over other classes c of p_c times the contrast of c and the label."""
    logits = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(20) % 3
    p = logits.softmax(1)
    eye = torch.eye(3, dtype=p.dtype)
    mixed = sum(p[:, c : c + 1] * (eye[c] - eye[y]) for c in range(3))
    torch.testing.assert_close(PLAIN.residual(logits, y), mixed)


def test_a_task_of_ones_own_has_it_from_its_loss(world):
    """``Task.against`` knows nothing of logits: the two losses' difference, which is theirs where no class weighs."""
    trained = world.trained()
    x, y = trained.batch(world.dataset.rows("test"))
    outputs = trained.model()(x).detach()
    task = world.dataset.task
    said = task.tensor(task.predict(outputs))
    wrong = (said != y).reshape(len(y), -1).any(1)
    assert wrong.any()
    torch.testing.assert_close(Task.against(task, outputs, y)[wrong], task.against(outputs, y)[wrong])


def test_it_is_kept_apart_from_the_answer_for_the_loss(world, tmp_path):
    config = ScoreConfig(device="cpu")
    args = (world.dataset, world.labels, world.run)
    asked = world.dataset.rows("test")[:3]
    loss = score(*args, config, asked, tmp_path)
    contrast = score(*args, dataclasses.replace(config, measure="contrast"), asked, tmp_path)
    assert loss.id != contrast.id
    assert (loss.measure, contrast.measure) == ("loss", "contrast")
    assert contrast.config["unit"] == "logits per unit of learning rate"


def test_numbers_and_estimators_that_know_losses_alone_refuse_in_words(world, numbers, tmp_path):
    config = ScoreConfig(device="cpu", measure="contrast")
    with pytest.raises(UserError, match="contrast is about classes and sets of labels") as refused:
        score(numbers.dataset, numbers.labels, numbers.run, config, numbers.dataset.rows("test")[:1], tmp_path)
    assert "one output" in refused.value.do
    only = dataclasses.replace(config, estimator="trak")
    with pytest.raises(UserError, match="trak cannot be asked of contrast"):
        score(world.dataset, world.labels, world.run, only, world.dataset.rows("test")[:1], tmp_path)
