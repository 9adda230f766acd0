"""Curvature estimators against the influence formula written out, and against leaving samples out for real where that
is exact."""

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import World, Wrapped, build, in_double, one_at_a_time

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ScoreConfig

FAITHFUL = {
    "influence-exact": 1e-8,
    "influence-cg": 1e-4,
    "arnoldi": 1e-6,
    "nystroem": 1e-6,
    "forward-inf-preconditioned": 1e-4,
}
CURVATURE = [*FAITHFUL, "lissa", "kfac", "ekfac", "datainf"]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return in_double(build(tmp_path_factory.mktemp("curvature")))


def scores(world: World, name: str, rows: np.ndarray, **settings) -> np.ndarray:
    estimator = estimators.get(name)(world.trained()).adjusted(**settings)
    estimator.prepare([Query(str(row), (int(row),)) for row in rows])
    return estimator.score(world.dataset.rows("train")).influence.numpy()


def formula(world: World, rows: np.ndarray, damping_ratio: float = 1.0) -> np.ndarray:
    """(1 / n) g_q^T (G + l2 I + damping I)^-1 g_i with everything by plain autograd, one sample at a time."""
    trained = world.trained()
    train = world.labels.train_rows(world.dataset)
    model, n = trained.model(), len(train)
    x, _ = trained.batch(train)
    p = model(x).softmax(1).detach()
    matrix = 0
    for label in range(p.shape[1]):
        g = one_at_a_time(model, x, torch.full((n,), label))
        matrix = matrix + (g * p[:, [label]]).T @ g / n  # E_k g g^T: the Fisher form of the Gauss-Newton matrix
    l2 = world.run.train_config.weight_decay
    matrix += torch.eye(len(matrix), dtype=torch.float64) * l2
    matrix += torch.eye(len(matrix), dtype=torch.float64) * damping_ratio * matrix.trace() / len(matrix)
    gi, gq = (
        one_at_a_time(model, *trained.batch(world.dataset.rows("train"))),
        one_at_a_time(model, *trained.batch(rows)),
    )
    return (gi @ torch.linalg.solve(matrix, gq.T)).numpy() / n


@pytest.mark.parametrize("name", FAITHFUL)
def test_the_formula(world, name):
    test = world.dataset.rows("test")
    expected = formula(world, test)
    settings = {"rank": 1000} if name in ("arnoldi", "nystroem") else {}
    found = scores(world, name, test, **settings)
    assert np.abs(found - expected).max() < FAITHFUL[name] * np.abs(expected).max()


@pytest.mark.parametrize("name", FAITHFUL)
def test_the_formula_with_little_damping(world, name):
    test = world.dataset.rows("test")
    expected = formula(world, test, 0.1)
    settings = {"rank": 1000} if name in ("arnoldi", "nystroem") else {}
    found = scores(world, name, test, damping_ratio=0.1, **settings)
    assert np.abs(found - expected).max() < FAITHFUL[name] * np.abs(expected).max()


def test_a_linear_model_gets_less_damping(world):
    class Linear(Wrapped):
        def model(self, index, dataset, trusted) -> torch.nn.Module:
            torch.manual_seed(0)
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))

    linear = World(world.dataset, world.labels, Linear(world.run._run), world.flipped)
    assert estimators.get("nystroem")(linear.trained()).options()["damping_ratio"] == 0.1


def test_dropped_samples_are_no_part_of_the_curvature(world):
    active = world.labels.active.copy()
    active[5:15] = False
    labels = type(world.labels).of(world.dataset, world.labels.values, active)
    less = World(world.dataset, labels, world.run, world.flipped)
    test = world.dataset.rows("test")[:3]
    np.testing.assert_allclose(scores(less, "influence-exact", test), formula(less, test), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", CURVATURE)
def test_heavy_damping_leaves_the_gradient_dot_product(world, name):
    """As damping grows, (C + damping I)^-1 becomes I / damping: all of them become ip, which checks their common
    scale."""
    test = world.dataset.rows("test")[:4]
    estimator = estimators.get(name)(world.trained())
    estimator.adjusted(damping_ratio=1e6)
    estimator.prepare([Query(str(row), (int(row),)) for row in test])
    found = estimator.score(world.dataset.rows("train")).influence.numpy()
    scale = estimator.curvature.n * estimator.curvature.shift
    expected = scores(world, "ip", test)
    np.testing.assert_allclose(found * scale, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("name", CURVATURE)
def test_notes_name_the_damping(world, name):
    estimator = estimators.get(name)(world.trained())
    estimator.prepare([Query("one", (int(world.dataset.rows("test")[0]),))])
    notes = estimator.notes()
    assert notes["l2"] == world.run.train_config.weight_decay
    assert notes["damping"] == pytest.approx(notes["mean_eigenvalue"] + notes["l2"])
    assert estimator.options()["damping_ratio"] == 1


def test_conjugate_gradients_note_their_residual(world):
    estimator = estimators.get("influence-cg")(world.trained())
    estimator.iterations = 2
    estimator.prepare([Query("one", (int(world.dataset.rows("test")[0]),))])
    assert estimator.notes()["iterations"] == 2
    assert estimator.notes()["residual"] > estimator.tolerance


def test_a_query_without_gradient_has_no_influence(world):
    trained = world.trained()
    with torch.no_grad():
        for parameter in trained.model().parameters():
            parameter.zero_()
        list(trained.model().parameters())[-1].copy_(torch.tensor([800.0, 0.0, 0.0]))
    zero = next(int(row) for row in world.dataset.rows("test") if world.labels.values[row] == 0)
    for name in ("influence-cg", "forward-inf-preconditioned"):
        estimator = estimators.get(name)(trained)
        estimator.prepare([Query("sure", (zero,))])
        assert not estimator.score(world.dataset.rows("train")).influence.any()


def test_a_large_model_is_refused_by_the_exact_form(world, monkeypatch):
    monkeypatch.setattr("attribution.gradients.curvature.dense.LARGEST", 10)
    with pytest.raises(UserError, match="influence-cg"):
        scores(world, "influence-exact", world.dataset.rows("test")[:1])


def test_loaded_weights_have_no_known_penalty(world):
    class Loaded(Wrapped):
        def __init__(self, run) -> None:
            super().__init__(run, change=lambda model: model.double())
            self.config = {**run.config, "source": "loaded"}

    loaded = World(world.dataset, world.labels, Loaded(world.run._run), world.flipped)
    assert estimators.get("influence-exact")(loaded.trained()).curvature.l2 == 0


def test_the_damping_ratio_is_a_setting_of_a_score_run(world, tmp_path):
    test = world.dataset.rows("test")[:2]
    found = {}
    for ratio in (0.1, 1.0):
        config = ScoreConfig(estimator="ekfac", device="cpu", damping_ratio=ratio)
        found[ratio] = score(world.dataset, world.labels, world.run, config, test, tmp_path)
        assert found[ratio].config["notes"]["damping"] == pytest.approx(
            ratio * (found[ratio].config["notes"]["mean_eigenvalue"] + world.run.train_config.weight_decay)
        )
    assert found[0.1].folder != found[1.0].folder
    with pytest.raises(UserError, match="damping_ratio"):
        score(
            world.dataset,
            world.labels,
            world.run,
            ScoreConfig(estimator="ekfac", device="cpu", damping_ratio=-1.0),
            test,
            tmp_path,
        )


def test_relative_influence_is_influence_over_the_root_of_self_influence(world):
    train, test = world.dataset.rows("train"), world.dataset.rows("test")
    influence, own = scores(world, "ekfac", test), np.diag(scores(world, "ekfac", train))
    found = scores(world, "relatif", test)
    np.testing.assert_allclose(found, influence / np.sqrt(own)[:, None], rtol=1e-7, atol=1e-12)
    itself = np.sqrt(np.diag(scores(world, "relatif", train)) * np.sqrt(own))
    np.testing.assert_allclose(itself, np.sqrt(own), rtol=1e-7)


def test_forward_inf_preconditioned_by_ekfac_reads_off_ekfac(world):
    test = world.dataset.rows("test")
    expected = scores(world, "ekfac", test)
    found = scores(world, "forward-inf-preconditioned", test, solver="ekfac")
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    estimator = estimators.get("forward-inf-preconditioned")(world.trained())
    with pytest.raises(UserError, match="solver"):
        estimator.adjusted(solver="lu")
