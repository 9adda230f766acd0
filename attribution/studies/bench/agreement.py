"""Do two estimators say the same? Rank correlation and shared top samples, and the pairs on which they differ most."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.statistics.ranking import average_ranks
from attribution.studies.bench.result import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def standard_ranks(influence: np.ndarray) -> np.ndarray:
    """Ranks (n, q) of every column, NaN last, with mean 0 and variance 1; 0 in a column of equal values."""
    ranks = np.stack([average_ranks(np.where(np.isnan(column), -np.inf, column)) for column in influence.T], axis=1)
    ranks = ranks - ranks.mean(0)
    spread = ranks.std(0)
    return np.divide(ranks, spread, out=np.zeros_like(ranks), where=spread > 0)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's correlation (q,) over the training samples, query by query, of two influence matrices (n, q)."""
    return np.asarray((standard_ranks(a) * standard_ranks(b)).mean(0))


def overlap(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """Share (q,) of the k most helpful training samples that two influence matrices (n, q) have in common."""
    k = min(k, len(a))
    tops = [np.argsort(-np.nan_to_num(each, nan=-np.inf), axis=0, kind="stable")[:k] for each in (a, b)]  # (k, q)
    return np.array([len(np.intersect1d(x, y)) / k for x, y in zip(*(top.T for top in tops), strict=True)])


def agreement(matrices: dict[str, np.ndarray], query_rows: list[int], k: int) -> "pd.DataFrame":
    """Every ordered pair of estimators, for every query and (query_row -1) over all; columns as in
    ``BenchResult.agreement``."""
    import pandas as pd

    ranks = {name: standard_ranks(matrix) for name, matrix in matrices.items()}
    tables = []
    for a in matrices:
        for b in matrices:
            spearman = np.ones(len(query_rows)) if a == b else (ranks[a] * ranks[b]).mean(0)
            shared = np.ones(len(query_rows)) if a == b else overlap(matrices[a], matrices[b], k)
            table = pd.DataFrame({"query_row": [-1, *query_rows]})
            table["spearman"] = [spearman.mean(), *spearman]
            table["overlap"] = [shared.mean(), *shared]
            tables.append(table.assign(a=a, b=b)[["a", "b", "query_row", "spearman", "overlap"]])
    return pd.concat(tables, ignore_index=True)


def disagreements(
    matrices: dict[str, np.ndarray], rows: np.ndarray, query_rows: list[int], count: int = 12
) -> "pd.DataFrame":
    """The ``count`` (training sample, query) pairs of every two estimators with the largest difference in rank, a
    training sample once.

    ``rows`` (n,) are the training rows of the matrices. Columns as in ``BenchResult.disagreements``.
    """
    import pandas as pd

    names = list(matrices)
    tables = [pd.DataFrame({name: np.zeros(0, dtype=kind) for name, kind in COLUMNS["disagreements"].items()})]
    n = len(rows)
    place = {
        name: n + 1 - np.stack([average_ranks(np.nan_to_num(column, nan=-np.inf)) for column in matrix.T], axis=1)
        for name, matrix in matrices.items()
    }  # (n, q), 1 = most helpful
    for first, a in enumerate(names):
        for b in names[first + 1 :]:
            gap = np.abs(place[a] - place[b]) / max(1, n - 1)  # (n, q)
            column = gap.argmax(1)
            best = gap[np.arange(n), column]
            chosen = np.lexsort((np.arange(n), -best))[:count]
            at = chosen, column[chosen]
            tables.append(
                pd.DataFrame(
                    {
                        "a": a,
                        "b": b,
                        "query_row": np.asarray(query_rows)[column[chosen]],
                        "row": rows[chosen],
                        "rank_a": place[a][at].round().astype(int),
                        "rank_b": place[b][at].round().astype(int),
                        "difference": gap[at],
                        "influence_a": matrices[a][at].astype(np.float64),
                        "influence_b": matrices[b][at].astype(np.float64),
                    }
                )
            )
    return pd.concat(tables[1:] or tables, ignore_index=True)
