"""From a few timed readings to the cost of the whole: a surface that grows with training samples and queries, no
negative part."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

GROWS = 1.25  # a reading that rises by less over a fourfold size is taken as constant: timers are not better than that
TOLD = 16  # fewer queries than that do not tell from memory's other movements what one holds
# The stated range as a factor up and down: everything measured at full size, and everything carried over to it.
SURE, UNSURE = 1.5, 2.0


def non_negative(columns: Any, values: Any, trust: Any = 1.0) -> np.ndarray:
    """Weights (t,) >= 0 of ``columns (n, t)`` whose sum comes nearest to ``values (n,)`` > 0 in relative terms;
    ``trust`` weighs readings."""
    from scipy.optimize import nnls

    columns, values = np.asarray(columns, dtype=float), np.asarray(values, dtype=float)
    scale = columns.max(0)
    each = np.asarray(trust) / values
    return np.asarray(nnls(columns / scale * each[:, None], values * each)[0]) / scale


@dataclass(frozen=True)
class Reading:
    """What one call took with so many training samples and queries: seconds, or bytes."""

    rows: int
    queries: int
    value: float


class Spent(Protocol):
    """What a metered call took."""

    @property
    def seconds_s(self) -> float: ...

    @property
    def cpu_s(self) -> float: ...

    @property
    def peak_bytes(self) -> int: ...


@dataclass
class Paced:
    """Readings of one kind of work in CPU seconds, and how many wall seconds there were to one of them.

    What else the machine does meanwhile stretches single readings at random; over all of a kind it is the pace that the
    run will find too.
    """

    readings: list[Reading] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, rows: int, queries: int, spent: Spent, cpu_s: float | None = None) -> None:
        """Take in a reading; ``cpu_s`` is the part of what was spent that is meant, or what it stands for."""
        self.readings.append(Reading(rows, queries, spent.cpu_s if cpu_s is None else cpu_s))
        self.wall_s, self.cpu_s = self.wall_s + spent.seconds_s, self.cpu_s + spent.cpu_s

    @property
    def pace(self) -> float:
        """Wall seconds to a CPU second."""
        return self.wall_s / self.cpu_s if self.cpu_s else 1.0

    def seconds(self, pace: float = 0.0) -> list[Reading]:
        """The readings in wall seconds, at the kind's own pace or another."""
        return [Reading(one.rows, one.queries, one.value * (pace or self.pace)) for one in self.readings]


@dataclass(frozen=True)
class Surface:
    """``a + b rows + c queries + d rows queries``, all weights >= 0; ``measured`` is the largest size that was read."""

    weights: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    measured: tuple[int, int] = (0, 0)

    def at(self, rows: float, queries: float) -> float:
        """The value at a size."""
        a, b, c, d = self.weights
        return a + b * rows + c * queries + d * rows * queries

    def carried(self, rows: float, queries: float) -> float:
        """The part of ``at`` that lies beyond what was read, 0 to its value."""
        inside = self.at(min(rows, self.measured[0]), min(queries, self.measured[1]))
        return max(0.0, self.at(rows, queries) - inside)


def fit(readings: Sequence[Reading], rows: int, queries: int) -> Surface:
    """The surface through the readings with the least relative errors, larger readings counting more, for use up to
    ``rows`` and ``queries``.

    A size that was read only once is taken to cost in proportion, unless it is the full one; a reading that hardly
    rises (``GROWS``) over a fourfold size is taken as constant. Non-negative least squares keeps noise from making a
    cost fall.
    """
    if not readings or not any(one.value > 0 for one in readings):
        return Surface(measured=(rows, queries))
    by_rows = _terms([(one.rows, one.queries, one.value) for one in readings], rows)
    by_queries = _terms([(one.queries, one.rows, one.value) for one in readings], queries)
    places = [2 * q + m for q in by_queries for m in by_rows]  # of a, b, c, d
    size = np.array([[1.0, one.rows, one.queries, one.rows * one.queries] for one in readings])[:, places]
    floor = 1e-3 * max(one.value for one in readings)
    value = np.array([max(one.value, floor) for one in readings])
    weights = np.zeros(4)
    weights[places] = non_negative(size, value, [(one.rows * one.queries) ** 0.25 for one in readings])
    largest = (max(one.rows for one in readings), max(one.queries for one in readings))
    return Surface(tuple(float(w) for w in weights), largest)  # type: ignore[arg-type]


def _terms(points: Sequence[tuple[int, int, float]], whole: int) -> list[int]:
    """Powers (0: constant, 1: linear) of one size that the readings can tell apart; points are (this size, the other
    one, value)."""
    sizes = sorted({size for size, _, _ in points})
    if len(sizes) == 1:
        return [0] if sizes[0] >= whole else [1]
    rises = []
    for other in {other for _, other, _ in points}:
        line = sorted((size, value) for size, at, value in points if at == other)
        if line[-1][0] >= 4 * line[0][0] and line[0][1] > 0:
            rises.append(line[-1][1] / line[0][1])
    return [0] if rises and max(rises) < GROWS else [0, 1]


@dataclass(frozen=True)
class Pilot:
    """What was read of a run on a share of it. Seconds, except ``peak`` (bytes, of the whole process).

    ``once``: what only the first preparation takes, whatever the queries. ``block``: preparing a block of queries.
    ``batch``: scoring one batch of training samples for it. ``peak``: memory. ``open_s``: loading, once. ``rest_s``:
    writing tables, for the whole run. ``pace``: wall seconds to a CPU second over all of it.
    """

    once: Sequence[Reading]
    block: Sequence[Reading]
    batch: Sequence[Reading]
    peak: Sequence[Reading]
    open_s: float = 0.0
    rest_s: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True)
class Size:
    """The whole run: training samples, queries of every block, and how many batches go over the training samples for a
    block.

    A prepared query holds ``query_bytes``, and queries make memory grow by no more than ``limit_bytes``.
    """

    rows: int
    blocks: tuple[int, ...]
    batches: float
    query_bytes: int = 0
    limit_bytes: int = 1 << 30


@dataclass(frozen=True)
class Cost:
    """What work would take: seconds with a range, and peak memory in bytes; ``parts`` are its seconds by kind of
    work."""

    seconds_s: float
    low_s: float
    high_s: float
    peak_bytes: int
    parts: dict[str, float] = field(default_factory=dict)


def cost_of(pilot: Pilot, size: Size) -> Cost:
    """The cost of the whole run: linear in batches, query blocks and, through what the pilot read, in training samples.

    The range is a factor of 1.5 up and down for what was read at full size, and up to 2, the more is carried over from
    a smaller one. Memory is that of the largest block, and never below what the pilot itself took.
    """
    largest = max(size.blocks)
    once = fit(pilot.once, size.rows, 1)
    # Nothing says that a batch costs more, the more training samples there are.
    alone = len({one.rows for one in pilot.batch}) == 1
    batches = [replace(one, rows=size.rows) for one in pilot.batch] if alone else pilot.batch
    block, batch = (fit(readings, size.rows, largest) for readings in (pilot.block, batches))
    parts = {
        "open": pilot.open_s,
        "once": once.at(size.rows, 1),
        "queries": sum(block.at(size.rows, count) for count in size.blocks),
        "training samples": sum(size.batches * batch.at(size.rows, count) for count in size.blocks),
        "tables": pilot.rest_s,
    }
    carried = once.carried(size.rows, 1)
    carried += sum(
        block.carried(size.rows, count) + size.batches * batch.carried(size.rows, count) for count in size.blocks
    )
    seconds = sum(parts.values())
    factor = SURE + (UNSURE - SURE) * (carried / seconds if seconds else 0.0)
    return Cost(seconds, seconds / factor, seconds * factor, _peak(pilot.peak, size), parts)


def _peak(readings: Sequence[Reading], size: Size) -> int:
    """Peak memory in bytes: what was read, growing with training samples as read, and with queries as read or by what
    one holds."""
    if not readings:
        return 0
    highest: dict[tuple[int, int], float] = {}
    for one in readings:
        highest[one.rows, one.queries] = max(one.value, highest.get((one.rows, one.queries), 0.0))
    most = max(highest.values())
    queries = max(size.blocks)
    tried = max(k for _, k in highest)
    rows = size.rows if len({m for m, _ in highest}) > 1 else max(m for m, _ in highest)
    found = fit([Reading(m, k, value) for (m, k), value in highest.items()], rows, queries)
    by_rows = max(0.0, found.at(rows, tried) - most)
    by_queries = found.at(rows, queries) - found.at(rows, tried)
    if tried < TOLD:
        by_queries = max(by_queries, float((queries - tried) * size.query_bytes))
    return int(most + by_rows + min(by_queries, size.limit_bytes))
