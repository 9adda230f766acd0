"""Times a piece of work at growing sizes until the pilot's time is spent: fixed parts then stand apart from growing
ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from attribution.studies.costs.model import Paced, Pilot, Reading, Size, Spent, cost_of

BUDGET_S = 5.0  # what a pilot may take, about
SHARE, MOST_S = 0.1, 20.0  # of a long run it may take more: this share of the run, up to so many seconds
LONG_S = 1.0  # a batch that takes longer is read once: what disturbs a reading is small beside it
STEP = 4  # factor from one size to the next
REPEATS = 3  # batches whose median counts
CHEAP = 16  # a reading of this part of the budget is cheap
TINY = 16  # training samples of the first round
SLOW_S = 0.3  # a query that takes longer to solve there begins smaller and is asked with others


Metered = Callable[[Callable[[], object]], Spent]


class Trial(Protocol):
    """The work on a share of the training samples; where it iterates a few times only, ``scale`` is what the rest makes
    it longer by."""

    @property
    def scale(self) -> float: ...

    @property
    def owed_s(self) -> float:
        """CPU seconds by formula for what the first preparation of a run does once and a trial leaves out."""

    def prepare(self, queries: int) -> object:
        """Prepare so many queries; the first time with everything that serves all later ones."""

    def batch(self) -> object:
        """Score the next batch of training samples for the prepared queries."""


@dataclass
class _Book:
    """Readings so far and the time they took, without waiting for other programs."""

    metered: Metered
    whole: Size
    unit: int  # training samples of a batch
    one_pace: bool
    wall_s: float = 0.0
    cpu_s: float = 0.0
    open_s: float = 0.0  # CPU seconds
    owed_s: float = 0.0  # CPU seconds
    spent_s: float = 0.0
    repeated: float = 0.0  # the part of a first preparation that every later one takes again
    once: Paced = field(default_factory=Paced)
    tiny: list[Reading] = field(default_factory=list)  # what is done once, in the first round; CPU seconds
    block: Paced = field(default_factory=Paced)
    batch: Paced = field(default_factory=Paced)
    peak: list[Reading] = field(default_factory=list)

    def time(self, work: Callable[[], object], rows: int, queries: int) -> Spent:
        found = self.metered(work)
        self.spent_s += min(found.seconds_s, found.cpu_s)  # waiting for other programs is no part of the budget
        self.wall_s, self.cpu_s = self.wall_s + found.seconds_s, self.cpu_s + found.cpu_s
        self.peak.append(Reading(rows, queries, found.peak_bytes))
        return found

    def first(self, trial: Trial, rows: int, queries: int) -> float:
        """Prepare on a fresh trial, twice to tell what is done once (not where that was seen to be little); seconds
        that it took."""
        before = self.spent_s
        prepared = self.time(lambda: trial.prepare(queries), rows, queries)
        if prepared.seconds_s > SLOW_S and self.repeated > 0.5:
            again = prepared
            again_s = prepared.cpu_s * self.repeated
        else:
            again = self.time(lambda: trial.prepare(queries), rows, queries)
            again_s = min(prepared.cpu_s, again.cpu_s)
            self.repeated = again_s / max(prepared.cpu_s, 1e-9)
        self.once.add(rows, 1, prepared, prepared.cpu_s - again_s)
        self.block.add(rows, queries, again, again_s * trial.scale)
        self.owed_s = max(self.owed_s, trial.owed_s)
        return self.spent_s - before

    def more(self, trial: Trial, rows: int, queries: int) -> float:
        """Prepare other queries on a trial that has prepared some."""
        taken = self.time(lambda: trial.prepare(queries), rows, queries)
        self.block.add(rows, queries, taken, taken.cpu_s * trial.scale)
        return min(taken.seconds_s, taken.cpu_s)

    def batches(self, trial: Trial, rows: int, queries: int) -> float:
        """Score batches for the queries just prepared: one to warm up, then the median of those that were not seen
        before, since what an estimator kept of a batch is no cost. Of two batches the cheaper one counts: what disturbs
        a reading makes it longer. A long one is read once."""
        before = self.spent_s
        warm = self.time(trial.batch, rows, queries)
        fresh = max(1, min(REPEATS, rows // self.unit - 1)) if warm.cpu_s <= LONG_S else 0
        taken = [self.time(trial.batch, rows, queries) for _ in range(fresh)] or [warm]
        median_s = sorted(one.cpu_s for one in taken)[fresh // 2] if fresh > 1 else min(warm.cpu_s, taken[0].cpu_s)
        for one in taken:
            self.batch.wall_s, self.batch.cpu_s = self.batch.wall_s + one.seconds_s, self.batch.cpu_s + one.cpu_s
        self.batch.readings.append(Reading(rows, queries, median_s))
        return self.spent_s - before

    def pilot(self) -> Pilot:
        """What was read; batches of trials smaller than two batches, and what is done once in the first round, only
        where there is nothing better: one size alone does not tell a fixed part from a growing one."""
        overall = self.wall_s / max(self.cpu_s, 1e-9)
        once, block, batch = (
            kind.seconds(overall if self.one_pace else 0.0) for kind in (self.once, self.block, self.batch)
        )
        good = [one for one in batch if one.rows >= min(2 * self.unit, self.whole.rows)] or batch
        if len({one.rows for one in once}) == 1:
            pace = overall if self.one_pace else self.once.pace
            once += [Reading(one.rows, one.queries, one.value * pace) for one in self.tiny]
        return Pilot(once, block, good, self.peak, open_s=(self.open_s + self.owed_s) * overall, pace=overall)

    @property
    def budget_s(self) -> float:
        """What the pilot may take by now: more of a run that looks long."""
        return min(MOST_S, max(BUDGET_S, SHARE * cost_of(self.pilot(), self.whole).seconds_s))


def explore(make: Callable[[int], Trial], whole: Size, batch: int, metered: Metered, one_pace: bool = True) -> Pilot:
    """Readings of the work that ``make(training samples)`` gives, at growing sizes.

    First a tiny round, which warms up; then, with two batches of training samples, one query and fourfold more of them
    while these are cheap; then more training samples, each with few and with these many queries; then still more
    queries. Each goes on until the whole size is reached or the next reading would take the pilot past ``BUDGET_S``, or
    past a tenth of the run where that is more. ``batch`` is how many training samples a batch has. ``one_pace``: on one
    thread all kinds of work take the same share of the processor.
    """
    rows = whole.rows
    queries = max(whole.blocks)
    book = _Book(metered, whole, batch, one_pace)
    slow = _warm_up(make, book, min(rows, TINY))
    m, k = (min(rows, 2 * TINY), min(queries, STEP)) if slow else (min(rows, 2 * batch), 1)
    trial = make(m)
    costs = [book.first(trial, m, k)]
    tries = [costs[0] * book.repeated + book.batches(trial, m, k)]
    many = k

    def more_queries(limit_s: float) -> None:
        nonlocal many
        while many < queries and tries[-1] <= limit_s and (factor := _next(tries, book)) > 1:
            many = min(queries, many * factor)
            tries.append(book.more(trial, m, many) + book.batches(trial, m, many))

    more_queries(BUDGET_S / CHEAP)
    size = m
    with_many = many if tries[-1] <= BUDGET_S / 2 else k
    while size < rows and (factor := _next(costs, book)) > 1:
        size = min(rows, size * factor)
        larger = make(size)
        costs.append(book.first(larger, size, k))
        costs[-1] += book.batches(larger, size, k)
        if with_many > k:
            costs[-1] += book.more(larger, size, with_many)
        del larger
    more_queries(book.budget_s)
    return book.pilot()


def _warm_up(make: Callable[[int], Trial], book: _Book, rows: int) -> bool:
    """A tiny round, and another where it is quick: what the first one took beyond it is the cost of opening. True where
    a query is slow."""
    trial = make(rows)
    cold = book.time(lambda: trial.prepare(1), rows, 1)
    trial = make(rows)
    warm = book.time(lambda: trial.prepare(1), rows, 1)
    if rows < book.whole.rows and warm.seconds_s > SLOW_S and trial.scale == 1:
        again = book.time(lambda: trial.prepare(1), rows, 1)
        book.tiny.append(Reading(rows, 1, warm.cpu_s - min(warm.cpu_s, again.cpu_s)))
    cold_batch = book.time(trial.batch, rows, 1)
    warm_batch = book.time(trial.batch, rows, 1) if cold_batch.cpu_s <= LONG_S else cold_batch
    if trial.scale == 1:
        book.open_s = max(0.0, cold.cpu_s - warm.cpu_s) + max(0.0, cold_batch.cpu_s - warm_batch.cpu_s)
    return warm.seconds_s > SLOW_S and book.time(lambda: trial.prepare(1), rows, 1).seconds_s * trial.scale > SLOW_S


def _next(costs: list[float], book: _Book) -> int:
    """The factor by which the next size may be larger, 1 for not at all; a cost that grew is taken to grow on, at first
    in proportion.

    The first growth may take twice the budget: without it nothing tells a fixed part from a growing one.
    """
    growth = float(STEP) if len(costs) == 1 else min(float(STEP**2), max(1.0, costs[-1] / max(costs[-2], 1e-9)))
    left_s = book.budget_s * (2 if len(costs) == 1 else 1) - book.spent_s
    for factor, expected in ((STEP, costs[-1] * growth), (2, costs[-1] * growth**0.5)):
        if expected <= left_s:
            return factor
    return 1
