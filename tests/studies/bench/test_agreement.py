"""Agreement by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from attribution.studies.bench.agreement import agreement, disagreements, overlap, rank_correlation
from attribution.studies.bench.result import COLUMNS


@pytest.fixture
def matrices():
    chance = np.random.default_rng(0)
    a = chance.normal(size=(30, 4))
    return {"a": a, "b": a + chance.normal(size=a.shape), "opposite": -a}


def test_rank_correlation_is_scipy_s(matrices):
    expected = [spearmanr(matrices["a"][:, q], matrices["b"][:, q]).statistic for q in range(4)]
    np.testing.assert_allclose(rank_correlation(matrices["a"], matrices["b"]), expected)
    np.testing.assert_allclose(rank_correlation(matrices["a"], matrices["opposite"]), -1)


def test_overlap_counts_shared_helpful_samples():
    a, b = np.array([[5.0], [4], [3], [2], [1]]), np.array([[5.0], [1], [3], [2], [4]])
    assert overlap(a, b, 2) == [0.5]
    assert overlap(a, a, 3) == [1]
    assert overlap(a, b, 99) == [1]


def test_table_holds_every_pair_overall_and_by_query(matrices):
    table = agreement(matrices, [70, 71, 72, 73], 5).set_index(["a", "b", "query_row"])
    assert len(table) == 9 * 5
    assert table.loc[("a", "a", -1), "spearman"] == 1
    each = [table.loc[("a", "b", row), "spearman"] for row in (70, 71, 72, 73)]
    assert table.loc[("a", "b", -1), "spearman"] == pytest.approx(np.mean(each))
    assert table.loc[("b", "a", 71), "spearman"] == pytest.approx(each[1])
    assert table.loc[("a", "opposite", -1), "overlap"] == 0


def test_the_largest_difference_in_rank_comes_first():
    a = np.arange(10.0)[:, None].repeat(2, 1)
    b = a.copy()
    b[9, 1], b[0, 1] = -1.0, 4.5  # the most helpful sample becomes the least
    table = disagreements({"a": a, "b": b}, np.arange(100, 110), [7, 8], count=3)
    first = table.iloc[0]
    assert (first["row"], first["query_row"], first["rank_a"], first["rank_b"]) == (109, 8, 1, 10)
    assert first["difference"] == 1
    assert (np.diff(table["difference"]) <= 0).all()
    assert table["row"].is_unique


def test_one_estimator_alone_disagrees_with_nobody(matrices):
    table = disagreements({"a": matrices["a"]}, np.arange(30), [1, 2, 3, 4])
    assert table.empty
    assert list(table.columns) == list(COLUMNS["disagreements"])
