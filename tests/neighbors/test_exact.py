"""Exact neighbours equal brute force, and the graph is searched once."""

import numpy as np
import torch

from attribution.neighbors.exact import largest, nearest, nearest_among


def test_the_largest_of_wide_rows_are_those_of_topk():
    values = torch.randn(7, 1037, generator=torch.Generator().manual_seed(0))
    found, places = largest(values, 5)
    assert torch.equal(found, values.topk(5, dim=1).values)
    assert torch.equal(values.gather(1, places), found)


def test_nearest_equals_brute_force_on_many_points_in_any_block():
    features = np.random.default_rng(0).normal(size=(900, 8)).astype(np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    expected = np.argsort(-cosine, axis=1)[:, :4]
    for block in (0, 13, 400):
        indices, similarities = nearest(features, 4, block=block)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_allclose(similarities, np.take_along_axis(cosine, expected, 1), atol=1e-6)


def test_nearest_among_equals_brute_force():
    chance = np.random.default_rng(1)
    queries, points = chance.normal(size=(30, 5)), chance.normal(size=(500, 5))
    places, squared = nearest_among(queries, points, 3)
    distances = ((queries[:, None] - points[None]) ** 2).sum(2)
    np.testing.assert_array_equal(places, np.argsort(distances, axis=1)[:, :3])
    np.testing.assert_allclose(squared, np.sort(distances, axis=1)[:, :3], atol=1e-4)


def test_the_graph_is_searched_once_per_weights_and_data(tiny_project, monkeypatch):
    from attribution.studies import neighbor_graph as graph

    dataset, run, out = tiny_project.dataset, tiny_project.run, tiny_project.folder / "neighbors"
    made = graph.neighbor_graph(dataset, run, out, k=6)
    indices, _ = nearest(run.representation(), 6)
    np.testing.assert_array_equal(made.indices, indices)
    monkeypatch.setattr(graph, "nearest", lambda *a, **k: (_ for _ in ()).throw(AssertionError("searched again")))
    assert graph.neighbor_graph(dataset, run, out, k=6).id == made.id
