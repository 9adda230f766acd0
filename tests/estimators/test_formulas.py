"""Each estimator against its formula, written out with plain autograd in float64."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch
from tiny_world import World, Wrapped, build, in_double, one_at_a_time

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.estimators.forward_inf import ForwardInfluence
from attribution.estimators.knn_shapley import shapley_values
from attribution.tasks.classification import per_sample_loss
from attribution.training.trained import TrainedModel


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return in_double(build(tmp_path_factory.mktemp("formulas")))


def gradients(world: World, rows: np.ndarray, checkpoint: int = -1) -> np.ndarray:
    trained = world.trained()
    return one_at_a_time(trained.model(checkpoint), *trained.batch(rows)).numpy()


def asked(world: World) -> tuple[np.ndarray, list[Query]]:
    rows = world.dataset.rows("test")
    return rows, [Query(str(row), (int(row),)) for row in rows]


def run(estimator, queries: list[Query], rows: np.ndarray) -> np.ndarray:
    estimator.prepare(queries)
    return estimator.score(rows).influence.numpy()


def test_ip_is_the_dot_product(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    expected = gradients(world, train) @ gradients(world, test).T
    found = run(estimators.get("ip")(world.trained()), queries, train)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_cosine_is_the_normalised_dot_product(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    a, b = gradients(world, train), gradients(world, test)
    expected = (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T
    estimator = estimators.get("cosine")(world.trained())
    np.testing.assert_allclose(run(estimator, queries, train), expected, rtol=1e-9, atol=1e-12)
    also = estimators.get("ip")(world.trained())
    also.prepare(queries)
    np.testing.assert_allclose(also.score(train).cosine.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_tracin_sums_weighted_dot_products(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    weights = world.trained().weights
    assert len(weights) == 3
    expected = sum(
        weight * gradients(world, train, k) @ gradients(world, test, k).T for k, weight in enumerate(weights)
    )
    np.testing.assert_allclose(
        run(estimators.get("tracin")(world.trained()), queries, train), expected, rtol=1e-9, atol=1e-12
    )


def test_a_group_query_is_the_mean_gradient(world):
    train, test = world.dataset.rows("train"), world.dataset.rows("test")
    expected = gradients(world, train) @ gradients(world, test).mean(0)
    found = run(estimators.get("ip")(world.trained(batch_size=4)), [Query("all", tuple(test.tolist()))], train)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_forward_inf_takes_unit_steps_up_the_querys_loss(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    found = run(estimators.get("forward-inf")(world.trained()), queries[:1], train)[:, 0]
    trained = world.trained()
    model, (x, y) = trained.model(), trained.batch(test[:1])
    rows_x, rows_y = trained.batch(train)
    with torch.no_grad():
        before = per_sample_loss(model(rows_x), rows_y)
    for _ in range(ForwardInfluence.Settings.steps):
        parts = torch.autograd.grad(per_sample_loss(model(x), y).sum(), list(model.parameters()))
        norm = torch.cat([part.flatten() for part in parts]).norm()
        with torch.no_grad():
            for parameter, part in zip(model.parameters(), parts, strict=True):
                parameter += ForwardInfluence.Settings.step * part / norm
    with torch.no_grad():
        expected = per_sample_loss(model(rows_x), rows_y) - before
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-8, atol=1e-11)


def test_forward_inf_with_one_short_step_is_the_dot_product(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    estimator = estimators.get("forward-inf")(world.trained())
    estimator.adjusted(steps=1, step=1e-6)
    found = run(estimator, queries, train) / 1e-6
    query = gradients(world, test)
    expected = gradients(world, train) @ (query / np.linalg.norm(query, axis=1, keepdims=True)).T
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_forward_inf_computes_base_losses_once_per_row(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    trained = world.trained()
    estimator = estimators.get("forward-inf")(trained)
    estimator.prepare(queries[:1])
    trained.spent = 0
    estimator.score(train)
    assert trained.spent == 2 * len(train)
    estimator.prepare(queries[1:2])
    trained.spent = 0
    estimator.score(train)
    assert trained.spent == len(train)


class Refusing(torch.nn.Module):
    """A pass-through whose value decides what happens, which a vectorised pass refuses."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if float(x.sum()) < np.inf else -x


@pytest.mark.parametrize("small", [False, True])
def test_forward_inf_asks_a_small_model_at_many_queries_in_one_pass(world, monkeypatch, small):
    """As many as keep the activations small, none where it can't be vectorised; the values and the bill are the
    same."""
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    alone, together, refusing = (world.trained() for _ in range(3))
    refusing._models[len(refusing.weights) - 1] = torch.nn.Sequential(refusing.model(), Refusing()).eval()
    monkeypatch.setattr("attribution.training.trained._TOGETHER_BYTES", 1)
    expected = run(estimators.get("forward-inf")(alone), queries, train)
    x, y = alone.batch(train)
    assert alone._together(x, y) == 1
    monkeypatch.setattr(
        "attribution.training.trained._TOGETHER_BYTES",
        3 * alone.engine().plan(x, y).saved * x.numel() + 1 if small else 1 << 40,
    )
    assert alone._together(x, y) == 3 or not small
    for trained in (together, refusing):
        np.testing.assert_allclose(
            run(estimators.get("forward-inf")(trained), queries, train), expected, rtol=1e-9, atol=1e-12
        )
    assert together._vectorised
    assert not refusing._vectorised
    assert together.spent == refusing.spent == alone.spent


def test_forward_inf_of_a_query_without_gradient_is_zero(world):
    trained = world.trained()
    with torch.no_grad():
        for parameter in trained.model().parameters():
            parameter.zero_()
        list(trained.model().parameters())[-1].copy_(torch.tensor([800.0, 0.0, 0.0]))
    zero = [int(row) for row in world.dataset.rows("test") if world.labels.values[row] == 0][:1]
    assert not run(
        estimators.get("forward-inf")(trained), [Query("sure", tuple(zero))], world.dataset.rows("train")
    ).any()


def test_random_is_standard_normal_and_fixed_by_seed(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    found = run(estimators.get("random")(world.trained(), seed=1), queries, train)
    assert abs(found.mean()) < 0.1
    assert abs(found.std() - 1) < 0.1
    np.testing.assert_array_equal(found, run(estimators.get("random")(world.trained(), seed=1), queries, train))
    assert (
        np.abs(
            np.corrcoef(found.ravel(), run(estimators.get("random")(world.trained(), seed=2), queries, train).ravel())[
                0, 1
            ]
        )
        < 0.1
    )


def test_tracin_predicts_what_training_on_a_sample_did(world):
    """First-order truth: along one small SGD step on sample i, every query's loss falls by lr times the dot product."""
    trained = world.trained()
    train, test = world.dataset.rows("train")[:4], world.dataset.rows("test")
    model, (x, y) = trained.model(), trained.batch(test)
    dots = gradients(world, train) @ gradients(world, test).T
    with torch.no_grad():
        before = per_sample_loss(model(x), y).numpy()
    start = [parameter.detach().clone() for parameter in model.parameters()]
    for line, row in enumerate(train):
        own_x, own_y = trained.batch([row])
        parts = torch.autograd.grad(per_sample_loss(model(own_x), own_y).sum(), list(model.parameters()))
        with torch.no_grad():
            for parameter, part in zip(model.parameters(), parts, strict=True):
                parameter -= 1e-5 * part
            after = per_sample_loss(model(x), y).numpy()
            for parameter, value in zip(model.parameters(), start, strict=True):
                parameter.copy_(value)
        np.testing.assert_allclose((before - after) / 1e-5, dots[line], atol=1e-3 * np.abs(dots).max())


@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 5), (7, 1), (7, 3), (8, 8)])
def test_knn_shapley_is_the_shapley_value_over_all_subsets(n, k):
    match = np.random.default_rng(n * k).integers(0, 2, n)

    def vote(members: tuple[int, ...]) -> float:
        return match[sorted(members)[:k]].sum() / k  # 0 is the nearest

    expected = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            gains = [vote((*chosen, i)) - vote(chosen) for chosen in combinations(others, size)]
            expected[i] += sum(gains) / (n * comb(n - 1, size))
    found = shapley_values(match, k)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found.sum(), vote(tuple(range(n))), atol=1e-12)


def test_knn_shapley_values_of_a_query_add_up_to_the_vote(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    estimator = estimators.get("knn-shapley")(world.trained())
    features = world.trained().recorded_representation(np.arange(len(world.dataset)))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    near = np.argsort(-unit[test] @ unit[train].T, axis=1)[:, : estimator.k]
    vote = (world.labels.values[near] == world.labels.values[test][:, None]).mean(1)
    np.testing.assert_allclose(run(estimator, queries, train).sum(0), vote, atol=1e-9)


def test_knn_shapley_leaves_dropped_samples_out(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    active = world.labels.active.copy()
    active[:5] = False
    fewer = World(
        world.dataset, type(world.labels).of(world.dataset, world.labels.values, active), world.run, world.flipped
    )
    found = run(estimators.get("knn-shapley")(fewer.trained()), queries, train)
    assert not found[:5].any()
    assert (np.abs(found[5:]).max(0) > 0).all()


def test_representation_is_the_cosine_signed_by_the_labels(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    features = world.trained().recorded_representation(np.arange(len(world.dataset)))
    unit, y = features / np.linalg.norm(features, axis=1, keepdims=True), world.labels.values
    expected = unit[train] @ unit[test].T * np.where(y[train][:, None] == y[test], 1, -1)
    np.testing.assert_allclose(
        run(estimators.get("representation")(world.trained()), queries, train), expected, atol=1e-12
    )
    group = run(estimators.get("representation")(world.trained()), [Query("all", tuple(test.tolist()))], train)[:, 0]
    np.testing.assert_allclose(group, expected.mean(1), atol=1e-12)


def test_representer_points_decompose_the_logits_of_the_refitted_layer(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    estimator = estimators.get("representer")(world.trained())
    found = run(estimator, queries, train)
    logits = (estimator.features(test) @ estimator.weights.T).numpy()
    np.testing.assert_allclose(
        found.sum(0), logits[np.arange(len(test)), world.labels.values[test]], rtol=1e-6, atol=1e-7
    )
    every = (
        estimator.alphas(train).T @ estimator.features(train) @ estimator.features(test).T
    )  # (c, q): all classes' logits
    np.testing.assert_allclose(every.T, logits, rtol=1e-6, atol=1e-7)


def test_representers_last_layer_is_the_ridge_penalised_optimum(world):
    from sklearn.linear_model import LogisticRegression

    train = world.dataset.rows("train")
    estimator = estimators.get("representer")(world.trained())
    peer = LogisticRegression(C=1 / (2 * estimator.l2 * len(train)), fit_intercept=False, tol=1e-10, max_iter=5000)
    peer.fit(estimator.features(train).numpy(), world.labels.values[train])
    np.testing.assert_allclose(estimator.weights, peer.coef_, atol=1e-5)


def margin_gradients(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (b, P) of log(p / (1 - p)) and 1 - p (b,), by plain autograd, one sample after the other."""
    rows, doubt = [], []
    for index in range(len(x)):
        p = torch.softmax(model(x[index : index + 1]), dim=1)[0, y[index]]
        rows.append(
            torch.cat(
                [part.flatten() for part in torch.autograd.grad(torch.log(p / (1 - p)), list(model.parameters()))]
            )
        )
        doubt.append(1 - float(p.detach()))
    return torch.stack(rows).numpy(), np.array(doubt)


def dense_trak(trained_models: list[TrainedModel], train: np.ndarray, test: np.ndarray, ridge: float) -> np.ndarray:
    kernels, doubts = [], []
    for trained in trained_models:
        for index in range(len(trained.weights)):
            phi, doubt = margin_gradients(trained.model(index), *trained.batch(train))
            query, _ = margin_gradients(trained.model(index), *trained.batch(test))
            gram = phi.T @ phi
            kernels.append(phi @ np.linalg.inv(gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram))) @ query.T)
            doubts.append(doubt)
    return np.mean(kernels, axis=0) * np.mean(doubts, axis=0)[:, None]


def test_trak_is_the_dense_formula_when_nothing_is_projected(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    trained = world.trained(batch_size=16)
    estimator = estimators.get("trak")(trained)
    estimator.dim = sum(value.numel() for value in trained.parameters().values())
    expected = dense_trak([trained], train, test, estimator.relative_ridge)
    np.testing.assert_allclose(run(estimator, queries, train), expected, rtol=1e-7, atol=1e-10)
    group = run(estimator, [Query("all", tuple(test.tolist()))], train)[:, 0]
    np.testing.assert_allclose(group, expected.mean(1), rtol=1e-7, atol=1e-10)


def test_trak_averages_over_runs(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    torch.manual_seed(0)
    shaken = Wrapped(
        world.run,
        change=lambda model: (
            torch.nn.utils.vector_to_parameters(
                torch.nn.utils.parameters_to_vector(model.parameters()) * 1.1, model.parameters()
            )
            or model
        ),
    )
    trained_models = [world.trained(), World(world.dataset, world.labels, shaken, world.flipped).trained()]
    estimator = estimators.get("trak")(trained_models[0], others=trained_models[1:])
    estimator.dim = 1000  # more than there are parameters: nothing is projected
    expected = dense_trak(trained_models, train, test, estimator.relative_ridge)
    np.testing.assert_allclose(run(estimator, queries, train), expected, rtol=1e-7, atol=1e-10)
    assert estimator.options()["runs"] == [world.run.id] * 6


def test_trak_with_a_projection_comes_near_the_whole(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    exact, near, far = (estimators.get("trak")(world.trained()) for _ in range(3))
    exact.dim, near.dim, far.dim = 1000, 512, 16
    whole = run(exact, queries, train)
    agreement = [np.corrcoef(run(each, queries, train).ravel(), whole.ravel())[0, 1] for each in (far, near)]
    assert agreement[1] > 0.9
    assert agreement[1] > agreement[0]
    again = estimators.get("trak")(world.trained(batch_size=7))
    again.dim = 512
    again.prepare(queries)
    parts = np.concatenate(
        [again.score(train[start : start + 7]).influence.numpy() for start in range(0, len(train), 7)]
    )
    np.testing.assert_allclose(parts, run(near, queries, train), rtol=1e-8, atol=1e-11)


def margins(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """log(p / (1 - p)) of the labels (b,), from the definition."""
    p = torch.softmax(model(x), dim=1).gather(1, y[:, None])[:, 0]
    return torch.log(p / (1 - p))


def test_forward_inf_on_the_margin_reads_off_how_far_it_falls(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    estimator = estimators.get("forward-inf")(world.trained())
    estimator.adjusted(objective="margin", steps=2)
    found = run(estimator, queries[:1], train)[:, 0]
    assert estimator.measured_in() == "logits of margin"
    trained = world.trained()
    model, (x, y), (rows_x, rows_y) = trained.model(), trained.batch(test[:1]), trained.batch(train)
    with torch.no_grad():
        before = margins(model, rows_x, rows_y)
    for _ in range(2):
        parts = torch.autograd.grad(margins(model, x, y).sum(), list(model.parameters()))
        norm = torch.cat([part.flatten() for part in parts]).norm()
        with torch.no_grad():
            for parameter, part in zip(model.parameters(), parts, strict=True):
                parameter -= estimator.settings.step * part / norm
    with torch.no_grad():
        np.testing.assert_allclose(found, (before - margins(model, rows_x, rows_y)).numpy(), rtol=1e-7, atol=1e-10)


def test_forward_inf_with_both_signs_is_second_order(world):
    """Halving the step takes the deviation from the dot product down fourfold with both signs, twofold with one."""
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    query = gradients(world, test[:1])[0]
    expected = gradients(world, train) @ query / np.linalg.norm(query)

    def deviation(step: float, both: bool) -> float:
        estimator = estimators.get("forward-inf")(world.trained())
        estimator.adjusted(steps=1, step=step, both_signs=both)
        return float(np.abs(run(estimator, queries[:1], train)[:, 0] / step - expected).max())

    assert deviation(1e-3, True) < 0.02 * deviation(1e-3, False)
    assert deviation(2e-5, False) / deviation(1e-5, False) == pytest.approx(2, rel=0.05)
    assert deviation(2e-4, True) / deviation(1e-4, True) == pytest.approx(4, rel=0.1)


def test_forward_inf_settings_leave_the_default_request_as_it_was(world):
    estimator = estimators.get("forward-inf")(world.trained())
    assert estimator.options() == {"steps": 5, "step": 0.2}
    estimator.adjusted(both_signs=True, objective="margin")
    assert estimator.options() == {"steps": 5, "step": 0.2, "objective": "margin", "both_signs": True}
    assert "solver" not in estimators.get("forward-inf-preconditioned")(world.trained()).options()


@pytest.mark.parametrize(("name", "value"), [("objective", "hinge"), ("steps", 0), ("step", 0.0)])
def test_forward_inf_refuses_settings_that_ask_nothing(world, name, value):
    estimator = estimators.get("forward-inf")(world.trained())
    with pytest.raises(UserError, match=name):
        estimator.adjusted(**{name: value})


def test_released_forward_inf_is_one_adam_step(world):
    train, (test, queries) = world.dataset.rows("train"), asked(world)
    found = run(estimators.get("forward-inf-released")(world.trained()), queries[:1], train)[:, 0]
    trained = world.trained()
    model, (rows_x, rows_y), start = trained.model(), trained.batch(train), gradients(world, test[:1])[0]
    with torch.no_grad():
        before = per_sample_loss(model(rows_x), rows_y)
        moved = torch.nn.utils.parameters_to_vector(model.parameters()) + 5e-3 * torch.from_numpy(
            start / (np.abs(start) + 1e-8)
        )
        torch.nn.utils.vector_to_parameters(moved, model.parameters())
        np.testing.assert_allclose(
            found, (per_sample_loss(model(rows_x), rows_y) - before).numpy(), rtol=1e-7, atol=1e-10
        )


def test_reranked_forward_inf_orders_its_first_twenty_by_cosine(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    plain = run(estimators.get("forward-inf")(world.trained()), queries, train)
    found = run(estimators.get("forward-inf-reranked")(world.trained()), queries, train)
    cosine = run(estimators.get("cosine")(world.trained()), queries, train)
    for column in range(len(queries)):
        first = np.argsort(-plain[:, column])[:20]
        first = first[plain[first, column] > 0]
        assert len(first) > 5
        np.testing.assert_allclose(np.sort(found[:, column]), np.sort(plain[:, column]), atol=1e-12)
        rest = np.setdiff1d(np.arange(len(train)), first)
        np.testing.assert_allclose(found[rest, column], plain[rest, column], atol=1e-12)
        np.testing.assert_array_equal(np.argsort(-found[first, column]), np.argsort(-cosine[first, column]))


def test_reranked_forward_inf_asks_the_gradients_of_few_samples(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    plain, reranked = world.trained(), world.trained()
    run(estimators.get("forward-inf")(plain), queries[:2], train)
    estimator = estimators.get("forward-inf-reranked")(reranked)
    estimator.adjusted(candidates=3)
    run(estimator, queries[:2], train)
    assert reranked.spent - plain.spent <= 2 * (3 + 3 * 3)  # per query: its own gradient and three candidates'


def test_reranked_forward_inf_gives_dropped_samples_their_plain_value(world):
    train, (_, queries) = world.dataset.rows("train"), asked(world)
    active = world.labels.active.copy()
    active[:5] = False
    fewer = World(
        world.dataset, type(world.labels).of(world.dataset, world.labels.values, active), world.run, world.flipped
    )
    found = run(estimators.get("forward-inf-reranked")(fewer.trained()), queries, train)
    np.testing.assert_allclose(found[:5], run(estimators.get("forward-inf")(fewer.trained()), queries, train)[:5])
