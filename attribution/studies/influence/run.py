"""Runs a score: compute the shards that are missing, then reduce all of them to what people look at."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.estimators.base import Estimator, Query
from attribution.measures.query import measure_of
from attribution.models.user_code import said as user_code
from attribution.progress import Progress
from attribution.runners import runners
from attribution.runners.base import Runner
from attribution.settings.configs import ScoreConfig
from attribution.storage.files import file_hash, write_json
from attribution.studies.base import Context, Request
from attribution.studies.influence import settings
from attribution.studies.influence.plan import Shard, columns, plan, shard_header
from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.tables import write_tables
from attribution.studies.influence.work import HALVED, ShardWork

if TYPE_CHECKING:
    import numpy as np

DENSE_LIMIT_BYTES = 256 << 20  # above this the shards go once they are reduced


@user_code("its gradients were taken")
def request(context: Context, config: ScoreConfig) -> Request:
    """The checkpoints' content, estimator and options, queries and k; batch size, memory, device and runner are no part
    of it: they do not change a result beyond rounding. ``UserError`` for unknown rows and an empty training set."""
    rows = _labelled(context, context.rows(config.queries, context.run))
    config = of_questions(context, config)
    queries = columns(context.dataset, rows, config.group, config.measure)
    if (questions := context.dataset.questions) is not None:
        queries = [replace(query, name=questions.title) for query in queries]
    work = ShardWork(context.dataset, context.labels, context.asked, config, queries, Path(), "", context.trusted)
    estimator = work.kept()
    trained = estimator.trained
    measure = measure_of(trained, config.measure)
    if not len(trained.rows):
        raise UserError(
            "No training sample is left.",
            "All of them are dropped, so none can have influence.",
            "Keep some training samples.",
        )
    options = estimator.options()
    said: dict[str, Any] = {
        "estimator": config.estimator,
        "options": options,
        "run": context.asked.id,
        "checkpoints": [[file_hash(Path(path)), weight] for path, weight in context.asked.checkpoints],
        "version": context.labels.version,
        "queries": [list(query.rows) for query in queries],
        "k": config.k,
    }
    if context.dataset.questions is not None:
        said["questions"] = context.dataset.questions.to_json()
    if config.measure != "loss":
        said["measure"] = measure.options()
    if config.autocast:
        said["autocast"] = True
    if config.layers:
        said["layers"] = sorted(set(config.layers))
    return Request(said, ready=(work, settings.asked(config, options)))


@user_code("its gradients were taken")
def compute(
    context: Context,
    config: ScoreConfig,
    asked: Request,
    out: Path,
    progress: Progress,
    *,
    part: tuple[int, int] | None = None,
) -> dict[str, Any] | None:
    """Influence of every active training row on the queries, positive = training on the row lowers the query's measure,
    by default its loss.

    The queries are one column each (one for all with ``config.group``); training rows are scored in row order. An
    interrupted run computes its missing shards only, and a shard made for another request is ignored and rewritten.
    ``part=(i, n)`` computes every n-th shard from the i-th (i from 0) and reduces only if none is missing afterwards.
    Raises ``UserError`` for too little disk space, or when no score at all is finite.
    """
    work, wanted = asked.ready
    estimator = work.kept()
    trained = estimator.trained
    shards = plan(len(trained.rows), len(work.queries), estimator.query_bytes(), config.memory_mb)
    work.folder = out / "shards"
    work.key = asked.key
    work.folder.mkdir(parents=True, exist_ok=True)
    _check_space(work.folder, 8 * len(trained.rows) * len(work.queries))
    mine = shards if part is None else [shard for shard in shards if shard.index % part[1] == part[0]]
    runner: Runner = runners.get(config.runner)(config.workers)
    runner.run(work, [shard for shard in mine if not work.done(shard)], progress)
    if any(not work.done(shard) for shard in shards):
        return None
    return {
        "asked": [wanted],
        "fingerprint": asked.key,
        "device": str(trained.device),
        "group": work.config.group,
        "cost": {"runner": config.runner},
        **_reduced(out, estimator, work.queries, shards, config.k),
    }


def again(result: ScoreResult, asked: Request) -> ScoreResult:
    """A finished run that turns out to be what was asked for in another way (a ratio of 1, say, where that is the usual
    one) says so."""
    known = settings.requests(result.config)
    (_, wanted) = asked.ready
    if wanted in known:
        return result
    write_json(result.folder / "config.json", {**result.config, "asked": [*known, wanted]})
    return ScoreResult(result.folder)


def of_questions(context: Context, config: ScoreConfig) -> ScoreConfig:
    """The settings; of a behaviour all questions together, with the sign of each answer where they are held against
    each other."""
    questions = context.dataset.questions
    if questions is None:
        return config
    return replace(config, group=True, measure=questions.measure if config.measure == "loss" else config.measure)


def _labelled(context: Context, rows: "Sequence[int] | np.ndarray") -> "np.ndarray":
    """The rows that have a label, with those that do not exist, which ``columns`` refuses; ``UserError`` where none of
    several has a label."""
    import numpy as np

    chosen = np.asarray(rows, dtype=np.int64)
    there = (chosen >= 0) & (chosen < len(context.dataset))
    bare = np.zeros(len(chosen), dtype=bool)
    bare[there] = context.dataset.task.targets.bare(context.labels.values[chosen[there]])
    if len(chosen) and bare.all():
        noun = context.dataset.task.targets.noun
        raise UserError(
            f"Sample {context.dataset.ids[chosen[0]]} has no {noun}.",
            f"Influence is asked of how far the model is from the {noun}.",
            "Give it one (Review, or datablame edit), or ask about another sample.",
        )
    return chosen[~bare]


def _reduced(out: Path, estimator: Estimator, asked: Sequence[Query], shards: list[Shard], k: int) -> dict[str, Any]:
    """Reduce the shards to the tables; what ``config.json`` says of it, which makes the run finished once it is
    written."""
    trained = estimator.trained
    folder = out / "shards"
    headers = [shard_header(folder / shard.name) for shard in shards]
    nonfinite = write_tables(out, trained, asked, shards, k)
    dense = len(trained.rows) * len(asked) * 4 <= DENSE_LIMIT_BYTES
    for path in folder.glob("*"):
        if not dense or path.name not in {shard.name for shard in shards}:
            path.unlink()
    return {
        "queries": [{"name": query.name, "rows": list(query.rows)} for query in asked],
        "title": estimator.title,
        "unit": estimator.measured_in(measure_of(trained, asked[0].measure).measured_in(trained.task)),
        "notes": _notes([json.loads(header.get("notes", "{}")) for header in headers]),
        "n_train": len(trained.rows),
        "covered": trained.engine().covered if trained.asks_model else [],
        **_covers(estimator),
        "dense": dense,
        "nonfinite": nonfinite,
        "seconds_s": sum(float(header["seconds_s"]) for header in headers),
        "forward_passes": sum(float(header["spent"]) for header in headers) / len(trained.rows),
    }


def _covers(estimator: Estimator) -> dict[str, Any]:
    """What ``config.json`` says of the weights that the scores are of, where they are of weights."""
    from attribution.training.parts import coverage

    if not (estimator.by_weights and estimator.trained.asks_model):
        return {}
    return {"covers": coverage(estimator.trained.model(), set(estimator.covered()))}


def _notes(by_shard: list[dict[str, Any]]) -> dict[str, Any]:
    """The last shard's notes, and the smallest batch that memory forced in any."""
    halved = [notes[HALVED] for notes in by_shard if HALVED in notes]
    return by_shard[-1] | ({HALVED: min(halved)} if halved else {})


def _check_space(folder: Path, needed_bytes: int) -> None:
    import shutil

    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free, this score run needs {needed_bytes / 1e9:.1f} GB.",
            "Scores are written to disk as they are computed.",
            "Free some space, or ask about fewer samples at a time.",
        )
