"""The search in cells: exact when every cell is searched, and honest about its recall when not."""

import numpy as np
import pytest

from attribution.neighbors import cells as neighbor_cells
from attribution.neighbors.cells import nearest_in_cells
from attribution.neighbors.exact import nearest
from attribution.studies import neighbor_graph as graph


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)


def test_all_cells_searched_is_the_exact_search(points):
    exact, cosines = nearest(points, 5)
    found, similarities, recall = nearest_in_cells(points, 5, probes=400)
    np.testing.assert_array_equal(found, exact)
    np.testing.assert_allclose(similarities, cosines, atol=1e-6)
    assert recall == 1.0


def test_few_cells_find_most_and_say_how_many(points):
    exact, _ = nearest(points, 5)
    found, similarities, recall = nearest_in_cells(points, 5, probes=4)
    # Every row is checked: there are fewer than 500.
    share = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found, exact, strict=True)])
    assert recall == pytest.approx(share, abs=1e-6)
    assert 0.5 < recall < 1
    assert (found != np.arange(400)[:, None]).all()
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    np.testing.assert_allclose(similarities, np.einsum("nd,nkd->nk", unit, unit[found]), atol=1e-5)
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_a_row_without_enough_others_in_its_cells_is_filled_with_itself():
    far = np.vstack([np.eye(2)[[0] * 12], -np.eye(2)[[0] * 3]]).astype(np.float32) + np.linspace(0, 0.01, 15)[
        :, None
    ].astype(np.float32)
    found, similarities, _ = nearest_in_cells(far, 8, probes=1)
    lonely = similarities == -1
    assert lonely.any()
    assert (found[lonely] == np.nonzero(lonely)[0]).all()


def test_the_graph_of_many_samples_is_searched_in_cells_and_says_its_recall(tiny_project, monkeypatch):
    small = graph.neighbor_graph(tiny_project.dataset, tiny_project.run, tiny_project.folder / "neighbors", k=4)
    monkeypatch.setattr(graph, "EXACT_ROWS", 10)
    monkeypatch.setattr(neighbor_cells, "PROBES", 2)
    large = graph.neighbor_graph(tiny_project.dataset, tiny_project.run, tiny_project.folder / "neighbors", k=4)
    assert small.id != large.id
    assert (small.config["recall"], large.config["search"]) == (1.0, "cells")
    assert 0 < large.config["recall"] <= 1
