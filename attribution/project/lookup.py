"""Finds among finished results the one that answers a question for the current model and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from attribution.errors import UserError
from attribution.storage.drawn import Drawn
from attribution.storage.sums import ailing, sound

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.studies.calibration.result import CalibrationResult
    from attribution.studies.categories.categories import Categories
    from attribution.studies.influence.result import ScoreResult
    from attribution.studies.mislabels.budget import Budget
    from attribution.studies.mislabels.result import FlagResult
    from attribution.tasks.base import Task
    from attribution.training.run import Run

T = TypeVar("T")
BLOCK = 65_536  # rows whose predictions are worked out at once


@dataclass(frozen=True)
class InfluenceView(Drawn):
    """The most helpful and most harmful training samples of one query.

    ``helpful`` and ``harmful`` have the columns row, id, influence (positive lowers the query's ``measure``, as a rule
    its loss), cosine, rank (1 is the strongest). ``moments`` describes the whole column; ``stale`` says that labels
    changed since it was computed.
    """

    drawn_by: ClassVar[str] = "influence"

    estimator: str
    query_rows: tuple[int, ...]
    helpful: "pd.DataFrame"
    harmful: "pd.DataFrame"
    moments: dict[str, Any]
    stale: bool
    score: "ScoreResult"
    column: int

    @property
    def run(self) -> str:
        """Id of the model that was asked."""
        return self.score.run

    @property
    def measure(self) -> str:
        """What was asked of: ``loss``, or another measure's name."""
        return self.score.measure

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for otherwise than usual (``scoring.settings``); {} where the usual settings lead to the
        same."""
        return min(settings_of(self.score), key=len)

    @property
    def options(self) -> dict[str, Any]:
        """All settings of the estimator that these numbers depend on, as they were used."""
        return dict(self.score.config.get("options", {}))


def damaged(project: Path) -> list[UserError]:
    """What is wrong with results of a project that were finished and can no longer be read, in words with the way out,
    by path."""
    configs = sorted(project.glob("*/*/config.json"))
    return [error for path in configs if not sound(path) and (error := ailing(path.parent)) is not None]


def newest_of(results: Sequence[T], run_id: str | None) -> T | None:
    """The newest result that was asked of this run, else the newest of all."""
    own = [result for result in results if getattr(result, "run", None) == run_id]
    return next(iter([*own, *results]), None)


def find_query(
    scores: "Sequence[ScoreResult]",
    run_id: str,
    version: str,
    estimator: str,
    query_rows: Sequence[int],
    settings: Mapping[str, Any] | None = None,
    measure: str = "loss",
    asked_of: str = "",
) -> "tuple[ScoreResult, int] | None":
    """The score run and column that answer for this ``measure`` of these query rows with exactly these ``settings``
    (None: the usual ones), or of the behaviour ``asked_of`` (``ScoreResult.asked_of``), whatever its measure.

    One computed on the current labels is preferred.
    """
    found = [
        pair
        for pair in _answering(scores, run_id, estimator, query_rows, measure, asked_of)
        if dict(settings or {}) in settings_of(pair[0])
    ]
    return min(found, key=lambda pair: pair[0].version != version) if found else None


def _answering(
    scores: "Sequence[ScoreResult]",
    run_id: str,
    estimator: str,
    query_rows: Sequence[int],
    measure: str,
    asked_of: str = "",
) -> "list[tuple[ScoreResult, int]]":
    """The score runs, and in each the column, that were asked of this run about these rows, or this behaviour, with
    whatever settings."""
    scores = [score for score in scores if score.asked_of == asked_of]
    if asked_of:
        return [(score, 0) for score in scores if (score.run, score.estimator) == (run_id, estimator)]
    fitting = [score for score in scores if (score.run, score.estimator, score.measure) == (run_id, estimator, measure)]
    found = [(score, score.column_of(query_rows)) for score in fitting]
    return [(score, column) for score, column in found if column is not None]


def settings_of(score: "ScoreResult") -> list[dict[str, Any]]:
    """The settings with which this score was asked for."""
    from attribution.studies.influence.settings import requests

    return requests(score.config)


def computed(
    scores: "Sequence[ScoreResult]", run_id: str, query_rows: Sequence[int], measure: str, asked_of: str = ""
) -> set[str]:
    """Names of the estimators that were asked of this run about this measure of these rows, with whatever settings."""
    asked = {score.estimator for score in scores}
    return {name for name in asked if _answering(scores, run_id, name, query_rows, measure, asked_of)}


def settings_found(
    scores: "Sequence[ScoreResult]", run_id: str, estimator: str, query_rows: Sequence[int], measure: str = "loss"
) -> list[dict[str, Any]]:
    """The different settings with which an estimator was asked about these rows, the usual ones first."""
    found: list[dict[str, Any]] = []
    for score, _ in _answering(scores, run_id, estimator, query_rows, measure):
        shortest = min(settings_of(score), key=len)
        found += [shortest] if shortest not in found else []
    return sorted(found, key=len)


def influence_view(
    score: "ScoreResult",
    column: int,
    ids: "np.ndarray",
    version: str,
    query_rows: Sequence[int],
    k: int,
    within: "np.ndarray | None" = None,
) -> InfluenceView:
    """The k strongest on both sides of one column, of all training rows or of those ``within``."""
    top = score.top(column) if within is None else _top_within(score, column, within, k)
    top = top.assign(id=ids[top["row"].to_numpy()])[["side", "row", "id", "influence", "cosine", "rank"]].sort_values(
        "rank"
    )
    sides = [top[top["side"] == side].drop(columns="side").head(k).reset_index(drop=True) for side in (1, -1)]
    rows = tuple(int(row) for row in query_rows)
    return InfluenceView(
        score.estimator, rows, sides[0], sides[1], score.moments(column), score.version != version, score, column
    )


def _top_within(score: "ScoreResult", column: int, within: "np.ndarray", k: int) -> "pd.DataFrame":
    """As ``ScoreResult.top`` of these rows alone, their places among all kept; where the whole column is not kept any
    more, those of the strongest."""
    import numpy as np
    import pandas as pd

    known = score.top(column)
    whole = score.column(column)
    if whole is None:
        return known[known["row"].isin(within)]
    rows, values = whole
    cosines = known.set_index("row")["cosine"]
    parts = []
    for side in (1, -1):
        strength = np.where(np.isfinite(values), side * values, -np.inf)
        order = np.argsort(-strength, kind="stable")
        order = order[strength[order] > 0]
        mine = np.flatnonzero(np.isin(rows[order], within))[:k]
        kept = {"side": side, "row": rows[order[mine]], "influence": values[order[mine]], "rank": mine + 1}
        parts.append(pd.DataFrame(kept))
    found = pd.concat(parts, ignore_index=True)
    return found.assign(cosine=cosines.reindex(found["row"]).to_numpy())


def affected_by(
    scores: "Sequence[ScoreResult]",
    run_id: str,
    estimator: str,
    row: int,
    ids: "np.ndarray",
    k: int,
    settings: Mapping[str, Any] | None = None,
    measure: str = "loss",
) -> "pd.DataFrame | None":
    """The queries that a training row touches most, from the score run with these settings and the most single-sample
    queries."""
    fitting = [
        score
        for score in scores
        if (score.run, score.estimator, score.measure) == (run_id, estimator, measure)
        and not (score.group or score.asked_of)
    ]
    fitting = [score for score in fitting if dict(settings or {}) in settings_of(score)]
    if not fitting:
        return None
    score = max(fitting, key=lambda score: score.n_queries)
    frame = score.affected_by(row)
    frame = frame[frame["rank"] <= k].copy()
    frame["query_row"] = [score.query_rows(int(column))[0] for column in frame["query"]]
    frame["id"] = ids[frame["query_row"].to_numpy(dtype="int64")]
    return frame[["query_row", "id", "side", "rank", "influence"]].reset_index(drop=True)


def predictions(
    task: "Task", kept: "np.ndarray", labels: "np.ndarray", known: "pd.DataFrame | None" = None
) -> "pd.DataFrame":
    """What a model says of every sample under the current labels; columns as in ``Project.predictions``.

    ``kept`` (n, ...) is what its run kept (``Run.outputs``), ``labels`` (n,). ``known`` is the answer for other
    labels of
    the same outputs: only the rows that differ are worked out anew. Works in blocks of ``BLOCK`` rows.
    """
    import numpy as np
    import pandas as pd

    n = len(kept)
    if known is None:
        starts = range(0, max(n, 1), BLOCK)
        blocks = [_said(task, kept[start : start + BLOCK], labels[start : start + BLOCK]) for start in starts]
        columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    else:
        columns = {name: known[name].to_numpy().copy() for name in known}
        changed = np.flatnonzero(~task.targets.same(columns["label"], labels))
        for name, values in _said(task, kept[changed], labels[changed]).items():
            columns[name][changed] = values
    return pd.DataFrame(columns, index=pd.RangeIndex(n, name="row"))


def _said(task: "Task", kept: "np.ndarray", labels: "np.ndarray") -> "dict[str, np.ndarray]":
    """The columns of ``predictions`` for some rows."""
    import numpy as np

    labels = np.array(labels)
    said = task.said_kept(np.asarray(kept), labels)
    names = {"certainty": "confidence", "confidence": "p_label", "right": "correct"}
    columns = {"label": labels, **{names.get(name, name): np.asarray(column) for name, column in said.items()}}
    if task.kind == "number":
        return columns | {"error": columns["prediction"] - labels}
    return columns | {"correct": columns["correct"] == 1}


@lru_cache(maxsize=8)
def categories(flags: "FlagResult", run: "Run", dataset: "Dataset", sources: tuple[Path, ...]) -> "Categories":
    """The classes of a search's samples, with what the other findings in ``sources`` say; kept in memory, since
    finished results are one object each (``finished``), and for very many samples in the search's folder, too."""
    from attribution.studies.categories.categories import check, kept_or_made
    from attribution.studies.categories.relations import relations

    check(dataset.task)
    return kept_or_made(flags, run, dataset.info.classes, relations(sources, dataset), sources)


def budget(flags: "FlagResult", states: "pd.DataFrame", calibration: "CalibrationResult | None", step: int) -> "Budget":
    """What is left of a search's queue after the decisions in ``states`` (as ``Project.states``)."""
    from attribution.studies.mislabels.budget import budget
    from attribution.studies.mislabels.bulk import planted

    decided = decisions(flags, states)
    known = planted(calibration)
    n = len(flags.detectors)
    return budget(n, decided["position"], decided["wrong"], expected=flags.estimate or None, step=step, **known)


def decisions(flags: "FlagResult", states: "pd.DataFrame") -> "dict[str, np.ndarray]":
    """What was decided on searched samples, (k,) each: their ``position`` in the queue, and whether the target was
    ``wrong``, the suggestion was ``taken``, or ``other`` was given.

    A target was wrong if the sample no longer has the one that was searched, or is dropped. A sample that was set right
    before the search counts as looked at and right.
    """
    import numpy as np

    decided = states[(states["verdict"] != "") & flags.searched(states.index.to_numpy())]
    searched = flags.detectors.iloc[flags.places(decided.index.to_numpy())]
    now = decided["label"].to_numpy()
    dropped = ~decided["active"].to_numpy(dtype=bool)
    changed = now != searched["label"].to_numpy()
    low, high = (f"suggested_{end}" if f"suggested_{end}" in searched else "suggested" for end in ("low", "high"))
    near = (now >= searched[low].to_numpy()) & (now <= searched[high].to_numpy())
    return {
        "position": searched["position"].to_numpy(dtype=np.int64),
        "wrong": np.asarray(changed | dropped, dtype=bool),
        "taken": np.asarray(changed & near & ~dropped, dtype=bool),
        "other": np.asarray(changed & ~near & ~dropped, dtype=bool),
    }


def undecided(
    flags: "FlagResult", states: "pd.DataFrame", labels: "Labels", marks: "pd.DataFrame | None" = None
) -> "np.ndarray":
    """Searched rows (k,) int64 that nobody decided on or marked as unsure, that are trained on, and whose suggestion
    differs from their target, the most suspicious first."""
    import numpy as np

    table = flags.detectors.iloc[flags.places(flags.order)]
    rows = flags.order
    seen = np.isin(rows, states.index[states["verdict"] != ""].to_numpy())
    if marks is not None and len(marks):
        seen |= np.isin(rows, marks.index[marks["unsure"].astype(bool)].to_numpy())
    differs = labels.values[rows] != table["suggested"].to_numpy()
    return rows[~seen & labels.active[rows] & differs & table["judged"].to_numpy(dtype=bool)]
