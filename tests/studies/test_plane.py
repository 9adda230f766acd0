"""The plane of two columns: the model's own answers on the grid, in the data's units, whatever the batches."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_world import World, build_task

from attribution.datasets.handed import Inputs
from attribution.datasets.number_columns import as_handed, number_columns, numbers_of
from attribution.errors import UserError
from attribution.studies.plane import run as asking
from attribution.studies.plane.study import Plane, PlaneConfig

COLUMNS = [{"name": name, "kind": "number", "mean": 10.0 * k, "std": 1.0 + k} for k, name in enumerate("pqrs")]
CONFIG = PlaneConfig(across="q", upwards="s", steps=9, device="cpu")


def described(world: World, columns=COLUMNS) -> World:
    """The world with names, means and deviations for its inputs, as an import writes them."""
    world.dataset.info = dataclasses.replace(world.dataset.info, preprocessing={"columns": columns})
    return world


@pytest.fixture(scope="module", params=["classification", "binary", "multilabel", "regression"])
def world(request, tmp_path_factory) -> World:
    return described(build_task(tmp_path_factory.mktemp(request.param), request.param))


@pytest.fixture(scope="module")
def plane(world, tmp_path_factory):
    return Plane().make(world.context(tmp_path_factory.mktemp("planes")), CONFIG)


def test_the_grid_holds_what_the_model_says_there(world, plane):
    trained = world.trained()
    middle = trained.batch(trained.rows)[0].mean(0)
    (x0, x1), (y0, y1) = plane.limits
    for row, column in ((0, 0), (8, 0), (3, 5)):
        inputs = middle.clone()
        inputs[1] = ((x0 + (x1 - x0) * column / 8) - 10) / 2
        inputs[3] = ((y0 + (y1 - y0) * row / 8) - 30) / 4
        with torch.no_grad():
            outputs = trained.model()(inputs[None])
        np.testing.assert_allclose(plane.answers[row, column], trained.task.predict(outputs)[0], rtol=1e-4)
        if world.dataset.task.kind == "class":
            expected = trained.task.class_probabilities(trained.task.kept(outputs))[0]
            np.testing.assert_allclose(plane.probabilities[row, column], expected, atol=1e-3)
    assert (plane.probabilities is None) == (world.dataset.task.kind != "class")


def test_the_samples_stand_in_their_own_units_inside(world, plane):
    stored = np.asarray(world.dataset.inputs)
    expected = np.column_stack([stored[:, 1] * 2 + 10, stored[:, 3] * 4 + 30])
    np.testing.assert_allclose(plane.coordinates, expected, rtol=1e-5)
    low, high = np.array(plane.limits).T
    assert ((plane.coordinates > low) & (plane.coordinates < high)).all()
    assert (plane.columns, plane.others, plane.run) == (("q", "s"), 2, world.run.id)


def test_blocks_and_batches_change_nothing(world, plane, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "BLOCK", 7)
    again = Plane().make(world.context(tmp_path), CONFIG)
    assert again.id == plane.id
    np.testing.assert_allclose(again.answers, plane.answers, rtol=1e-5)


def test_what_is_not_asked_for_is_the_first_columns_and_what_cannot_be_is_refused(world, tmp_path):
    info = world.dataset.info
    assert list(number_columns(info)) == list("pqrs")
    assert asking.columns_of(info, PlaneConfig()) == ("p", "q")
    assert asking.columns_of(info, PlaneConfig(across="q")) == ("q", "p")
    assert asking.columns_of(info, PlaneConfig(upwards="p")) == ("q", "p")
    for config, words in (
        (PlaneConfig(across="z"), "'z' is no number column"),
        (PlaneConfig(across="p", upwards="p"), "Both axes are 'p'"),
    ):
        with pytest.raises(UserError, match=words):
            asking.columns_of(info, config)
    bare = dataclasses.replace(info, preprocessing={"columns": COLUMNS[:1]})
    with pytest.raises(UserError, match="The data has 1 number column"):
        asking.columns_of(bare, PlaneConfig())


@pytest.mark.parametrize("inputs", [Inputs(), Inputs("raw"), Inputs("raw", (1.0, 2.0, 3.0, 4.0), (2.0,))], ids=str)
def test_a_value_is_handed_as_a_sample_of_that_value_is(world, inputs):
    rows = np.arange(len(world.dataset))
    handed = world.dataset.tensor(rows, "cpu", inputs).numpy()
    for name in "pqrs":
        place, values = as_handed(world.dataset.info, name, numbers_of(world.dataset, name), inputs)
        np.testing.assert_allclose(values, handed[:, place], rtol=1e-4, atol=1e-5)


def test_between_token_ids_there_is_nothing(world):
    with pytest.raises(UserError, match="token ids"):
        as_handed(world.dataset.info, "p", np.zeros(1), Inputs("tokens"))


def test_edits_do_not_draw_it_anew(world, plane, tmp_path):
    edited = dataclasses.replace(world.labels, active=np.arange(len(world.labels.active)) > 0)
    context = dataclasses.replace(world.context(tmp_path), labels=edited)
    assert Plane().request(context, CONFIG).key == plane.id
