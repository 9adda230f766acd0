"""The strongest training samples of a few queries at once, without a score run: nothing but the answer is kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attribution.estimators.base import Estimator, Query
from attribution.studies.influence.reduce import Extremes
from attribution.studies.influence.tables import own_rows, sides

if TYPE_CHECKING:
    import pandas as pd

PAIRS = 1 << 18  # scored at once, at least


def strongest(estimator: Estimator, queries: Sequence[Query], k: int = 24) -> "pd.DataFrame":
    """The k most helpful and k most harmful training rows of every query: query, side, rank, row, influence, strongest
    first in a side.

    The training set goes by in blocks, so memory does not grow with it. With an estimator whose ``store`` is set and
    made, a question is the queries' own passes and one product with vectors read from disk. A query that is itself a
    training row does not explain itself.
    """
    import numpy as np

    rows = estimator.trained.rows
    best = Extremes(len(queries), k)
    own = own_rows(rows, queries)
    size = max(estimator.trained.batch_size, PAIRS // len(queries))
    if not getattr(estimator, "store", False):
        size = estimator.trained.batch_size
    estimator.prepare(queries)
    for start in range(0, len(rows), size):
        block = estimator.score(rows[start : start + size]).influence.float().numpy()
        for column, positions in own.items():
            here = positions[(positions >= start) & (positions < start + size)] - start
            block[here, column] = np.nan
        best.update(block.T, rows[start : start + size])
    table = sides(best).rename(columns={"line": "query", "label": "row", "value": "influence"}).drop(columns="extra")
    table = table.astype({"query": "int32", "row": "int32"}).sort_values(
        ["query", "side", "rank"], ascending=[True, False, True]
    )
    return table[["query", "side", "rank", "row", "influence"]].reset_index(drop=True)
