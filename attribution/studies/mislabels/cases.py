"""For each suspect, the training samples that most support its label and those that most oppose it, by gradient
cosine."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.estimators.base import Query
from attribution.measures.query import query_gradients
from attribution.progress import Progress
from attribution.studies.influence.plan import QUERY_BUDGET_BYTES
from attribution.studies.influence.reduce import Extremes

if TYPE_CHECKING:
    import pandas as pd

    from attribution.training.trained import TrainedModel

SHOWN = 6  # supporters and opponents kept per suspect


def cases(trained: "TrainedModel", suspects: np.ndarray, progress: Progress) -> "pd.DataFrame":
    """A table of row (the suspect), kind, rank (from 1), other (training row), cosine.

    A ``supporter`` pulls the model the same way as the suspect's given label does (cosine > 0), an ``opponent`` the
    other way (< 0): its own label contradicts the suspect's. Gradients at the last checkpoint. Costs one pass forward
    and backward over the training set per block of suspects that fits in memory.
    """
    import pandas as pd

    if not len(suspects):
        return pd.DataFrame({"row": [], "kind": [], "rank": [], "other": [], "cosine": []})
    block = max(1, QUERY_BUDGET_BYTES // max(1, trained.gradient_bytes))
    tables = []
    for first in range(0, len(suspects), block):
        part = suspects[first : first + block]
        prepared = query_gradients(trained, [Query(str(row), (int(row),)) for row in part])
        best = Extremes(len(part), SHOWN)
        for start in range(0, len(trained.rows), trained.batch_size):
            rows = trained.rows[start : start + trained.batch_size]
            dots, norms = trained.engine().dots_and_norms(*trained.batch(rows), prepared)  # (b, q), (b,)
            trained.count(3 * len(rows))
            cosine = (dots / (norms[:, None] * prepared.norms[None, :]).clamp_min(1e-30)).float().cpu().numpy()
            cosine[rows[:, None] == part[None, :]] = np.nan
            best.update(cosine.T, rows)
            progress.update(
                first + len(part) * start / len(trained.rows),
                len(suspects),
                "comparing the suspects with the training set",
            )
        for sign, kind in ((1, "supporter"), (-1, "opponent")):
            found = best.table(sign)
            tables.append(
                pd.DataFrame(
                    {
                        "row": part[found["line"]].astype(np.int32),
                        "kind": kind,
                        "rank": found["rank"],
                        "other": found["label"].astype(np.int32),
                        "cosine": found["value"],
                    }
                )
            )
    return (
        pd.concat(tables, ignore_index=True).sort_values(["row", "kind", "rank"], kind="stable").reset_index(drop=True)
    )
