"""Runs a score: compute the shards that are missing, then reduce all of them to what people look at."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.config import ScoreConfig, fingerprint
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Estimator, Query
from attribution.measures.base import Measure
from attribution.progress import Progress
from attribution.scoring.plan import Shard, columns, is_valid, place, plan, shard_header
from attribution.scoring.result import ScoreResult
from attribution.scoring.tables import write_tables
from attribution.storage.files import file_hash, whole_file, write_json

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training import Run

DENSE_LIMIT_BYTES = 256 << 20  # above this the shards go once they are reduced


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
) -> ScoreResult:
    """Influence of every active training row on the queries, positive = training on the row lowers the query's measure, by default its loss.

    ``queries`` are global rows, one column each (one column for all with ``config.group``). Results go to ``out/ID``, where ID is the
    fingerprint of the checkpoints' content, data version, estimator and options, queries and k: a finished run is found and returned, an
    interrupted one computes its missing shards only, and a shard made for another request is ignored and rewritten. Training rows are
    scored in row order; batch size and device are not part of the request, since they do not change a result beyond rounding.

    ``part=(i, n)`` computes every n-th shard from the i-th (i from 0) and reduces only if no shard is missing afterwards; the
    result's ``finished`` tells. Raises ``UserError`` for unknown rows, too little disk space, or when no score at all is finite.
    """
    from attribution.subject import Subject

    work = progress or Progress()
    asking = {"positive": config.positive, "epsilon": config.epsilon}
    subject = Subject(dataset, labels, run, device=config.device, batch_size=config.batch_size, trusted=trusted, asking=asking)
    measure = subject.measure(config.measure)
    asked = columns(dataset, queries, config.group, config.measure)
    if not len(subject.rows):
        raise UserError(
            "No training sample is left.", "All of them are dropped, so none can have influence.", "Keep some training samples."
        )
    estimator: Estimator = estimators.get(config.estimator)(subject, config.seed)
    _check_measure(estimator, measure)
    for name in estimator.settings:
        setattr(estimator, name, getattr(config, name))
    request = {
        "estimator": config.estimator,
        "options": estimator.options(),
        "run": run.id,
        "checkpoints": [[file_hash(Path(path)), weight] for path, weight in run.checkpoints],
        "version": labels.version,
        "queries": [list(query.rows) for query in asked],
        "k": config.k,
    }
    if config.measure != "loss":
        request["measure"] = measure.options()
    key = fingerprint(request)
    result = ScoreResult(Path(out) / key)
    if result.finished:
        return result
    shards = plan(len(subject.rows), len(asked), estimator.query_bytes())
    folder = result.folder / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    _check_space(folder, 8 * len(subject.rows) * len(asked))
    mine = shards if part is None else [shard for shard in shards if shard.index % part[1] == part[0]]
    _compute(estimator, asked, mine, folder, key, work)
    if any(not is_valid(folder, shard, key) for shard in shards):
        return result
    _finish(result, estimator, asked, shards, {**request, "fingerprint": key, "device": str(subject.device), "group": config.group})
    work.update(1, 1, "done")
    return result


def _compute(estimator: Estimator, asked: list[Query], shards: list[Shard], folder: Path, key: str, work: Progress) -> None:
    """Write the shards that are not there yet; the queries of a block are prepared once."""
    missing = [shard for shard in shards if not is_valid(folder, shard, key)]
    prepared: tuple[int, int] | None = None
    total = sum(shard.stop - shard.start for shard in missing)
    done = 0
    for shard in missing:
        started_s, spent = time.perf_counter(), estimator.subject.spent
        if prepared != (shard.first, shard.last):
            work.update(done, total, "preparing the queries")
            estimator.prepare(asked[shard.first : shard.last])
            prepared = (shard.first, shard.last)
        tensors = _score_rows(estimator, shard, work, done, total)
        done += shard.stop - shard.start
        header = {
            "fingerprint": key,
            "place": place(shard),
            "seconds_s": repr(time.perf_counter() - started_s),
            "spent": repr(estimator.subject.spent - spent),
        }
        _write_shard(folder / shard.name, tensors, header)
        work.update(done, total, f"{shard.stop:,} of {len(estimator.subject.rows):,} training samples")


def _score_rows(estimator: Estimator, shard: Shard, work: Progress, done: int, total: int) -> dict[str, np.ndarray]:
    rows = estimator.subject.rows[shard.start : shard.stop]
    influence, cosine = [], []
    for start in range(0, len(rows), estimator.subject.batch_size):
        work.update(done + start, total, f"{shard.start + start:,} of {len(estimator.subject.rows):,} training samples")
        block = estimator.score(rows[start : start + estimator.subject.batch_size])
        influence.append(block.influence.float().numpy())
        if block.cosine is not None:
            cosine.append(block.cosine.float().numpy())
    tensors = {"rows": rows, "influence": np.concatenate(influence)}
    if cosine:
        tensors["cosine"] = np.concatenate(cosine)
    return tensors


def _write_shard(path: Path, tensors: dict[str, np.ndarray], header: dict[str, str]) -> None:
    from safetensors.numpy import save_file

    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata=header)


def _finish(result: ScoreResult, estimator: Estimator, asked: list[Query], shards: list[Shard], about: dict[str, Any]) -> None:
    """Reduce the shards to the tables, then write ``config.json``, which makes the run finished."""
    subject = estimator.subject
    folder = result.folder / "shards"
    headers = [shard_header(folder / shard.name) for shard in shards]
    nonfinite = write_tables(result.folder, subject, asked, shards, about["k"])
    dense = len(subject.rows) * len(asked) * 4 <= DENSE_LIMIT_BYTES
    for path in folder.glob("*"):
        if not dense or path.name not in {shard.name for shard in shards}:
            path.unlink()
    write_json(
        result.folder / "config.json",
        {
            **about,
            "queries": [{"name": query.name, "rows": list(query.rows)} for query in asked],
            "title": estimator.title,
            "unit": estimator.unit.replace("nats", subject.measure(asked[0].measure).unit),
            "notes": estimator.notes(),
            "n_train": len(subject.rows),
            "covered": subject.engine().covered,
            "dense": dense,
            "nonfinite": nonfinite,
            "seconds_s": sum(float(header["seconds_s"]) for header in headers),
            "forward_passes": sum(float(header["spent"]) for header in headers) / len(subject.rows),
        },
    )


def _check_measure(estimator: Estimator, measure: Measure) -> None:
    """``UserError`` for a measure that the estimator cannot be asked of."""
    if estimator.loss_only and measure.name != "loss":
        able = [name for name in estimators.names() if not (estimators.get(name).loss_only or estimators.get(name).control)]
        raise UserError(
            f"{estimator.name} cannot be asked of {measure.name}.",
            "It knows losses and labels, not the gradient of another measure.",
            f"Use one of: {', '.join(able)}.",
        )


def _check_space(folder: Path, needed_bytes: int) -> None:
    import shutil

    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free, this score run needs {needed_bytes / 1e9:.1f} GB.",
            "Scores are written to disk as they are computed.",
            "Free some space, or ask about fewer samples at a time.",
        )
