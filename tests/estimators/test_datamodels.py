"""Datamodels against known linear models, brute-force leave-one-out, and the promises that the contract tests make for
the others."""

import numpy as np
import pytest
from tiny_world import World, Wrapped, build

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.estimators.datamodels import GRID, lasso, ridge
from attribution.training.subsets import Subsets

MODELS = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    made = build(tmp_path_factory.mktemp("datamodels") / "project")
    recipe = made.run.train_config
    store = Subsets.at(
        made.run.folder.parent.parent / "subsets", made.dataset, made.labels, made.run.model_config, recipe
    )
    store.grow(made.dataset, made.labels, MODELS, device="cpu")
    return made


def queries(world: World) -> list[Query]:
    return [Query(str(row), (int(row),)) for row in world.dataset.rows("test")[:6]]


def run(world: World, asked: list[Query], rows: np.ndarray, **settings) -> np.ndarray:
    estimator = estimators.get("datamodels")(world.trained()).adjusted(**settings)
    estimator.prepare(asked)
    return estimator.score(rows).influence.numpy()


def test_ridge_finds_the_effects_of_a_linear_world():
    chance = np.random.default_rng(0)
    members = (chance.random((400, 40)) < 0.5).astype(float)
    effects = chance.normal(size=(40, 3))
    found = ridge(members, members @ effects + 2 + 0.01 * chance.normal(size=(400, 3)))
    np.testing.assert_allclose(found, effects, atol=0.02)


def test_ridge_chooses_the_penalty_by_leaving_models_out():
    """The closed form of the leave-one-out error against fitting without each model in turn."""
    chance = np.random.default_rng(1)
    members = (chance.random((20, 30)) < 0.5).astype(float)
    losses = members @ chance.normal(size=30) + chance.normal(size=20)
    centred = members - members.mean(0)
    penalties = GRID * np.maximum(np.linalg.eigvalsh(centred @ centred.T), 0).mean()

    def fit(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
        a, b = x - x.mean(0), y - y.mean()
        beta = np.linalg.solve(a.T @ a + penalty * np.eye(x.shape[1]), a.T @ b)
        return beta, y.mean() - x.mean(0) @ beta

    errors = []
    for penalty in penalties:
        missed = []
        for out in range(20):
            kept = np.arange(20) != out
            beta, constant = fit(members[kept], losses[kept], penalty)
            missed.append(losses[out] - members[out] @ beta - constant)
        errors.append(np.square(missed).mean())
    expected, _ = fit(members, losses, penalties[int(np.argmin(errors))])
    np.testing.assert_allclose(ridge(members, losses[:, None])[:, 0], expected, atol=1e-9)


def test_lasso_finds_few_effects():
    chance = np.random.default_rng(2)
    members = (chance.random((300, 40)) < 0.5).astype(float)
    effects = np.zeros((40, 1))
    effects[[3, 17], 0] = (1.0, -2.0)
    found = lasso(members, members @ effects + 0.1 * chance.normal(size=(300, 1)))
    np.testing.assert_allclose(found, effects, atol=0.1)


def test_it_is_minus_the_regression_of_retrained_losses(world):
    rows, asked = world.dataset.rows("train"), queries(world)
    store = Subsets.open(next((world.run.folder.parent.parent / "subsets").iterdir()))
    test = [query.rows[0] for query in asked]
    expected = -ridge(store.members().astype(float), store.losses(test, world.labels.values[test]))
    np.testing.assert_allclose(run(world, asked, rows), expected, atol=1e-12)
    assert np.abs(run(world, asked, rows, penalty="lasso") - expected).max() > 0


def test_batches_and_queries_do_not_matter(world):
    rows, asked = world.dataset.rows("train"), queries(world)
    whole = run(world, asked, rows)
    np.testing.assert_allclose(
        np.vstack([run(world, asked, part) for part in np.array_split(rows, 5)]), whole, atol=1e-9
    )
    np.testing.assert_allclose(np.hstack([run(world, [query], rows) for query in asked]), whole, atol=1e-9)


def test_copies_are_more_helpful_than_the_rest(world):
    asked = [Query(str(row), (int(row),)) for row in world.dataset.rows("test")]
    found = run(world, asked, world.dataset.rows("train"))
    same = world.labels.values[world.dataset.rows("train")][:, None] == world.labels.values[world.dataset.rows("test")]
    assert found[same].mean() > found[~same].mean()


def test_without_models_it_says_how_to_make_them(world, tmp_path):
    bare = build(tmp_path / "project")
    with pytest.raises(UserError, match="datablame compare"):
        estimators.get("datamodels")(bare.trained()).options()
    nowhere = World(
        world.dataset, world.labels, Wrapped(world.run, folder=tmp_path / "a" / "runs" / "b"), world.flipped
    )
    with pytest.raises(UserError, match="at least 10"):
        estimators.get("datamodels")(nowhere.trained()).options()


def test_more_models_are_another_request(world):
    estimator = estimators.get("datamodels")(world.trained())
    assert len(estimator.options()["models"]) == MODELS
    estimator.penalty = "elastic"
    with pytest.raises(UserError, match="elastic"):
        estimator.options()
