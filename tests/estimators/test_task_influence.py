"""The influence function follows leave-one-out of a linear model at its optimum, for every task."""

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import TASKS, World, Wrapped, build_task

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ModelConfig, ScoreConfig, TrainConfig
from attribution.training.train import train

SETTINGS = {
    "huber": ("regression", {"loss": "huber", "delta": 0.5}),
    "weighted": ("classification", {"class_weights": [0.5, 1.0, 3.0], "label_smoothing": 0.1}),
}


@pytest.fixture(scope="module", params=[*TASKS, *SETTINGS])
def world(request, tmp_path_factory) -> World:
    """A linear model: its representation is the input."""
    folder = tmp_path_factory.mktemp(request.param)
    task, settings = SETTINGS.get(request.param, (request.param, {}))
    made = build_task(folder, task, **settings)
    recipe = TrainConfig(epochs=40, batch_size=8, lr=0.05, weight_decay=0.02, checkpoints=1, device="cpu")
    run = train(made.dataset, made.labels, ModelConfig(name="logistic"), recipe, made.run.folder.parent)
    return World(made.dataset, made.labels, run, made.flipped)


@pytest.mark.parametrize("name", ["influence-exact", "influence-cg", "nystroem", "arnoldi", "lissa", "gif", "ekfac"])
def test_it_is_the_first_order_of_leaving_out(world, name):
    queries = [Query(str(row), (int(row),)) for row in world.dataset.rows("test")]
    rows = world.dataset.rows("train")
    truth = estimators.get("leave-one-out")(world.trained())
    truth.prepare(queries)

    class AtOptimum(Wrapped):
        def model(self, index, dataset, trusted) -> torch.nn.Module:
            model = super().model(index, dataset, trusted).double()
            layer = next(module for module in model.modules() if isinstance(module, torch.nn.Linear))
            with torch.no_grad():
                layer.weight.copy_(truth.weights[:, :-1])
                layer.bias.copy_(truth.weights[:, -1])
            return model

    optimum = World(world.dataset, world.labels, AtOptimum(world.run), world.flipped)
    estimator = estimators.get(name)(optimum.trained()).adjusted(damping_ratio=1e-3 if name != "lissa" else 0.1)
    if name == "gif":
        estimator = estimator.adjusted(ratio=1.0)
    estimator.prepare(queries)
    found, expected = estimator.score(rows).influence.numpy(), truth.score(rows).influence.numpy()
    least = 0.85 if name in ("ekfac", "lissa") else 0.95  # a sample in 60 is a large step
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > least
    assert 0.5 < np.abs(found).sum() / np.abs(expected).sum() < 1.5


@pytest.fixture(scope="module")
def focal(tmp_path_factory) -> World:
    """Trained by the focal loss, which has no curvature at the outputs."""
    return build_task(tmp_path_factory.mktemp("focal"), "classification", focal_gamma=2.0)


CURVED = ["influence-exact", "influence-cg", "nystroem", "arnoldi", "lissa", "kfac", "ekfac", "datainf", "gif", "logra"]


@pytest.mark.parametrize("name", [*CURVED, "grass", "source", "relatif", "forward-inf-preconditioned"])
def test_where_a_loss_has_no_curvature_the_empirical_fisher_stands_in_and_is_noted(focal, name):
    estimator = estimators.get(name)(focal.trained())
    estimator.prepare([Query(str(row), (int(row),)) for row in focal.dataset.rows("test")[:3]])
    assert np.isfinite(estimator.score(focal.dataset.rows("train")).influence.numpy()).all()
    assert estimator.notes()["curvature"].startswith("empirical Fisher: The focal loss is not convex")


def test_a_score_says_what_stood_in_for_the_curvature(focal, tmp_path):
    asked = focal.dataset.rows("test")[:2]
    args = (focal.dataset, focal.labels, focal.run)
    found = score(*args, ScoreConfig(estimator="ekfac", device="cpu"), asked, tmp_path)
    assert found.curvature_words.startswith("In place of the curvature: empirical Fisher: The focal loss")
    assert score(*args, ScoreConfig(estimator="ip", device="cpu"), asked, tmp_path).curvature_words == ""


def test_a_curvature_that_is_exact_is_not_remarked(world):
    estimator = estimators.get("ekfac")(world.trained())
    estimator.prepare([Query("one", (int(world.dataset.rows("test")[0]),))])
    assert "curvature" not in estimator.notes()


def test_refitting_by_a_loss_without_a_best_answer_is_refused(focal):
    estimator = estimators.get("leave-one-out")(focal.trained())
    estimator.prepare([Query("one", (int(focal.dataset.rows("test")[0]),))])
    with pytest.raises(UserError, match="no single best weights"):
        estimator.score(focal.dataset.rows("train"))
