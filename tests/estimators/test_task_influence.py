"""The influence function follows leave-one-out of a linear model at its optimum, for every task."""

import numpy as np
import pytest
import torch
from tiny_world import TASKS, World, Wrapped, build_task

from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.training.train import train


@pytest.fixture(scope="module", params=[*TASKS, "huber"])
def world(request, tmp_path_factory) -> World:
    """A linear model: its representation is the input."""
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"loss": "huber", "delta": 0.5} if request.param == "huber" else {}
    made = build_task(folder, "regression" if settings else request.param, **settings)
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
