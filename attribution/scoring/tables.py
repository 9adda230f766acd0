"""Turns the shards of a score run into its three tables: summary, reverse, moments."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators.base import Query
from attribution.scoring.plan import Shard, query_block
from attribution.scoring.reduce import BINS, Extremes, Moments, histogram
from attribution.storage.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

    from attribution.subject import Subject

K_REVERSE = 8  # queries kept per training row and side


def write_tables(folder: Path, subject: "Subject", asked: Sequence[Query], shards: Sequence[Shard], k: int) -> dict[str, Any]:
    """Write ``summary``, ``reverse`` and ``moments`` (Parquet); returns ``{pairs, rows}``: how many scores are not finite, and where.

    Reads one shard at a time. A query that is itself a training row does not explain itself: such pairs are left out. Where the estimator
    gave no cosines, those of the kept pairs are computed at the last checkpoint.
    """
    best, reverse, moments = Extremes(len(asked), k), Extremes(len(subject.rows), K_REVERSE), Moments(len(asked))
    bad_pairs, bad_rows = 0, set()
    for shard, influence, cosine, nonfinite in _blocks(folder, subject, asked, shards):
        bad_pairs += int(nonfinite.sum())
        bad_rows.update(subject.rows[shard.start : shard.stop][nonfinite.any(1)].tolist())
        queries, rows = slice(shard.first, shard.last), slice(shard.start, shard.stop)
        best.update(influence.T, subject.rows[rows], None if cosine is None else cosine.T, queries)
        reverse.update(influence, np.arange(shard.first, shard.last), None, rows)
        moments.update(influence.T, queries)
    if bad_pairs and not moments.n.any():
        raise UserError(
            f"None of the {bad_pairs:,} scores is a finite number.",
            "The model's loss or gradients overflow on these samples.",
            "Look at the training metrics; a lower learning rate usually helps.",
        )
    counts = np.zeros((len(asked), BINS), dtype=np.int64)
    for shard, influence, _, _ in _blocks(folder, subject, asked, shards):
        queries = slice(shard.first, shard.last)
        counts[queries] += histogram(influence.T, moments.reach[queries])
    write_table(folder / "summary.parquet", _summary(best, subject, asked))
    write_table(folder / "reverse.parquet", _reverse(reverse, subject.rows))
    write_table(folder / "moments.parquet", _moments(moments, counts))
    return {"pairs": bad_pairs, "rows": sorted(bad_rows)[:100]}


def _blocks(
    folder: Path, subject: "Subject", asked: Sequence[Query], shards: Sequence[Shard]
) -> Iterator[tuple[Shard, np.ndarray, np.ndarray | None, np.ndarray]]:
    """Per shard: influence (b, q) with self-pairs masked as NaN, cosine (b, q) or None, and where scores are not finite (b, q) bool."""
    from safetensors.numpy import load_file

    own = {column for column, query in enumerate(asked) if np.isin(query.rows, subject.rows).any()}
    for shard in shards:
        tensors = load_file(folder / "shards" / shard.name)
        influence = tensors["influence"]
        nonfinite = ~np.isfinite(influence)
        rows = subject.rows[shard.start : shard.stop]
        for column in own.intersection(range(shard.first, shard.last)):
            influence[np.isin(rows, asked[column].rows), column - shard.first] = np.nan
        yield shard, influence, tensors.get("cosine"), nonfinite


def _sides(extremes: Extremes) -> "pd.DataFrame":
    import pandas as pd

    return pd.concat([pd.DataFrame(extremes.table(sign)).assign(side=np.int8(sign)) for sign in (1, -1)], ignore_index=True)


def _summary(best: Extremes, subject: "Subject", asked: Sequence[Query]) -> "pd.DataFrame":
    table = _sides(best).rename(columns={"line": "query", "label": "row", "value": "influence", "extra": "cosine"})
    if len(table) and table["cosine"].isna().all():
        table["cosine"] = _cosines(subject, asked, table["query"].to_numpy(), table["row"].to_numpy())
    table = table.astype({"query": "int32", "row": "int32"}).sort_values(["query", "side", "rank"], ascending=[True, False, True])
    return table[["query", "side", "rank", "row", "influence", "cosine"]].reset_index(drop=True)


def _cosines(subject: "Subject", asked: Sequence[Query], columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Gradient cosine (m,) float32 at the last checkpoint of the pairs (columns[j], rows[j]); one pass over the distinct rows per block."""
    cosines = np.full(len(rows), np.nan, dtype=np.float32)
    block = query_block(len(asked), subject.parameter_bytes(), subject.budget_bytes >> 20)
    for first in range(0, len(asked), block):
        prepared = subject.query_gradients(asked[first : first + block])
        mine = np.flatnonzero((columns >= first) & (columns < first + block))
        distinct = np.unique(rows[mine])
        for start in range(0, len(distinct), subject.batch_size):
            batch = distinct[start : start + subject.batch_size]
            dots, norms = subject.engine().dots_and_norms(*subject.batch(batch), prepared)  # (b, q), (b,)
            values = (dots / (norms[:, None] * prepared.norms[None, :]).clamp_min(1e-30)).cpu().numpy()
            here = mine[np.isin(rows[mine], batch)]
            cosines[here] = values[np.searchsorted(batch, rows[here]), columns[here] - first]
    return cosines


def _reverse(reverse: Extremes, rows: np.ndarray) -> "pd.DataFrame":
    table = _sides(reverse).rename(columns={"label": "query", "value": "influence"})
    table["row"] = rows[table["line"].to_numpy()]
    table = table.astype({"query": "int32", "row": "int32"}).sort_values(["row", "side", "rank"], ascending=[True, False, True])
    return table[["row", "side", "rank", "query", "influence"]].reset_index(drop=True)


def _moments(moments: Moments, counts: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    empty = moments.n == 0
    return pd.DataFrame(
        {
            "query": np.arange(len(counts), dtype=np.int32),
            "n": moments.n,
            "mean": moments.mean,
            "std": moments.std,
            "min": np.where(empty, np.nan, moments.min),
            "max": np.where(empty, np.nan, moments.max),
            "histogram": list(counts.astype(np.int32)),
            "lo": -moments.reach,
            "hi": moments.reach,
        }
    )
