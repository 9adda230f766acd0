"""One review queue from all detectors: their mean rank, the suspicion that it stands for, and the table of it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.detectors import counted
from attribution.detectors.base import Evidence
from attribution.statistics.ranking import average_ranks
from attribution.studies.mislabels.judges import Judge

if TYPE_CHECKING:
    import pandas as pd

RULE = (
    "Mean percentile rank over {names}. Suspicion is 1 / (1 + (position / {number})^2): 0.5 where the queue reaches "
    "the {kind} number."
)


def combine(values: dict[str, np.ndarray]) -> np.ndarray:
    """Mean percentile rank (n,) in 0..1 over the detectors that count in the queue (all, if none of them does): 1 =
    most suspicious to every one."""
    names = counted(values)
    n = len(values[names[0]])
    return np.mean([(average_ranks(values[name]) - 0.5) / n for name in names], axis=0)


def suspicion(position: np.ndarray, expected: float) -> np.ndarray:
    """0..1 from the place in the queue (1 = first): 0.5 where it reaches the expected number of wrong targets."""
    return 1 / (1 + (position / max(1.0, expected)) ** 2)


def rule(names: list[str], estimated: bool) -> str:
    """How the queue is made, in words."""
    number = "expected number of wrong labels" if estimated else "number that stand apart"
    return RULE.format(names=", ".join(names), number=number, kind="expected" if estimated else "said")


def table(evidence: Evidence, values: dict[str, np.ndarray], judge: Judge) -> "pd.DataFrame":
    """The queue, a line per row; rows that are not judged come last, with suspicion 0."""
    import pandas as pd

    n = len(evidence.rows)
    judged = judge.judged
    columns: dict[str, Any] = {"row": evidence.rows.astype(np.int32), "id": evidence.trained.dataset.ids[evidence.rows]}
    small = np.int32 if judge.kind == "class" else evidence.targets.dtype
    columns["label"] = evidence.targets.astype(small)
    for name, column in values.items():
        columns[name] = column
        columns[f"rank:{name}"] = (n + 1 - average_ranks(column)).round().astype(np.int32)
    score = combine(values)
    position = np.empty(n, dtype=np.int32)
    position[np.lexsort((evidence.rows, -score, ~judged))] = np.arange(1, n + 1)
    columns["suspicion"] = np.where(judged, suspicion(position, judge.expected), 0).astype(np.float32)
    columns["position"] = position
    columns["judged"] = judged
    return pd.DataFrame(columns | judge.suggestions())
