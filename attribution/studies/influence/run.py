"""Runs a score: compute the shards that are missing, then reduce all of them to what people look at."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators.base import Estimator, Query
from attribution.measures.query import measure_of
from attribution.models.user_code import said
from attribution.progress import Progress
from attribution.runners import runners
from attribution.runners.base import Runner
from attribution.settings.configs import ScoreConfig, fingerprint
from attribution.storage.files import file_hash, write_json
from attribution.storage.sums import finish
from attribution.studies.influence import settings
from attribution.studies.influence.plan import Shard, columns, plan, shard_header
from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.tables import write_tables
from attribution.studies.influence.work import HALVED, ShardWork
from attribution.studies.meter import Meter

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.train import Run

DENSE_LIMIT_BYTES = 256 << 20  # above this the shards go once they are reduced


@said("its gradients were taken")
def score(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    config: ScoreConfig,
    queries: Sequence[int] | np.ndarray,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    part: tuple[int, int] | None = None,
    forecast: Mapping[str, float] | None = None,
) -> ScoreResult:
    """Influence of every active training row on the queries, positive = training on the row lowers the query's measure,
    by default its loss.

    ``queries`` are global rows, one column each (one column for all with ``config.group``). Results go to ``out/ID``,
    where ID is the fingerprint of the checkpoints' content, data version, estimator and options, queries and k: a
    finished run is found and returned, an interrupted one computes its missing shards only, and a shard made for
    another request is ignored and rewritten. Training rows are scored in row order; batch size, memory, device and
    runner are not part of the request: they do not change a result beyond rounding.

    ``part=(i, n)`` computes every n-th shard from the i-th (i from 0) and reduces only if no shard is missing
    afterwards; the result's ``finished`` tells. ``forecast`` (see ``costs``) is kept in ``config["cost"]`` beside what
    the run took. Raises ``UserError`` for unknown rows, too little disk space, or when no score at all is finite.
    """
    asked = columns(dataset, queries, config.group, config.measure)
    work = ShardWork(dataset, labels, run, config, asked, Path(), "", trusted)
    estimator = work.kept()
    trained = estimator.trained
    spent = Meter(str(trained.device)).start()
    measure = measure_of(trained, config.measure)
    if not len(trained.rows):
        raise UserError(
            "No training sample is left.",
            "All of them are dropped, so none can have influence.",
            "Keep some training samples.",
        )
    options = estimator.options()
    request = {
        "estimator": config.estimator,
        "options": options,
        "run": run.id,
        "checkpoints": [[file_hash(Path(path)), weight] for path, weight in run.checkpoints],
        "version": labels.version,
        "queries": [list(query.rows) for query in asked],
        "k": config.k,
    }
    if config.measure != "loss":
        request["measure"] = measure.options()
    if config.autocast:
        request["autocast"] = True
    key = fingerprint(request)
    result = ScoreResult(Path(out) / key)
    wanted = settings.asked(config, options)
    if result.finished:
        return _answers(result, wanted)
    shards = plan(len(trained.rows), len(asked), estimator.query_bytes(), config.memory_mb)
    work.folder = result.folder / "shards"
    work.key = key
    work.folder.mkdir(parents=True, exist_ok=True)
    _check_space(work.folder, 8 * len(trained.rows) * len(asked))
    mine = shards if part is None else [shard for shard in shards if shard.index % part[1] == part[0]]
    runner: Runner = runners.get(config.runner)(config.workers)
    progress = progress or Progress()
    missing = [shard for shard in mine if not work.done(shard)]
    runner.run(work, missing, progress)
    if any(not work.done(shard) for shard in shards):
        return result
    about = {**request, "asked": [wanted], "fingerprint": key, "device": str(trained.device), "group": config.group}
    about |= _reduced(result, estimator, asked, shards, config.k)
    whole = len(missing) == len(shards)
    finish(result.folder, {**about, "cost": spent.cost(whole, forecast, runner=config.runner)})
    progress.update(1, 1, "done")
    return result


def _answers(result: ScoreResult, wanted: dict[str, Any]) -> ScoreResult:
    """A finished run that turns out to be what was asked for in another way (a ratio of 1, say, where that is the usual
    one) says so."""
    known = settings.requests(result.config)
    if wanted in known:
        return result
    write_json(result.folder / "config.json", {**result.config, "asked": [*known, wanted]})
    return ScoreResult(result.folder)


def _reduced(
    result: ScoreResult, estimator: Estimator, asked: list[Query], shards: list[Shard], k: int
) -> dict[str, Any]:
    """Reduce the shards to the tables; what ``config.json`` says of it, which makes the run finished once it is
    written."""
    trained = estimator.trained
    folder = result.folder / "shards"
    headers = [shard_header(folder / shard.name) for shard in shards]
    nonfinite = write_tables(result.folder, trained, asked, shards, k)
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
        "covered": trained.engine().covered,
        "dense": dense,
        "nonfinite": nonfinite,
        "seconds_s": sum(float(header["seconds_s"]) for header in headers),
        "forward_passes": sum(float(header["spent"]) for header in headers) / len(trained.rows),
    }


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
