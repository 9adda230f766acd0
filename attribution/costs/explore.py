"""Times a piece of work at growing sizes until the pilot's time is spent: fixed parts then stand apart from growing ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from attribution.costs.model import Pilot, Reading

BUDGET_S = 4.0  # what a pilot may take, about
STEP = 4  # factor from one size to the next
REPEATS = 3  # batches whose median counts


class Spent(Protocol):
    """What a metered call took."""

    @property
    def seconds_s(self) -> float: ...

    @property
    def peak_bytes(self) -> int: ...


Metered = Callable[[Callable[[], object]], Spent]


class Trial(Protocol):
    """The work on a share of the training samples."""

    def prepare(self, queries: int) -> object:
        """Prepare so many queries; the first time with everything that serves all later ones."""

    def batch(self) -> object:
        """Score the next batch of training samples for the prepared queries."""


@dataclass
class _Book:
    """Readings so far and the time they took."""

    metered: Metered
    unit: int
    spent_s: float = 0.0
    once: list[Reading] = field(default_factory=list)
    block: list[Reading] = field(default_factory=list)
    batch: list[Reading] = field(default_factory=list)
    peak: list[Reading] = field(default_factory=list)

    def time(self, work: Callable[[], object], rows: int, queries: int) -> float:
        found = self.metered(work)
        self.spent_s += found.seconds_s
        self.peak.append(Reading(rows, queries, found.peak_bytes))
        return found.seconds_s

    def read(self, trial: Trial, rows: int, queries: int, first: bool) -> float:
        """One size: preparation (twice where it is the trial's first, to tell what is done once) and batches; seconds it took."""
        before = self.spent_s
        prepared = self.time(lambda: trial.prepare(queries), rows, queries)
        if first:
            again = self.time(lambda: trial.prepare(queries), rows, queries)
            self.once.append(Reading(rows, 1, max(0.0, prepared - again)))
            prepared = min(again, prepared)
        self.block.append(Reading(rows, queries, prepared))
        self.time(trial.batch, rows, queries)  # warms up
        fresh = max(1, min(REPEATS, rows // self.unit - 1))  # batches not seen before: what an estimator kept of a batch is no cost
        taken = sorted(self.time(trial.batch, rows, queries) for _ in range(fresh))
        self.batch.append(Reading(rows, queries, taken[fresh // 2]))
        return self.spent_s - before


def explore(make: Callable[[int], Trial], rows: int, queries: int, batch: int, metered: Metered, *, budget_s: float = BUDGET_S) -> Pilot:
    """Readings of the work that ``make(rows)`` gives, at sizes that grow fourfold from two batches of training samples and one query until
    the next one would take the pilot past ``budget_s``; the first growth of either size may take twice that.

    A tiny round comes first: it warms up, and what it takes beyond its repetition is the cost of opening.
    """
    book = _Book(metered, batch)
    tiny = min(rows, 16)
    cold, warm = book.read(make(tiny), tiny, 1, True), book.read(make(tiny), tiny, 1, True)
    book = _Book(metered, batch, book.spent_s)
    m = min(rows, 2 * batch)
    k = 1
    trial = make(m)
    costs = [book.read(trial, m, k, True)]
    most, tries = k, [costs[0] / 2]
    while most < queries:
        fitting = _next(tries, book.spent_s, budget_s * (0.6 if len(tries) > 1 else 2))
        if fitting < 2:
            break
        most = min(queries, most * fitting)
        tries.append(book.read(trial, m, most, False))
    del trial
    size = m
    while size < rows:
        fitting = _next(costs, book.spent_s, budget_s if len(costs) > 1 else 2 * budget_s)
        if fitting < 2:
            break
        size = min(rows, size * fitting)
        trial = make(size)
        costs.append(book.read(trial, size, k, True))
        corner = costs[-1] * tries[-1] / tries[0]
        if most > k and book.spent_s + corner <= budget_s:
            book.read(trial, size, most, False)
        del trial
    return Pilot(book.once, book.block, book.batch, book.peak, open_s=max(0.0, cold - warm), spent_s=book.spent_s)


def _next(costs: list[float], spent_s: float, budget_s: float) -> int:
    """The factor by which the next size may be larger, 1 for not at all; a cost that grew is taken to grow on, at first in proportion."""
    growth = STEP if len(costs) == 1 else max(1.0, costs[-1] / max(costs[-2], 1e-9))
    for factor, expected in ((STEP, costs[-1] * growth), (2, costs[-1] * growth**0.5)):
        if spent_s + expected <= budget_s:
            return factor
    return 1
