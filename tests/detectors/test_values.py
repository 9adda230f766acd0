"""Detectors against their formulas, and what they say when a run cannot serve them."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_world import N_TRAIN, World, Wrapped, build, in_double, one_at_a_time

from attribution.datasets.dataset import Labels
from attribution.detectors import defaults, detectors, last_layer
from attribution.detectors.base import Evidence
from attribution.errors import UserError
from attribution.gradients.engine import GradientEngine
from attribution.training.train import predict


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("detectors"))


def values(world: World, name: str, **settings) -> np.ndarray:
    uniform = np.full((len(world.trained().rows), 3), 1 / 3)
    return detectors.get(name)().values(Evidence(world.trained(batch_size=16), lambda: uniform, **settings))


def test_loss_is_minus_log_probability(world):
    p = world.run.probabilities()[:N_TRAIN]
    np.testing.assert_allclose(
        values(world, "loss"), -np.log(p[np.arange(N_TRAIN), world.labels.values[:N_TRAIN]]), rtol=1e-5
    )


def test_aum_is_minus_the_mean_margin(world):
    table = world.run.dynamics()
    expected = [-table[table["row"] == row]["margin"].mean() for row in range(N_TRAIN)]
    np.testing.assert_allclose(values(world, "aum"), expected, rtol=1e-5)


def test_aum_needs_a_record(world):
    class Bare(Wrapped):
        def dynamics(self) -> pd.DataFrame:
            return world.run.dynamics().iloc[:0]

    with pytest.raises(UserError, match="per-epoch record"):
        values(World(world.dataset, world.labels, Bare(world.run), world.flipped), "aum")


def test_self_influence_sums_squared_norms_over_checkpoints(world):
    double = in_double(world)
    trained = double.trained()
    expected = np.zeros(N_TRAIN)
    for index, weight in enumerate(trained.weights):
        expected += weight * (one_at_a_time(trained.model(index), *trained.batch(np.arange(N_TRAIN))).numpy() ** 2).sum(
            1
        )
    np.testing.assert_allclose(values(double, "self-influence"), expected, rtol=1e-9)


def test_ip_validation_is_the_dot_with_the_mean_validation_gradient(world):
    double = in_double(world)
    trained = double.trained()
    train, val = (
        one_at_a_time(trained.model(), *trained.batch(double.dataset.rows(split))).numpy() for split in ("train", "val")
    )
    np.testing.assert_allclose(values(double, "ip-validation"), -train @ val.mean(0), rtol=1e-8, atol=1e-12)


def test_ip_validation_needs_a_validation_split(world):
    active = world.labels.active.copy()
    active[world.dataset.rows("val")] = False
    labels = Labels.of(world.dataset, world.labels.values, active)
    with pytest.raises(UserError, match="validation"):
        values(World(world.dataset, labels, world.run, world.flipped), "ip-validation")


def test_neighbors_weigh_votes_by_cosine(world):
    # The first of three.
    features = predict(world.run.model(0, world.dataset), world.dataset, np.arange(N_TRAIN))[1].astype(np.float64)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    y = world.labels.values[:N_TRAIN]
    expected = []
    for row in range(N_TRAIN):
        near = np.argsort(-similarity[row])[:5]
        weight = np.maximum(similarity[row, near], 1e-6)
        expected.append(1 - weight[y[near] == y[row]].sum() / weight.sum())
    np.testing.assert_allclose(values(world, "neighbors", neighbors=5), expected, atol=1e-4)


def test_confident_learning_is_half_where_nothing_is_known(world):
    np.testing.assert_allclose(values(world, "confident-learning"), 0.5)


def test_detectors_follow_edited_labels(world):
    edited = world.labels.values.copy()
    edited[0] = (edited[0] + 1) % 3
    other = World(world.dataset, Labels.of(world.dataset, edited, world.labels.active), world.run, world.flipped)
    for name in ("loss", "neighbors"):
        assert values(other, name)[0] > values(world, name)[0]


def test_an_ordinary_search_runs_the_same_six():
    assert defaults() == ["aum", "confident-learning", "data-map", "loss", "neighbors", "self-influence"]


def test_data_map_is_one_minus_the_mean_confidence(world):
    table = world.run.dynamics()
    expected = [1 - table[table["row"] == row]["confidence"].mean() for row in range(N_TRAIN)]
    np.testing.assert_allclose(values(world, "data-map"), expected, rtol=1e-5)


def logits(world: World, checkpoint: int) -> np.ndarray:
    trained = world.trained()
    with torch.no_grad():
        return trained.model(checkpoint)(trained.batch(np.arange(N_TRAIN))[0]).double().numpy()


def test_margin_is_the_lead_of_another_class_in_logits(world):
    z, y = logits(world, -1), world.labels.values[:N_TRAIN]
    expected = [max(np.delete(z[row], y[row])) - z[row, y[row]] for row in range(N_TRAIN)]
    np.testing.assert_allclose(values(world, "margin"), expected, rtol=1e-3, atol=1e-4)


def test_entropy_does_not_see_the_label(world):
    p = torch.softmax(torch.as_tensor(logits(world, -1)), dim=1)
    np.testing.assert_allclose(
        values(world, "entropy"), torch.distributions.Categorical(p).entropy(), rtol=1e-3, atol=1e-6
    )
    edited = Labels.of(world.dataset, (world.labels.values + 1) % 3, world.labels.active)
    np.testing.assert_array_equal(
        values(World(world.dataset, edited, world.run, world.flipped), "entropy"), values(world, "entropy")
    )


def test_el2n_is_the_early_error(world):
    p = torch.softmax(torch.as_tensor(logits(world, 0)), dim=1).numpy()
    np.testing.assert_allclose(
        values(world, "el2n"), np.linalg.norm(p - np.eye(3)[world.labels.values[:N_TRAIN]], axis=1), rtol=1e-5
    )


def test_grand_is_the_early_gradient_norm(world):
    double = in_double(world)
    trained = double.trained()
    expected = one_at_a_time(trained.model(0), *trained.batch(np.arange(N_TRAIN))).norm(dim=1)
    np.testing.assert_allclose(values(double, "grand"), expected, rtol=1e-9)


def pairs(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Dots and cosines of all training with all validation gradients, and both label vectors, by plain autograd."""
    trained, rows = world.trained(), [world.dataset.rows(split) for split in ("train", "val")]
    train, val = (one_at_a_time(trained.model(), *trained.batch(each)).numpy() for each in rows)
    dots = train @ val.T
    norms = np.linalg.norm(train, axis=1)[:, None] * np.linalg.norm(val, axis=1)
    return dots, dots / norms, world.labels.values[rows[0]], world.labels.values[rows[1]]


def test_class_aware_sums(world):
    double = in_double(world)
    dots, cosines, given, judged = pairs(double)
    worst = -np.min([dots[:, judged == label].sum(1) for label in range(3)], axis=0)
    np.testing.assert_allclose(values(double, "gd-class"), worst, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(values(double, "mni"), -np.minimum(dots, 0).sum(1), rtol=1e-8, atol=1e-12)
    own = [-cosines[row, judged == given[row]].mean() for row in range(N_TRAIN)]
    np.testing.assert_allclose(values(double, "own-class-cosine"), own, rtol=1e-8, atol=1e-12)


def test_class_aware_sums_do_not_depend_on_the_memory_for_validation_gradients(world, monkeypatch):
    names = ("gd-class", "mni", "own-class-cosine")
    whole = [values(world, name) for name in names]
    monkeypatch.setattr(GradientEngine, "query_capacity", lambda self, x, y: 4)
    for name, expected in zip(names, whole, strict=True):
        np.testing.assert_allclose(values(world, name), expected, rtol=1e-4, atol=1e-6)


def test_detectors_that_judge_by_validation_samples_need_some(world):
    active = world.labels.active.copy()
    active[world.dataset.rows("val")] = False
    bare = World(world.dataset, Labels.of(world.dataset, world.labels.values, active), world.run, world.flipped)
    for name in ("gd-class", "mni", "own-class-cosine", "knn-shapley"):
        with pytest.raises(UserError, match="validation"):
            values(bare, name)


def test_knn_shapley_values_average_to_minus_the_votes_accuracy(world):
    features = world.trained().recorded_representation(np.arange(len(world.dataset)))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    val = world.dataset.rows("val")
    near = np.argsort(-unit[val] @ unit[:N_TRAIN].T, axis=1)[:, :5]
    right = (world.labels.values[near] == world.labels.values[val][:, None]).mean()
    np.testing.assert_allclose(values(world, "knn-shapley").mean(), -right, atol=1e-9)


def test_gradient_outliers_are_lengths_of_the_last_layers_gradient(world):
    trained = world.trained()
    model, (x, y) = trained.model(), trained.batch(np.arange(N_TRAIN))
    last = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]
    rows = []
    for index in range(N_TRAIN):
        loss = torch.nn.functional.cross_entropy(model(x[index : index + 1]), y[index : index + 1])
        rows.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(last.parameters()))]))
    gradients = torch.stack(rows)
    np.testing.assert_allclose(values(world, "gradient-outlier-l1"), gradients.abs().sum(1), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(values(world, "gradient-outlier-l2"), gradients.norm(dim=1), rtol=1e-3, atol=1e-5)


def test_the_forest_does_not_depend_on_the_size_of_its_blocks(world, monkeypatch):
    whole = values(world, "gradient-outlier-forest")
    assert ((whole > 0) & (whole < 1)).all()
    monkeypatch.setattr(last_layer, "_BLOCK_BYTES", 1000)
    np.testing.assert_array_equal(values(world, "gradient-outlier-forest"), whole)
