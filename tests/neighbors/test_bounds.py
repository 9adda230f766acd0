"""Nearest rows in cells with bounds: exact where every cell is searched, certain within its radius, honest about the
rest."""

import numpy as np
import pytest

from attribution.neighbors import bounds as neighbor_bounds
from attribution.neighbors.bounds import nearest_in_reach
from attribution.neighbors.exact import nearest_among


@pytest.fixture(scope="module")
def points():
    """3,000 rows (n, 16) in twenty clouds; 40 repeat another row, 40 repeat one but for a small change."""
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(20, 16))[chance.integers(0, 20, 3000)] * 3 + chance.normal(size=(3000, 16))
    rows[1000:1040] = rows[:40]
    rows[1040:1080] = rows[40:80] + 0.02 * chance.normal(size=(40, 16))
    return rows.astype(np.float32)


def test_all_cells_searched_is_the_exact_search(points, monkeypatch):
    monkeypatch.setattr(neighbor_bounds, "PROBES", 10_000)
    found = nearest_in_reach(points[:500], points, 4)
    _, squared = nearest_among(points[:500], points, 4)
    np.testing.assert_allclose(found.squared, squared, atol=1e-3)
    gaps = ((points[:500, None] - points[found.places]) ** 2).sum(2)  # copies of a row tie, so places may differ
    np.testing.assert_allclose(gaps, squared, atol=1e-3)
    assert found.recall == 1.0


def test_every_pair_within_the_radius_is_found_whatever_the_cells(points, monkeypatch):
    monkeypatch.setattr(neighbor_bounds, "PROBES", 1)
    monkeypatch.setattr(neighbor_bounds, "SHARE", 0.1)
    wide = points.astype(np.float64)
    lengths = (wide**2).sum(1)
    distances = np.sqrt(np.maximum(0, lengths[:, None] + lengths - 2 * wide @ wide.T))
    for seed in range(4):
        found = nearest_in_reach(points, points, 4, seed=seed)
        assert 0.2 < found.certain < np.inf
        assert found.certain > distances[np.arange(40, 80), np.arange(1040, 1080)].max()
        for row, column in zip(*np.nonzero(distances < found.certain), strict=True):
            if (distances[row] < found.certain).sum() <= 4:
                assert column in found.places[row]


def test_the_recall_is_the_share_found_of_the_nearest_other_points(points, monkeypatch):
    monkeypatch.setattr(neighbor_bounds, "PROBES", 2)
    monkeypatch.setattr(neighbor_bounds, "SHARE", 0.0)
    monkeypatch.setattr(neighbor_bounds, "CHECKED", len(points))
    found = nearest_in_reach(points, points, 4)
    _, true = nearest_among(points, points, 4)
    other = true > 1e-3
    share = ((found.squared <= true[:, -1:] * 1.0001) & other).sum() / other.sum()
    assert found.recall == pytest.approx(share, abs=0.02)
    assert 0.3 < found.recall < 1


def test_fewer_rows_than_asked_for_are_filled_with_nothing(monkeypatch):
    monkeypatch.setattr(neighbor_bounds, "PROBES", 1)
    monkeypatch.setattr(neighbor_bounds, "SHARE", 0.0)
    points = np.repeat(np.array([[0.0], [50.0], [100.0], [150.0]]), [5, 1, 5, 5], axis=0).astype(np.float32)
    found = nearest_in_reach(points, points, 3)
    assert ((found.places == -1) == np.isinf(found.squared)).all()
    assert (found.places[:, 0] >= 0).all()


def test_a_large_table_is_searched_in_cells_and_finds_the_same_close_rows(tmp_path, monkeypatch, points):
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo
    from attribution.modalities.similarity import similarity_of, tabular

    n = len(points)
    words = np.array(["x", "y"])[(np.arange(n) % 1000) % 2]
    inputs = np.column_stack([points / points.std(0), words == "x", words == "y"]).astype(np.float32)
    columns = {f"col:n{at}": points[:, at].astype(np.float64) for at in range(16)} | {"col:w": words}
    samples = pd.DataFrame(
        {"id": [f"s{row}" for row in range(n)], "split": "train", "label": 0, "source": "", "hash": "h", **columns}
    )
    data = Dataset.write(
        tmp_path / "data", DatasetInfo("tiny", "tabular", ("a", "b"), inputs.shape[1:], {}, ""), samples, inputs
    )
    small, rows = similarity_of(data), np.arange(n)
    exact = small.closest(rows, rows, 3)
    assert (small.certain, small.recall) == (np.inf, 1.0)
    monkeypatch.setattr(tabular, "EXACT_PAIRS", 1000)
    large = similarity_of(data)
    assert large.in_cells(n, n)
    found = large.closest(rows, rows, 3)
    assert 0 < large.certain < np.inf
    assert 0.5 < large.recall <= 1

    def close(pairs):
        near = pairs.distance <= large.certain
        return set(zip(pairs.left[near].tolist(), pairs.right[near].tolist(), strict=True))

    assert len(close(exact)) >= 160
    assert close(found) == close(exact)
