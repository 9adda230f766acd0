"""Turns the shards of a score run into its three tables: summary, reverse, moments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators.base import Query
from attribution.measures.query import query_gradients
from attribution.storage.tables import write_pieces, write_table
from attribution.studies.influence.plan import Shard, query_block
from attribution.studies.influence.reduce import BINS, Extremes, Moments, histogram

if TYPE_CHECKING:
    import pandas as pd

    from attribution.training.trained import TrainedModel

K_REVERSE = 8  # queries kept per training row and side
PIECE_PAIRS = 1 << 18  # pairs of a shard that are in memory at once
STRIPE_ROWS = 1 << 16  # training rows whose extremes over the queries are in memory at once
BAD_ROWS = 100  # rows without a finite score that are named


def write_tables(
    folder: Path, trained: "TrainedModel", asked: Sequence[Query], shards: Sequence[Shard], k: int
) -> dict[str, Any]:
    """Write ``summary``, ``reverse`` and ``moments`` (Parquet); returns ``{pairs, rows}``: how many scores are not
    finite, and where.

    Reads the shards twice, a piece at a time: memory grows with the queries (k and a histogram each), not with the
    training set. A query that is itself a training row does not explain itself: such pairs are left out. Where the
    estimator gave no cosines, those of the kept pairs are computed at the last checkpoint.
    """
    best = Extremes(len(asked), k)
    moments = Moments(len(asked))
    bad_pairs = 0
    bad_rows = np.empty(0, dtype=np.int64)
    own = own_rows(trained.rows, asked)
    for piece in _pieces(folder, trained.rows, own, shards):
        rows = trained.rows[piece.start : piece.stop]
        bad_pairs += int(piece.nonfinite.sum())
        bad_rows = np.union1d(bad_rows, rows[piece.nonfinite.any(1)])[:BAD_ROWS]
        best.update(piece.influence.T, rows, None if piece.cosine is None else piece.cosine.T, piece.queries)
        moments.update(piece.influence.T, piece.queries)
    if bad_pairs and not moments.n.any():
        raise UserError(
            f"None of the {bad_pairs:,} scores is a finite number.",
            "The model's loss or gradients overflow on these samples.",
            "Look at the training metrics; a lower learning rate usually helps.",
        )
    counts = np.zeros((len(asked), BINS), dtype=np.int64)
    write_table(folder / "summary.parquet", _summary(best, trained, asked))
    write_pieces(folder / "reverse.parquet", _stripes(folder, trained.rows, own, shards, moments.reach, counts))
    write_table(folder / "moments.parquet", _moments(moments, counts))
    return {"pairs": bad_pairs, "rows": bad_rows.tolist()}


@dataclass(frozen=True)
class _Piece:
    """Some training rows of a shard, positions ``start:stop``: influence (b, q) with self-pairs masked as NaN, cosine
    (b, q) or None, and where scores are not finite (b, q) bool."""

    start: int
    stop: int
    queries: slice
    influence: np.ndarray
    cosine: np.ndarray | None
    nonfinite: np.ndarray


def own_rows(rows: np.ndarray, asked: Sequence[Query]) -> dict[int, np.ndarray]:
    """By column, the positions in ``rows`` (ascending) of the training samples that it asks about; columns without any
    are left out."""
    found = {}
    for column, query in enumerate(asked):
        positions = np.searchsorted(rows, query.rows)
        mine = positions[np.take(rows, positions, mode="clip") == query.rows]
        if len(mine):
            found[column] = mine
    return found


def _pieces(
    folder: Path,
    rows: np.ndarray,
    own: Mapping[int, np.ndarray],
    shards: Sequence[Shard],
    start: int = 0,
    stop: int | None = None,
) -> Iterator[_Piece]:
    """The shards piece by piece, or what lies in them of the positions ``start:stop``."""
    from safetensors import safe_open

    stop = len(rows) if stop is None else stop
    for shard in shards:
        low = max(start, shard.start)
        high = min(stop, shard.stop)
        if low >= high:
            continue
        with safe_open(folder / "shards" / shard.name, framework="np") as tensors:
            names = set(tensors.keys())
            height = max(1, PIECE_PAIRS // (shard.last - shard.first))
            for first in range(low, high, height):
                last = min(high, first + height)
                inside = slice(first - shard.start, last - shard.start)
                influence = np.asarray(tensors.get_slice("influence")[inside])
                nonfinite = ~np.isfinite(influence)
                for column in own.keys() & range(shard.first, shard.last):
                    here = own[column][(own[column] >= first) & (own[column] < last)]
                    influence[here - first, column - shard.first] = np.nan
                cosine = np.asarray(tensors.get_slice("cosine")[inside]) if "cosine" in names else None
                yield _Piece(first, last, slice(shard.first, shard.last), influence, cosine, nonfinite)


def _stripes(
    folder: Path,
    rows: np.ndarray,
    own: Mapping[int, np.ndarray],
    shards: Sequence[Shard],
    reach: np.ndarray,
    counts: np.ndarray,
) -> "Iterator[pd.DataFrame]":
    """The table ``reverse`` for some training rows after the other, all queries together; adds to the histograms on the
    way."""
    n = len(rows)
    height = min(STRIPE_ROWS, max(256, PIECE_PAIRS // len(reach)))
    for start in range(0, n, height):
        stop = min(n, start + height)
        reverse = Extremes(stop - start, K_REVERSE)
        for piece in _pieces(folder, rows, own, shards, start, stop):
            labels = np.arange(piece.queries.start, piece.queries.stop)
            reverse.update(piece.influence, labels, None, slice(piece.start - start, piece.stop - start))
            counts[piece.queries] += histogram(piece.influence.T, reach[piece.queries])
        yield _reverse(reverse, rows[start:stop])


def sides(extremes: Extremes) -> "pd.DataFrame":
    import pandas as pd

    return pd.concat(
        [pd.DataFrame(extremes.table(sign)).assign(side=np.int8(sign)) for sign in (1, -1)], ignore_index=True
    )


def _summary(best: Extremes, trained: "TrainedModel", asked: Sequence[Query]) -> "pd.DataFrame":
    table = sides(best).rename(columns={"line": "query", "label": "row", "value": "influence", "extra": "cosine"})
    if len(table) and table["cosine"].isna().all() and trained.asks_model:
        table["cosine"] = _cosines(trained, asked, table["query"].to_numpy(), table["row"].to_numpy())
    table = table.astype({"query": "int32", "row": "int32"}).sort_values(
        ["query", "side", "rank"], ascending=[True, False, True]
    )
    return table[["query", "side", "rank", "row", "influence", "cosine"]].reset_index(drop=True)


def _cosines(trained: "TrainedModel", asked: Sequence[Query], columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Gradient cosine (m,) float32 at the last checkpoint of the pairs (columns[j], rows[j]); one pass over the
    distinct rows per block."""
    cosines = np.full(len(rows), np.nan, dtype=np.float32)
    block = query_block(len(asked), trained.gradient_bytes, trained.budget_bytes >> 20)
    for first in range(0, len(asked), block):
        prepared = query_gradients(trained, asked[first : first + block])
        mine = np.flatnonzero((columns >= first) & (columns < first + block))
        distinct = np.unique(rows[mine])
        for start in range(0, len(distinct), trained.batch_size):
            batch = distinct[start : start + trained.batch_size]
            dots, norms = trained.engine().dots_and_norms(*trained.batch(batch), prepared)  # (b, q), (b,)
            values = (dots / (norms[:, None] * prepared.norms[None, :]).clamp_min(1e-30)).cpu().numpy()
            here = mine[np.isin(rows[mine], batch)]
            cosines[here] = values[np.searchsorted(batch, rows[here]), columns[here] - first]
    return cosines


def _reverse(reverse: Extremes, rows: np.ndarray) -> "pd.DataFrame":
    table = sides(reverse).rename(columns={"label": "query", "value": "influence"})
    table["row"] = rows[table["line"].to_numpy()]
    table = table.astype({"query": "int32", "row": "int32"}).sort_values(
        ["row", "side", "rank"], ascending=[True, False, True]
    )
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
