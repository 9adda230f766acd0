"""SOURCE, LoGra and TRAK over several runs against their formulas, written out densely in float64."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_world import World, Wrapped, build, in_double, one_at_a_time

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.training.train import train


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("unrolled"))


@pytest.fixture(scope="module")
def world(single) -> World:
    return in_double(single)


def asked(world: World) -> tuple[np.ndarray, list[Query]]:
    rows = world.dataset.rows("test")
    return rows, [Query(str(row), (int(row),)) for row in rows]


def run(estimator, queries: list[Query], rows: np.ndarray) -> np.ndarray:
    estimator.prepare(queries)
    return estimator.score(rows).influence.numpy()


def gradients(world: World, rows: np.ndarray, checkpoint: int = -1) -> torch.Tensor:
    trained = world.trained()
    return one_at_a_time(trained.model(checkpoint), *trained.batch(rows))


def test_source_unrolls_each_stretch(world):
    """Against matrix exponentials of the dense curvature matrices."""
    rows, (test, queries) = world.dataset.rows("train"), asked(world)
    estimator = estimators.get("source")(world.trained())
    found = run(estimator, queries, rows)
    n, l2 = len(rows), world.run.train_config.weight_decay
    eye = torch.eye(estimator.factors[0].curvature.size, dtype=torch.float64)
    matrices = [factor.apply(eye, lambda values: values) + l2 * eye for factor in estimator.factors]
    times = [n * weight for weight in world.trained().weights]
    expected, carried = torch.zeros(len(rows), len(test), dtype=torch.float64), gradients(world, test)  # (q, P)
    for k in reversed(range(3)):
        decay = torch.linalg.matrix_exp(-times[k] * matrices[k])
        expected += gradients(world, rows, k) @ torch.linalg.solve(matrices[k], (eye - decay) @ carried.T) / n
        carried = carried @ decay
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-7 * float(expected.abs().max()))


def scaled_weights(world: World, factor: float) -> World:
    shorter = Wrapped(world.run._run, change=lambda model: model.double())
    shorter.checkpoints = [(path, weight * factor) for path, weight in shorter.checkpoints]
    return World(world.dataset, world.labels, shorter, world.flipped)


def test_source_of_a_short_training_sums_dot_products_as_tracin_does(world):
    rows, (test, queries) = world.dataset.rows("train"), asked(world)
    short = scaled_weights(world, 1e-7)
    terms = [
        weight * gradients(world, rows, k) @ gradients(world, test).T
        for k, weight in enumerate(short.trained().weights)
    ]
    expected = sum(terms).numpy()
    found = run(estimators.get("source")(short.trained()), queries, rows)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_source_of_a_long_training_is_the_undamped_influence_function(world):
    rows, (test, queries) = world.dataset.rows("train"), asked(world)
    endless = scaled_weights(world, 1e9)
    estimator = estimators.get("source")(endless.trained())
    found = run(estimator, queries, rows)
    l2 = world.run.train_config.weight_decay
    solved = estimator.factors[-1].apply(gradients(world, test), lambda values: 1 / (values + l2))
    expected = (gradients(world, rows) @ solved.T).numpy() / len(rows)
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(expected).max())


def test_source_refuses_what_it_cannot_time(world):
    loaded = Wrapped(world.run._run)
    loaded.config = {**loaded.config, "source": "loaded"}
    with pytest.raises(UserError, match="elsewhere"):
        estimators.get("source")(World(world.dataset, world.labels, loaded, world.flipped).trained()).options()
    adaptive = Wrapped(world.run._run)
    adaptive.train_config = dataclasses.replace(adaptive.train_config, optimizer="adamw")
    with pytest.raises(UserError, match="adamw"):
        estimators.get("source")(World(world.dataset, world.labels, adaptive, world.flipped).trained()).options()


def test_logra_with_whole_layers_is_the_block_diagonal_influence(world):
    rows, (test, queries) = world.dataset.rows("train"), asked(world)
    trained = world.trained(batch_size=16)
    estimator = estimators.get("logra")(trained)
    estimator.rank = 1000
    found = run(estimator, queries, rows)
    model, (x, _) = trained.model(), trained.batch(rows)
    p = model(x).softmax(1).detach()
    fisher = 0
    for label in range(3):
        g = one_at_a_time(model, x, torch.full((len(rows),), label))
        fisher = fisher + (g * p[:, [label]]).T @ g / len(rows)
    layers: dict[str, list[int]] = {}
    start = 0
    for name, parameter in model.named_parameters():
        layers.setdefault(name.split(".")[0], []).extend(range(start, start + parameter.numel()))
        start += parameter.numel()
    shift = estimator.curvature.shift
    expected = np.zeros((len(rows), len(test)))
    for places in layers.values():
        block = fisher[places][:, places] + shift * torch.eye(len(places), dtype=torch.float64)
        gi, gq = gradients(world, rows)[:, places], gradients(world, test)[:, places]
        expected += (gi @ torch.linalg.solve(block, gq.T)).numpy() / len(rows)
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def test_logra_restricts_the_weights_to_its_directions(world):
    """With few directions it is the same formula in the coordinates of the projection."""
    rows, (test, queries) = world.dataset.rows("train"), asked(world)
    estimator = estimators.get("logra")(world.trained())
    estimator.rank = 3
    found = run(estimator, queries, rows)
    whole = estimators.get("logra")(world.trained())
    whole.rank = 1000
    run(whole, queries, rows)
    trained = world.trained()
    basis = []
    for name, projection in estimator.projections.items():
        full = whole.projections[name]
        basis.append(torch.kron(full.outputs.T @ projection.outputs, full.inputs.T @ projection.inputs))  # (whole, few)
    turn = torch.block_diag(*basis)
    gi, gq = whole.features(*trained.batch(rows)), whole.features(*trained.batch(test))
    expected = 0
    matrix = torch.block_diag(*[factor @ factor.T for _, _, factor in whole._inverse])  # F + shift I of every layer
    for (_, a, b), (_, c, d) in zip(whole.spans(), estimator.spans(), strict=True):
        part = turn[a:b, c:d]
        small = part.T @ matrix[a:b, a:b] @ part
        expected = expected + gi[:, a:b] @ part @ torch.linalg.solve(small, part.T @ gq[:, a:b].T) / len(rows)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-9 * float(expected.abs().max()))


def test_logra_asks_each_training_sample_once(world):
    rows, (_, queries) = world.dataset.rows("train"), asked(world)
    trained = world.trained()
    estimator = estimators.get("logra")(trained)
    first = run(estimator, queries[:2], rows)
    before = trained.spent
    np.testing.assert_array_equal(run(estimator, queries[:2], rows), first)
    assert trained.spent - before == 3 * 2  # the queries' own gradients
    streamed = estimators.get("logra")(world.trained())
    streamed.keep_bytes = 0
    np.testing.assert_allclose(run(streamed, queries[:2], rows), first, rtol=1e-12)


def test_trak_ensemble_takes_the_runs_of_other_seeds(single):
    rows, (_, queries) = single.dataset.rows("train"), asked(single)
    alone = run(estimators.get("trak")(single.trained()), queries, rows)
    np.testing.assert_array_equal(
        run(estimators.get("trak-ensemble")(single.trained(), others=()), queries, rows), alone
    )
    recipe, folder = single.run.train_config, single.run.folder.parent
    others = [
        train(single.dataset, single.labels, single.run.model_config, dataclasses.replace(recipe, seed=s), folder)
        for s in (1, 2)
    ]
    # Another recipe.
    train(single.dataset, single.labels, single.run.model_config, dataclasses.replace(recipe, seed=3, epochs=2), folder)
    estimator = estimators.get("trak-ensemble")(single.trained())
    found = run(estimator, queries, rows)
    assert estimator.notes() == {"runs": 3, "models": 9}
    trained_models = [World(single.dataset, single.labels, other, single.flipped).trained() for other in others]
    expected = run(estimators.get("trak")(single.trained(), others=trained_models), queries, rows)
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - alone).max() > 0
