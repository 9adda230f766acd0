"""Maps: the same input gives the same picture, neighbours stay together, every row has a place."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_world import World, build

from attribution.errors import UserError
from attribution.neighbors.exact import nearest
from attribution.progress import Progress
from attribution.studies.map import run as mapping
from attribution.studies.map.result import MapResult
from attribution.studies.map.run import pca
from attribution.studies.map.study import Map, MapConfig

CONFIG = MapConfig(method="pca", device="cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("mapping"))


def draw(world: World, config: MapConfig, out) -> MapResult:
    return Map().make(world.context(out), config)


@pytest.mark.parametrize("space", ["representation", "gradients"])
def test_pca_places_every_row(world, tmp_path, space):
    result = draw(world, replace(CONFIG, space=space), tmp_path)
    assert result.coordinates.shape == (len(world.dataset), 2)
    assert np.isfinite(result.coordinates).all()
    assert (result.space, result.method, result.run) == (space, "pca", world.run.id)


def test_umap_keeps_classes_together_and_repeats(world, tmp_path):
    first = draw(world, replace(CONFIG, method="umap", neighbors=8), tmp_path / "a").coordinates
    again = draw(world, replace(CONFIG, method="umap", neighbors=8), tmp_path / "b").coordinates
    np.testing.assert_array_equal(first, again)
    assert torch.get_num_threads() == 1  # UMAP changes it under way
    test = world.dataset.rows("test")
    distance = np.linalg.norm(first[test][:, None] - first[test][None], axis=-1) + 1e9 * np.eye(len(test))
    y = world.labels.values[test]
    assert (y[distance.argmin(1)] == y).mean() > 0.7


def test_a_finished_map_is_found_and_labels_matter_to_gradients_alone(world, tmp_path):
    values = world.labels.values.copy()
    values[0] = (values[0] + 1) % 3
    edited = World(
        world.dataset, type(world.labels).of(world.dataset, values, world.labels.active), world.run, world.flipped
    )
    assert draw(world, CONFIG, tmp_path).id == draw(edited, CONFIG, tmp_path).id
    gradients = replace(CONFIG, space="gradients")
    assert draw(world, gradients, tmp_path).id != draw(edited, gradients, tmp_path).id


def test_unknown_space_is_refused(world, tmp_path):
    with pytest.raises(UserError, match="space is 'dreams'"):
        draw(world, replace(CONFIG, space="dreams"), tmp_path)


def test_pca_finds_the_long_axis():
    chance = np.random.default_rng(0)
    features = chance.normal(size=(200, 3)) * [0.1, 5.0, 1.0]
    flat = pca(features)
    np.testing.assert_allclose(np.abs(np.corrcoef(flat[:, 0], features[:, 1])[0, 1]), 1, atol=1e-2)
    assert pca(features[:, :1]).shape == (200, 2)


def test_nearest_equals_brute_force_in_any_block():
    features = np.random.default_rng(0).normal(size=(37, 5)).astype(np.float32)
    indices, _ = nearest(features, 4)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = unit @ unit.T
    np.fill_diagonal(expected, -np.inf)
    np.testing.assert_array_equal(indices, np.argsort(-expected, axis=1)[:, :4])
    cut, _ = nearest(features, 4, block=5)
    np.testing.assert_array_equal(cut, indices)


def test_the_map_reads_the_shared_graph_and_is_the_same(tiny_project):
    shared = tiny_project.embed(MapConfig())
    assert len(list((tiny_project.folder / "neighbors").glob("*/config.json"))) == 1
    own = mapping.umap(np.array(tiny_project.run.representation(), dtype=np.float32), MapConfig(), Progress())
    np.testing.assert_array_equal(shared.coordinates, own)


def test_a_copy_is_the_nearest_neighbour():
    features = np.random.default_rng(0).normal(size=(37, 5)).astype(np.float32)
    features[5] = features[6]
    indices, similarities = nearest(features, 4)
    assert (indices[5, 0], indices[6, 0]) == (6, 5)
    np.testing.assert_allclose(similarities[5, 0], 1, atol=1e-6)


def test_many_samples_are_placed_between_landmarks(world, tmp_path, monkeypatch):
    config = replace(CONFIG, method="umap", neighbors=8)
    whole = draw(world, config, tmp_path)
    monkeypatch.setattr(mapping, "LAID_OUT", 50)
    monkeypatch.setattr(mapping, "LANDMARKS", 60)
    monkeypatch.setattr(mapping, "BLOCK", 17)
    result = draw(world, config, tmp_path)
    assert result.id != whole.id
    assert result.config["landmarks"] == 60
    features = np.array(world.run.representation(), dtype=np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    landmarks = np.sort(np.random.default_rng(config.seed).permutation(len(unit))[:60])
    placed = result.coordinates
    for row in np.setdiff1d(np.arange(len(unit)), landmarks)[::7]:
        distance = np.linalg.norm(unit[landmarks] - unit[row], axis=1)
        near = np.argsort(distance)[:3]
        weights = 1 / np.maximum(distance[near], 1e-6)
        expected = (weights[:, None] * placed[landmarks[near]]).sum(0) / weights.sum()
        np.testing.assert_allclose(placed[row], expected, atol=0.02)
    np.testing.assert_array_equal(placed, draw(world, config, tmp_path / "again").coordinates)
