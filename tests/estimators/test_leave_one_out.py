"""Leave-one-out against another solver, and as the truth that the influence function approximates."""

import numpy as np
import pytest
import torch
from tiny_world import World, Wrapped, build

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.training.train import train


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    """A logistic regression: its representation is the input."""
    made = build(tmp_path_factory.mktemp("left out"))
    recipe = TrainConfig(epochs=60, batch_size=8, lr=0.05, weight_decay=0.01, checkpoints=1, device="cpu")
    run = train(made.dataset, made.labels, ModelConfig(name="logistic"), recipe, made.run.folder.parent)
    return World(made.dataset, made.labels, run, made.flipped)


def asked(world: World) -> list[Query]:
    return [Query(str(row), (int(row),)) for row in world.dataset.rows("test")]


def fitted(x: np.ndarray, y: np.ndarray, kept: np.ndarray, l2: float) -> tuple[np.ndarray, np.ndarray]:
    """sklearn's optimum of (1 / n) sum over kept of CE + l2 / 2 (|W|^2 + |b|^2): the bias is a feature, as in the
    recipe's decay."""
    from sklearn.linear_model import LogisticRegression

    peer = LogisticRegression(C=1 / (l2 * len(x)), fit_intercept=False, tol=1e-12, max_iter=20000)
    peer.fit(np.hstack([x, np.ones((len(x), 1))])[kept], y[kept])
    return peer.coef_[:, :-1], peer.coef_[:, -1]


def test_it_is_refitting_with_another_solver(world):
    rows, test = world.dataset.rows("train"), world.dataset.rows("test")
    estimator = estimators.get("leave-one-out")(world.trained())
    estimator.prepare(asked(world))
    found = estimator.score(rows[:6]).influence.numpy()
    x, y = np.asarray(world.dataset.inputs, dtype=np.float64), world.labels.values

    def losses(kept: np.ndarray) -> np.ndarray:
        weight, bias = fitted(x[rows], y[rows], kept, 0.01)
        return torch.nn.functional.cross_entropy(
            torch.tensor(x[test] @ weight.T + bias), torch.tensor(y[test]), reduction="none"
        ).numpy()

    before = losses(np.ones(len(rows), dtype=bool))
    for line in range(6):
        np.testing.assert_allclose(found[line], losses(np.arange(len(rows)) != line) - before, atol=1e-5)
    assert np.abs(found).max() > 1e-3


def test_the_influence_function_follows_it(world):
    """At the optimum, and with little damping, the influence function is its first-order form."""
    estimator = estimators.get("leave-one-out")(world.trained())
    estimator.prepare(asked(world))
    truth = estimator.score(world.dataset.rows("train")).influence.numpy()

    class AtOptimum(Wrapped):
        def model(self, index, dataset, trusted) -> torch.nn.Module:
            model = super().model(index, dataset, trusted).double()
            layer = next(module for module in model.modules() if isinstance(module, torch.nn.Linear))
            with torch.no_grad():
                layer.weight.copy_(estimator.weights[:, :-1])
                layer.bias.copy_(estimator.weights[:, -1])
            return model

    optimum = World(world.dataset, world.labels, AtOptimum(world.run), world.flipped)
    exact = estimators.get("influence-exact")(optimum.trained())
    exact.damping_ratio = 1e-6
    exact.prepare(asked(world))
    found = exact.score(world.dataset.rows("train")).influence.numpy()
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.9  # a sample in 60 is a large step
    assert estimator.notes()["loss_of_the_fit"] == pytest.approx(estimator.notes()["loss_of_the_run"], rel=0.2)


def test_dropped_samples_have_none_and_count_for_nothing(world):
    active = world.labels.active.copy()
    active[:5] = False
    fewer = World(
        world.dataset, type(world.labels).of(world.dataset, world.labels.values, active), world.run, world.flipped
    )
    estimator = estimators.get("leave-one-out")(fewer.trained())
    estimator.prepare(asked(world))
    found = estimator.score(np.arange(8)).influence.numpy()
    assert not found[:5].any()
    assert (np.abs(found[5:]).max(1) > 0).all()


def test_a_wide_last_layer_is_refused(world, monkeypatch):
    monkeypatch.setattr("attribution.estimators.leave_one_out.LIMIT", 10)
    estimator = estimators.get("leave-one-out")(world.trained())
    estimator.prepare(asked(world))
    with pytest.raises(UserError, match="at most 10"):
        estimator.score(np.arange(2))
