"""The streaming reduction of a score run against brute force: many small shards, ties, both ends, any order, memory
that does not grow."""

import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from attribution.estimators.base import Query
from attribution.storage.files import write_json
from attribution.studies.influence import tables
from attribution.studies.influence.plan import Shard, place
from attribution.studies.influence.reduce import BINS, leading
from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.tables import K_REVERSE, write_tables
from attribution.studies.influence.work import write_shard


def subject_of(n: int, step: int = 3) -> SimpleNamespace:
    """The part of a subject that the reduction reads: training rows that are not simply 0..n-1."""
    return SimpleNamespace(rows=np.arange(n) * step + 5)


def cut(matrix: np.ndarray, folder: Path, rows: np.ndarray, height: int, width: int) -> list[Shard]:
    """The matrix (n, q) as shard files, query blocks outside, with cosines that are a tenth of the influence."""
    shards = []
    n, q = matrix.shape
    for first in range(0, q, width):
        last = min(q, first + width)
        tall = height + 3 * (first > 0)  # blocks of queries need not be cut at the same rows
        for start in range(0, n, tall):
            shard = Shard(len(shards), start, min(n, start + tall), first, last)
            part = np.ascontiguousarray(matrix[shard.start : shard.stop, first:last])
            tensors = {"rows": rows[shard.start : shard.stop], "influence": part, "cosine": part / 10}
            write_shard(folder / "shards" / shard.name, tensors, {"fingerprint": "key", "place": place(shard)})
            shards.append(shard)
    return shards


def asked(q: int) -> list[Query]:
    return [Query(str(column), (column - q,)) for column in range(q)]  # no training rows


def expected(values: np.ndarray, side: int, k: int) -> np.ndarray:
    """Positions of the k strongest values of one side, equal ones in their order, by sorting everything."""
    order = np.argsort(np.where(np.isfinite(values), -side * values, np.inf), kind="stable")
    return order[np.isfinite(values[order]) & (side * values[order] > 0)][:k]


@pytest.mark.parametrize("k", [1, 7, 400])
@pytest.mark.parametrize(("height", "width"), [(1000, 9), (13, 9), (13, 2), (1, 4)])
def test_many_small_shards_equal_sorting_everything(tmp_path, monkeypatch, k, height, width):
    """Values are whole numbers of a small range, so every edge of the k is a tie; some lines lack one side, some pairs
    are not finite."""
    chance = np.random.default_rng(height + width)
    n, q = 211, 9
    matrix = chance.integers(-4, 5, (n, q)).astype(np.float32)
    matrix[:, 3] = np.abs(matrix[:, 3])
    matrix[:, 4] = 0
    matrix[chance.integers(0, n, 20), chance.integers(0, q, 20)] = np.inf
    matrix[17] = np.nan
    monkeypatch.setattr(tables, "PIECE_PAIRS", 50)
    trained = subject_of(n)
    shards = cut(matrix, tmp_path, trained.rows, height, width)
    queries = asked(q)
    queries[8] = Query("itself", (int(trained.rows[20]),))
    bad = write_tables(tmp_path, trained, queries, shards, k)
    assert bad["pairs"] == (~np.isfinite(matrix)).sum()
    assert bad["rows"] == trained.rows[(~np.isfinite(matrix)).any(1)].tolist()[:100]
    matrix[20, 8] = np.nan  # a sample does not explain itself
    summary, reverse, moments = (
        pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("summary", "reverse", "moments")
    )
    for column in range(q):
        for side in (1, -1):
            mine = summary[(summary["query"] == column) & (summary["side"] == side)]
            places = expected(matrix[:, column], side, k)
            assert mine["row"].tolist() == trained.rows[places].tolist()
            assert mine["rank"].tolist() == list(range(1, len(places) + 1))
            np.testing.assert_array_equal(mine["influence"], matrix[places, column])
            np.testing.assert_allclose(mine["cosine"], matrix[places, column] / 10)
    for line in (0, 17, 100, n - 1):
        for side in (1, -1):
            mine = reverse[(reverse["row"] == trained.rows[line]) & (reverse["side"] == side)]
            assert mine["query"].tolist() == expected(matrix[line], side, K_REVERSE).tolist()
    assert reverse["row"].is_monotonic_increasing
    finite = np.where(np.isfinite(matrix), matrix, np.nan)
    np.testing.assert_allclose(moments["mean"], np.nanmean(finite, axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(moments["std"], np.nanstd(finite, axis=0), rtol=1e-6)
    assert [len(counts) for counts in moments["histogram"]] == [BINS] * q
    assert [int(np.sum(counts)) for counts in moments["histogram"]] == np.isfinite(matrix).sum(0).tolist()


def test_without_ties_the_order_of_the_shards_does_not_matter(tmp_path):
    matrix = np.random.default_rng(1).permutation(300 * 5).reshape(300, 5).astype(np.float32) - 700
    trained = subject_of(300)
    found = []
    for name, turn in (("ahead", 1), ("back", -1)):
        shards = cut(matrix, tmp_path / name, trained.rows, 11, 3)
        write_tables(tmp_path / name, trained, asked(5), shards[::turn], 24)
        found.append([pd.read_parquet(tmp_path / name / f"{table}.parquet") for table in ("summary", "reverse")])
    for ahead, back in zip(*found, strict=True):
        pd.testing.assert_frame_equal(ahead, back)


def test_a_row_is_read_from_its_stripe(tmp_path, monkeypatch):
    """What one training row affects is the same however many row groups the file has, and a row that is not there has
    nothing."""
    monkeypatch.setattr(tables, "STRIPE_ROWS", 40)
    matrix = np.random.default_rng(2).normal(size=(300, 30)).astype(np.float32)
    trained = subject_of(300)
    write_tables(tmp_path, trained, asked(30), cut(matrix, tmp_path, trained.rows, 64, 30), 5)
    write_json(tmp_path / "config.json", {})
    result = ScoreResult.open(tmp_path)
    for line in (0, 39, 40, 299):
        found = result.affected_by(int(trained.rows[line]))
        assert found[found["side"] == -1]["query"].tolist() == expected(matrix[line], -1, K_REVERSE).tolist()
    assert not len(result.affected_by(6))
    assert list(found.columns) == ["side", "rank", "query", "influence"]


def test_leading_equals_sorting():
    key = np.random.default_rng(3).integers(0, 12, (50, 200)).astype(np.float32)
    key[key == 11] = np.inf
    key[0] = np.inf
    for k in (1, 5, 99, 150, 300):
        np.testing.assert_array_equal(leading(key, k), np.argsort(key, axis=1, kind="stable")[:, :k])


def test_memory_does_not_grow_with_the_training_set(tmp_path, monkeypatch):
    """Eight times the training rows take the same memory, give or take the list of the rows."""
    monkeypatch.setattr(tables, "PIECE_PAIRS", 20_000)
    monkeypatch.setattr(tables, "STRIPE_ROWS", 500)
    peaks = []
    for n in (2_500, 2_500, 20_000):  # the first one pays for what is imported on first use
        matrix = np.random.default_rng(4).normal(size=(n, 40)).astype(np.float32)
        trained = subject_of(n)
        shards = cut(matrix, tmp_path / str(n), trained.rows, 2_500, 40)
        tracemalloc.start()
        write_tables(tmp_path / str(n), trained, asked(40), shards, 24)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]
