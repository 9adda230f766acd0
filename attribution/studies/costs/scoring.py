"""Tells the cost of a score run: the estimator itself, timed on a share of the training samples and queries."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from attribution.datasets.dataset import Dataset, Labels
from attribution.estimators import estimators
from attribution.estimators.base import Estimator, Query
from attribution.measures.query import query_gradients
from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig
from attribution.settings.options import changed
from attribution.studies.base import Context, Request
from attribution.studies.costs.explore import explore
from attribution.studies.costs.model import Cost, Pilot, Size, cost_of
from attribution.studies.costs.result import LONG_S, figures, plain, told_of
from attribution.studies.influence.plan import Shard, columns, plan
from attribution.studies.influence.run import of_questions
from attribution.studies.influence.tables import write_tables
from attribution.studies.influence.work import ShardWork, write_shard
from attribution.studies.meter import Meter

# training samples among the kept ones, as a share of what chance would give; .2 to .9 over estimators and samples
DISTINCT = 0.5
ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # numbers of queries that are offered instead of all
FEW = 10  # rounds of an iterative estimator that are timed
TABLE_PAIRS = 200_000  # pairs for which the tables are written on trial


@dataclass(frozen=True)
class Piloted:
    """A run that was timed on a share: ``cost()`` is what it would take, ``cost(n)`` that of the first n queries
    alone."""

    pilot: Pilot
    rows: int
    queries: int
    query_bytes: int
    config: ScoreConfig
    table_s: float  # CPU seconds of the tables for one pair
    # What the cosines take for a kept training sample: whatever the queries, and for one query.
    cosine_s: tuple[float, float]
    cosine_bytes: float  # what a query holds for them

    def cost(self, queries: int = 0) -> Cost:
        """The cost for so many queries; 0: all."""
        asked = queries or self.queries
        size, _ = _size(self.rows, asked, self.query_bytes, self.config)
        kept = DISTINCT * self.rows * (1 - np.exp(-2 * self.config.k * asked / self.rows))
        rest = self.rows * asked * self.table_s + kept * (self.cosine_s[0] + self.cosine_s[1] * asked)
        cost = cost_of(replace(self.pilot, rest_s=self.pilot.pace * rest), size)
        return replace(cost, peak_bytes=int(cost.peak_bytes + min(asked * self.cosine_bytes, size.limit_bytes / 2)))


def _size(rows: int, queries: int, query_bytes: int, config: ScoreConfig) -> tuple[Size, int]:
    """The whole run, and how many training samples a batch of it has."""
    shards = plan(rows, queries, query_bytes, config.memory_mb)
    blocks = tuple(last - first for first, last in dict.fromkeys((shard.first, shard.last) for shard in shards))
    batch = min(config.batch_size, shards[0].stop - shards[0].start)
    return Size(rows, blocks, rows / batch, query_bytes, 2 * config.memory_mb << 20), batch


@dataclass
class _Shared:
    """What trials tell each other: how long the first preparation took, and whether the estimator leaves cosines to be
    computed later."""

    tiny_s: float = 0.0
    no_cosines: bool = False


class _Trial:
    """An estimator on a share of the training samples. One that iterates for long does so ``FEW`` times only, and
    ``scale`` says how many times longer it would take to its tolerance, at the rate at which the residual fell."""

    def __init__(self, work: ShardWork, labels: "Labels", share: float, batch: int, shared: _Shared) -> None:
        self._queries = work.queries
        self._batch = batch
        self._at = 0
        self._all = work.labels.train_rows(work.dataset)
        self._estimator: Estimator = replace(work, labels=labels).estimator()
        self._estimator.trained.share = min(share, 1 - 1e-9)  # below 1 even at full size: a pilot keeps nothing on disk
        self._shared = shared
        self.scale = 1.0
        bound = self._estimator.rounds
        self._tolerance = getattr(self._estimator, "tolerance", None)
        self._most = getattr(self._estimator, bound) if bound else 0
        self._few = self._most > 2 * FEW and (shared.tiny_s > 1 or not self._tolerance)
        if self._few:
            setattr(self._estimator, bound, FEW)

    @property
    def owed_s(self) -> float:
        return float(self._estimator.trained.owed_s)

    def prepare(self, queries: int) -> None:
        started_s = time.perf_counter()
        self._estimator.query_bytes()
        chosen = np.linspace(0, len(self._queries) - 1, queries).astype(int)
        self._estimator.prepare([self._queries[place] for place in chosen])
        if self._few:
            residual = float(self._estimator.notes().get("residual", 1.0))
            self.scale = rounds_needed(residual, self._tolerance, self._most) / FEW
        self._shared.tiny_s = self._shared.tiny_s or time.perf_counter() - started_s

    def batch(self) -> None:
        rows = self._estimator.trained.rows
        rows = rows if len(rows) >= 2 * self._batch else self._all
        if self._at >= len(rows):
            self._at = 0
        block = self._estimator.score(rows[self._at : self._at + self._batch])
        self._shared.no_cosines = block.cosine is None
        self._at += self._batch


def pilot_score(context: Context, config: ScoreConfig, queries: Sequence[int] | np.ndarray) -> Piloted:
    """Time a score run on a share of its training samples and queries (``explore``); writes nothing of the run.

    Raises what the run would. The cost is that of the serial runner.
    """
    import torch

    config = of_questions(context, config)
    dataset = context.dataset
    labels = context.labels
    unstored = changed(config, without=("store",))
    asked = columns(dataset, queries, config.group, config.measure)
    work = ShardWork(dataset, labels, context.asked, unstored, asked, Path(), "", context.trusted)
    rows = labels.train_rows(dataset)
    few = share_of(dataset, labels, 64)
    trained = replace(work, labels=few).trained()
    device = str(trained.device)

    def metered(call: object) -> Meter:
        with Meter(device) as spent:
            call()  # type: ignore[operator]
        return spent

    whole = estimators.get(config.estimator).from_subsets  # such models exist for the real labels alone
    query_bytes = replace(work, labels=few).estimator().query_bytes()
    size, batch = _size(len(rows), len(asked), query_bytes, config)

    shared = _Shared()

    def make(count: int) -> _Trial:
        share = labels if whole or count == len(rows) else share_of(dataset, labels, count)
        return _Trial(work, share, 1.0 if share is labels else count / len(rows), batch, shared)

    pilot = explore(make, size, batch, metered, one_pace=torch.get_num_threads() == 1)
    table_s = _table_cost(replace(work, labels=share_of(dataset, labels, 2048)), min(len(asked), 64))
    cosine_s = (0.0, 0.0)
    cosine_bytes = 0.0
    if shared.no_cosines:
        cosine_s, cosine_bytes = _cosine_cost(replace(work, labels=few), min(len(asked), 64))
    return Piloted(pilot, len(rows), len(asked), query_bytes, config, table_s, cosine_s, cosine_bytes)


def rounds_needed(residual: float, tolerance: float | None, most: int) -> float:
    """Iterations until ``tolerance`` for a solver whose relative residual fell to ``residual`` in ``FEW``; ``most``
    where it has none."""
    if not tolerance or residual >= 1:
        return most
    return min(most, max(FEW, FEW * np.log(tolerance) / np.log(max(residual, 1e-30))))


def share_of(dataset: "Dataset", labels: "Labels", count: int) -> "Labels":
    """The same labels with only ``count`` of the training samples active, evenly spread."""
    rows = labels.train_rows(dataset)
    active = labels.active.copy()
    active[dataset.rows("train")] = False
    active[rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]] = True
    return Labels.of(dataset, labels.values, active)


def _table_cost(work: ShardWork, queries: int) -> float:
    """CPU seconds that the tables take for one pair, by writing those of random scores."""
    trained = work.trained()
    chance = np.random.default_rng(0)
    n = max(1, min(len(trained.rows), TABLE_PAIRS // queries))
    trained.rows = trained.rows[:n]
    asked = [Query(str(place), (int(place),)) for place in range(queries)]
    with tempfile.TemporaryDirectory() as folder:
        shards = plan(n, queries, 1)
        for shard in shards:
            _write_random(Path(folder), trained.rows, shard, chance)
        with Meter() as spent:
            write_tables(Path(folder), trained, asked, shards, work.config.k)
        return spent.cpu_s / (n * queries)


def _write_random(folder: Path, rows: np.ndarray, shard: Shard, chance: np.random.Generator) -> None:
    shape = (shard.stop - shard.start, shard.last - shard.first)
    values = chance.standard_normal(shape, dtype=np.float32)
    (folder / "shards").mkdir(exist_ok=True)
    header = {"fingerprint": "", "place": ""}
    write_shard(
        folder / "shards" / shard.name,
        {"rows": rows[shard.start : shard.stop], "influence": values, "cosine": np.tanh(values)},
        header,
    )


def _cosine_cost(work: ShardWork, queries: int) -> tuple[tuple[float, float], float]:
    """What gradient cosines take for one training sample in CPU seconds, whatever the queries and for each of them;
    bytes a query holds."""
    trained = work.trained()
    rows = trained.rows[: work.config.batch_size]
    read = []
    for count in sorted({1, queries}):
        chosen = np.linspace(0, len(work.queries) - 1, count).astype(int)
        prepared = query_gradients(trained, [work.queries[place] for place in chosen])
        x, y = trained.batch(rows)
        trained.engine().dots_and_norms(x, y, prepared)  # warms up
        with Meter(str(trained.device)) as spent:
            trained.engine().dots_and_norms(x, y, prepared)
        read.append(spent.cpu_s / len(rows))
    slope = max(0.0, read[-1] - read[0]) / max(1, queries - 1)
    return (max(0.0, read[0] - slope), slope), prepared.nbytes / queries


def request(context: Context, config: ScoreConfig) -> Request:
    """Everything that decides what the score run costs."""
    queries = [int(row) for row in context.rows(config.queries, context.run)]
    return told_of("score", context, config, queries)


def compute(context: Context, config: ScoreConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Runs nothing but the pilot. With a cost above a minute, cheaper ways are timed too: the estimator's own
    ``cheaper`` one, and fewer queries."""
    queries = asked.ready
    started_s = time.perf_counter()
    work.update(0, 1, "timing a share of the work")
    found = pilot_score(context, config, queries)
    cost = found.cost()
    ways = []
    if cost.seconds_s > LONG_S:
        work.update(0.6, 1, "timing a cheaper way")
        other = estimators.get(config.estimator).cheaper
        if other and config.measure == "loss":
            quicker = pilot_score(context, changed(config, estimator=other), queries).cost()
            ways += _if_cheaper(cost, quicker, estimators.get(other).title, {"estimator": other})
        few = fewer(found)
        if few and not config.group:
            ways += _if_cheaper(
                cost, found.cost(few), f"only {few:,} of the {found.queries:,} queries", {"queries": few}
            )
    facts = {"n_train": found.rows, "n_queries": found.queries}
    return {**facts, **figures(cost, time.perf_counter() - started_s, ways)}


def fewer(found: Piloted) -> int:
    """The most queries, as a round number, that take a minute at most, or a tenth of the time; 0 when there is no such
    number."""
    target = max(LONG_S, found.cost().seconds_s / 10)
    fitting = [count for count in ROUND if count < found.queries and found.cost(count).seconds_s <= target]
    return max(fitting, default=0)


def _if_cheaper(cost: Cost, other: Cost, what: str, change: dict[str, object]) -> list[dict[str, Any]]:
    return [{"what": what, "change": change, **plain(other)}] if other.seconds_s < cost.seconds_s / 2 else []
