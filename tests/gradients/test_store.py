"""Compressed gradients on disk: the same numbers but for their rounding, made once, and never another request's."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import World, build

from attribution.datasets.dataset import Labels
from attribution.estimators import estimators
from attribution.estimators.base import Estimator, Query
from attribution.gradients.store import GradientStore
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence.strongest import strongest

NAMES = ["grass", "logra", "trak"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("store"))


@pytest.fixture
def world(made, tmp_path) -> World:
    """The world with a run of its own, so that no test finds what another one stored."""
    run = dataclasses.replace(made.run, folder=tmp_path / made.run.id)
    shutil.copytree(made.run.folder, run.folder, ignore=shutil.ignore_patterns("gradients"))
    return World(made.dataset, made.labels, run, made.flipped)


def questions(world: World, first: int, last: int) -> list[Query]:
    return [Query(str(row), (int(row),)) for row in world.dataset.rows("test")[first:last]]


def estimator_of(world: World, name: str, store: bool) -> Estimator:
    made = estimators.get(name)(world.trained(batch_size=16), seed=1)
    made.adjusted(**({"store": True} if store else {}))
    return made


def influence(estimator: Estimator, queries: list[Query], rows: np.ndarray) -> np.ndarray:
    estimator.prepare(queries)
    return np.concatenate(
        [estimator.score(rows[start : start + 16]).influence.numpy() for start in range(0, len(rows), 16)]
    )


def numbers(rows: np.ndarray) -> torch.Tensor:
    """Vectors of three numbers that tell their row."""
    return torch.from_numpy(np.stack([rows, rows / 7, -rows / 1000], 1))


def test_numbers_are_rounded_to_the_nearest_even_upper_half(tmp_path):
    """Against integer arithmetic on the bits of the float32."""
    values = np.random.default_rng(0).normal(size=4000).astype(np.float32) * 10.0 ** np.random.default_rng(1).integers(
        -20, 20, 4000
    )
    bits = values.astype(np.float32).view(np.uint32)
    bits[:1000] = bits[:1000] & 0xFFFF0000 | 0x8000  # exactly half way between two
    values = bits.view(np.float32)
    store = GradientStore(
        tmp_path, {}, np.arange(1000), 4, lambda rows: torch.from_numpy(values.reshape(1000, 4)[rows])
    )
    expected = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    np.testing.assert_array_equal(store.vectors(np.arange(1000)).numpy().ravel(), expected)
    assert store.nbytes == 8000
    assert sum(path.stat().st_size for path in store.folder.iterdir()) < 8000 + 300


def test_rows_in_any_order_and_each_part_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr("attribution.gradients.store.PART_BYTES", (60, 60))
    rows, asked = np.arange(5, 305, 3), []

    def make(rows: np.ndarray) -> torch.Tensor:
        asked.extend(rows.tolist())
        return numbers(rows)

    store = GradientStore(tmp_path, {}, rows, 3, make)
    some = np.array([299, 8, 5, 302, 20])
    np.testing.assert_array_equal(store.vectors(some), numbers(some).float().bfloat16().float())
    assert set(asked) < set(rows.tolist())
    everything = torch.cat([vectors for _, vectors in store.blocks(7)])
    np.testing.assert_array_equal(everything, numbers(rows).float().bfloat16().float())
    again = GradientStore(tmp_path, {}, rows, 3, lambda rows: pytest.fail("made twice"))
    np.testing.assert_array_equal(again.vectors(rows), everything)
    assert sorted(asked) == rows.tolist()
    with pytest.raises(KeyError):
        store.vectors(np.array([6]))


def test_broken_and_foreign_parts_are_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr("attribution.gradients.store.PART_BYTES", (60, 60))
    rows = np.arange(40)
    one, other = (
        GradientStore(tmp_path, {"what": what}, rows, 3, lambda rows, f=f: f * numbers(rows))
        for what, f in (("a", 1), ("b", 2))
    )
    expected, _ = one.vectors(rows), other.vectors(rows)
    assert one.folder != other.folder
    parts = sorted(one.folder.iterdir())
    shutil.copy(sorted(other.folder.iterdir())[0], parts[0])
    shutil.copy(parts[2], parts[1])
    parts[3].write_bytes(parts[3].read_bytes()[:50])
    np.testing.assert_array_equal(one.vectors(rows), expected)
    assert not [path for path in one.folder.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("name", NAMES)
def test_scores_from_the_store_are_the_others_to_rounding(world, name):
    rows, queries = world.dataset.rows("train"), questions(world, 0, 6)
    fresh = influence(estimator_of(world, name, store=False), queries, rows)
    found = influence(estimator_of(world, name, store=True), queries, rows)
    assert np.abs(found - fresh).max() < 2e-2 * np.abs(fresh).max()
    assert np.abs(found - fresh).max() > 0  # what is read was rounded
    np.testing.assert_array_equal(influence(estimator_of(world, name, store=True), queries, rows), found)


@pytest.mark.parametrize("name", NAMES)
def test_later_questions_cost_the_queries_own_passes(world, name):
    rows = world.dataset.rows("train")
    influence(estimator_of(world, name, store=True), questions(world, 0, 3), rows)
    later = estimator_of(world, name, store=True)
    influence(later, questions(world, 3, 8), rows)
    checkpoints = 3 if name == "trak" else 1
    told = 1 if name == "logra" else 0  # a sample tells the curvature how wide the outputs are
    assert later.trained.spent == 3 * 5 * checkpoints + told


@pytest.mark.parametrize("name", NAMES)
def test_the_store_is_part_of_the_request_and_edits_ask_for_another(world, name, tmp_path):
    plain, stored = estimator_of(world, name, store=False), estimator_of(world, name, store=True)
    assert stored.options() == plain.options() | {"store": "bfloat16"}
    config = ScoreConfig(estimator=name, device="cpu", batch_size=16)
    asked = world.dataset.rows("test")[:3]
    first = score(world.dataset, world.labels, world.run, config, asked, tmp_path / "scores")
    second = score(
        world.dataset, world.labels, world.run, dataclasses.replace(config, store=True), asked, tmp_path / "scores"
    )
    assert first.id != second.id
    kept = {path.name for path in (world.run.folder / "gradients").iterdir()}
    values = world.labels.values.copy()
    values[0] = (values[0] + 1) % 3
    edited = Labels.of(world.dataset, values, world.labels.active)
    score(world.dataset, edited, world.run, dataclasses.replace(config, store=True), asked, tmp_path / "scores")
    assert len({path.name for path in (world.run.folder / "gradients").iterdir()} - kept) == len(kept)
    rounded = dataclasses.replace(config, store=True, autocast=True)
    before = {path.name for path in (world.run.folder / "gradients").iterdir()}
    score(world.dataset, edited, world.run, rounded, asked, tmp_path / "scores")
    assert len({path.name for path in (world.run.folder / "gradients").iterdir()} - before) == len(kept)


@pytest.mark.parametrize("name", ["grass", "ip"])
def test_the_strongest_equal_a_score_run(world, name, tmp_path):
    """Also for a query that is a training row: it does not explain itself."""
    asked = [*world.dataset.rows("test")[:4].tolist(), 7]
    config = ScoreConfig(estimator=name, device="cpu", k=9, seed=1, **({"store": True} if name == "grass" else {}))
    expected = score(world.dataset, world.labels, world.run, config, asked, tmp_path).summary.drop(columns="cosine")
    estimator = estimator_of(world, name, store=name == "grass")
    found = strongest(estimator, [Query(str(row), (row,)) for row in asked], k=9)
    assert found.drop(columns="influence").equals(expected.drop(columns="influence"))
    np.testing.assert_allclose(found["influence"], expected["influence"], rtol=1e-5)


def test_grass_with_room_for_everything_is_the_influence_function(world):
    rows, queries = world.dataset.rows("train"), questions(world, 0, 6)
    expected = influence(estimators.get("influence-exact")(world.trained(), seed=1), queries, rows)
    found = influence(estimator_of(world, "grass", store=False), queries, rows)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_grass_with_fewer_numbers_follows_it(world):
    """The sketch of 195 parameters to 100 numbers keeps the order of the training samples, more of it with more
    numbers."""
    rows, queries = world.dataset.rows("train"), questions(world, 0, 6)
    exact = influence(estimators.get("influence-exact")(world.trained(), seed=1), queries, rows)
    alike = []
    for dim in (16, 100):
        estimator = estimator_of(world, "grass", store=False)
        estimator.dim, estimator.entries = dim, 16
        found = influence(estimator, queries, rows)
        alike.append(np.mean([np.corrcoef(found[:, column], exact[:, column])[0, 1] for column in range(6)]))
    assert alike[1] > max(0.9, alike[0])
