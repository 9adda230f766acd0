"""Angles against a query: plain autograd and a curvature written out give the same, and nothing depends on batch or row
order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_world import World, build, in_double, one_at_a_time, reordered

from attribution.errors import UserError
from attribution.estimators._preconditioned import curvature_of, usual_ratio
from attribution.gradients.curvature import shifted_conjugate_gradients
from attribution.studies.angles.result import AnglesResult
from attribution.studies.angles.run import angle
from attribution.studies.angles.study import Angles, AnglesConfig

CONFIG = AnglesConfig(device="cpu", damping_ratios=(0.1, 1.0, 10.0, 100.0), iterations=400)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("angles"))


def look(world: World, out, config: AnglesConfig = CONFIG, queries=None) -> AnglesResult:
    queries = world.dataset.rows("val") if queries is None else queries
    return Angles().make(world.context(out, queries), config)


def gradients(world: World, rows, checkpoint=-1) -> torch.Tensor:
    trained = world.trained()
    return one_at_a_time(trained.model(checkpoint), *trained.batch(rows))


@pytest.fixture(scope="module")
def double(world, tmp_path_factory) -> tuple[World, AnglesResult]:
    precise = in_double(world)
    return precise, look(precise, tmp_path_factory.mktemp("double"))


def test_cosines_norms_and_angles_equal_autograd(double):
    world, result = double
    rows = world.trained().rows
    for checkpoint in range(len(result.config["checkpoints"])):
        own = gradients(world, rows, checkpoint)
        query = gradients(world, world.dataset.rows("val"), checkpoint).mean(0)
        cosine = own @ query / (own.norm(dim=1) * query.norm())
        np.testing.assert_allclose(result.over_checkpoints[0, checkpoint], cosine, atol=1e-6)
        np.testing.assert_allclose(result.over_checkpoints[1, checkpoint], own.norm(dim=1), rtol=1e-5)
        assert result.config["checkpoints"][checkpoint]["query_norm"] == pytest.approx(float(query.norm()))
    samples = result.samples
    np.testing.assert_array_equal(samples["row"], rows)
    np.testing.assert_allclose(samples["influence"], own @ query, atol=1e-6)
    against = own[(own @ query) < 0]
    assert result.config["against"]["n"] == len(against) > 0
    assert result.config["against"]["angle"] == pytest.approx(angle(query, against.mean(0)), abs=1e-4)


def test_layers_equal_autograd_and_add_up(double):
    world, result = double
    model = world.trained().model()
    own = gradients(world, world.trained().rows)
    query = gradients(world, world.dataset.rows("val")).mean(0)
    start = 0
    for place, layer in enumerate(result.config["layers"]):
        size = sum(parameter.numel() for parameter in model.get_submodule(layer["name"]).parameters())
        a, b = own[:, start : start + size], query[start : start + size]
        np.testing.assert_allclose(result.by_layer[0, place], a @ b / (a.norm(dim=1) * b.norm()), atol=1e-6)
        np.testing.assert_allclose(result.by_layer[1, place], (a.norm(dim=1) / own.norm(dim=1)) ** 2, atol=1e-6)
        assert layer["share"] == pytest.approx(float((b.norm() / query.norm()) ** 2))
        assert (layer["parameters"], layer["kind"]) == (size, "Linear")
        start += size
    assert start == own.shape[1]
    np.testing.assert_allclose(result.by_layer[1].sum(0), 1, atol=1e-5)


def test_the_turn_equals_the_inverse_written_out(double):
    world, result = double
    trained = world.trained()
    own = gradients(world, trained.rows)
    query = gradients(world, world.dataset.rows("val")).mean(0)
    curvature = curvature_of(trained, 0, usual_ratio(trained))
    rows = curvature.rows(np.arange(curvature.n)).flatten(0, 1).double()
    dense = rows.T @ rows / curvature.n + curvature.l2 * torch.eye(rows.shape[1])
    mean = float(dense.trace()) / len(dense)
    turns = result.config["checkpoints"][-1]["curvature"]
    assert [one["ratio"] for one in turns] == sorted({0.1, 1.0, 10.0, 100.0, usual_ratio(trained)})
    for one in turns:
        assert one["residual"] <= 1e-3
        assert one["damping"] == pytest.approx(one["ratio"] * mean, rel=1e-4)
        solved = torch.linalg.solve(dense + one["damping"] * torch.eye(len(dense)), query)
        assert one["turn"] == pytest.approx(angle(query, solved), abs=0.1)
        if one["ratio"] == result.config["usual_ratio"]:
            np.testing.assert_allclose(
                result.samples["curved"], own @ solved / curvature.n, atol=2e-3 * float(solved.norm()) / curvature.n
            )
    assert turns[0]["turn"] > turns[-1]["turn"] + 1


def test_every_shift_is_solved_as_by_itself(world):
    trained = in_double(world).trained()
    curvature = curvature_of(trained, 0, 1.0)
    v = curvature.random(1, 3)[0].double()
    shifts = [curvature.shift * factor for factor in (1.0, 1e-3, 1e4)]
    x, residuals = shifted_conjugate_gradients(curvature, v, shifts, 1e-8, 2000)
    for one, shift, residual in zip(x, shifts, residuals, strict=True):
        missing = v - curvature.product(one[None])[0] - shift * one
        assert float(missing.norm() / v.norm()) <= 2e-8
        assert float(missing.norm() / v.norm()) == pytest.approx(float(residual), abs=1e-9)
    short, told = shifted_conjugate_gradients(curvature, v, shifts, 1e-8, 2)
    missing = v - curvature.product(short[1][None])[0] - shifts[1] * short[1]
    assert float(told[1]) == pytest.approx(float(missing.norm() / v.norm()), rel=1e-6)


def same(one, other):
    """Equal to a thousandth of each column's largest entry: conjugate gradients stop at a residual, not at the last
    digit."""
    for column in one.columns:
        np.testing.assert_allclose(one[column], other[column], atol=1e-3 * other[column].abs().max(), err_msg=column)


def test_batch_size_and_row_order_change_nothing(world, tmp_path):
    first = look(world, tmp_path / "a").samples.set_index("row")
    cut = look(world, tmp_path / "b", replace(CONFIG, batch_size=7)).samples.set_index("row")
    same(first, cut)
    other, order = reordered(world, tmp_path)
    few = replace(CONFIG, curvature_samples=20)
    here, there = look(world, tmp_path / "c", few), look(other, tmp_path / "d", few)
    same(here.samples.set_index("row").loc[order[:60]], there.samples.set_index("row"))
    pairs = zip(here.config["checkpoints"][-1]["curvature"], there.config["checkpoints"][-1]["curvature"], strict=True)
    assert all(a["turn"] == pytest.approx(b["turn"], abs=0.1) for a, b in pairs)


def test_a_finished_measurement_is_found_and_labels_make_another(world, tmp_path):
    first = look(world, tmp_path)
    assert look(world, tmp_path).id == first.id
    values = world.labels.values.copy()
    values[0] = (values[0] + 1) % 3
    edited = World(
        world.dataset, type(world.labels).of(world.dataset, values, world.labels.active), world.run, world.flipped
    )
    assert look(edited, tmp_path).id != first.id
    assert look(world, tmp_path, queries=world.dataset.rows("test")[:1]).id != first.id
    assert (first.run, first.version, first.query_rows) == (
        world.run.id,
        world.labels.version,
        tuple(world.dataset.rows("val")),
    )


def test_no_query_is_refused(tiny_project):
    with pytest.raises(UserError, match="No sample"):
        tiny_project.angle(AnglesConfig(queries="nothing"))


def test_the_project_finds_what_it_measured(tiny_project):
    rows = tiny_project.dataset.rows("test")[:3]
    assert tiny_project.angles(rows) is None
    made = tiny_project.angle(
        AnglesConfig(queries=",".join(tiny_project.dataset.ids[rows]), device="cpu", iterations=5)
    )
    assert tiny_project.angles(rows[::-1]).id == made.id
    assert tiny_project.angles(rows[:2]) is None


def test_angles_keep_their_digits():
    a = torch.tensor([1.0, 0.0])
    assert angle(a, torch.tensor([1.0, 1e-7])) == pytest.approx(np.degrees(1e-7), rel=1e-6)
    assert angle(a, -a) == 180
    assert angle(a, torch.tensor([0.0, 3.0])) == pytest.approx(90)
    assert angle(a, 0 * a) == 90
