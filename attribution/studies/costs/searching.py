"""Tells the cost of a search for wrong labels: its trainings, and everything else timed on a share of the training
samples."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from attribution.models.devices import pick_device
from attribution.progress import Progress
from attribution.studies.base import Context, Request
from attribution.studies.costs.model import SURE, UNSURE, Cost, Paced, Reading, non_negative
from attribution.studies.costs.result import LONG_S, figures, plain, told_of
from attribution.studies.costs.scoring import share_of
from attribution.studies.costs.training import PilotedTraining, pilot_training
from attribution.studies.meter import Meter
from attribution.studies.mislabels.study import FlagConfig, Mislabels

START = 256
BUDGET_S = 4.0
QUICK = ("aum", "neighbors")  # what needs no training


def quadratic(readings: Sequence[Reading], rows: int) -> float:
    """The reading to expect at ``rows``, from a constant, a linear and a quadratic part, none negative, with the least
    relative errors."""
    powers = [0, 1, 2][: len(readings)] if len(readings) > 1 else [1]
    columns = [[(one.rows / rows) ** power for power in powers] for one in readings]
    return float(non_negative(columns, [one.value for one in readings]).sum())


@dataclass(frozen=True)
class PilotedSearch:
    """Readings of a search without its trainings, and of the trainings, if it has any; ``cost`` is that of the
    whole."""

    readings: Sequence[Reading]
    peak_bytes: int
    training: PilotedTraining | None
    rows: int
    folds: int
    epochs: int

    def cost(self, folds: int | None = None) -> Cost:
        """The search with so many folds; None: as asked, 0: without trainings."""
        count = self.folds if folds is None else folds
        search_s = quadratic(self.readings, self.rows)
        peak = self.peak_bytes
        factor = SURE if self.readings[-1].rows >= self.rows else UNSURE
        low = search_s / factor
        high = search_s * factor
        parts = {"search": search_s}
        if self.training is not None and count:
            each = self.training.cost(self.rows - self.rows // count, self.epochs, count)
            low = low + each.low_s
            high = high + each.high_s
            peak = max(peak, each.peak_bytes)
            parts = parts | each.parts
        return Cost(sum(parts.values()), low, high, peak, parts)


def pilot_flag(context: Context, config: FlagConfig) -> PilotedSearch:
    """Time a search on growing shares of the training samples, and its trainings on their own. Arguments as for
    ``flag``."""
    readings, peak, trains = _search_readings(context, config)
    dataset = context.dataset
    labels = context.labels
    run = context.asked
    recipe = context.fold_recipe
    no_folds = run.loaded and recipe is None
    training = None  # then the search leaves out what would train
    recipe = replace(recipe or run.train_config, device=config.device)
    if trains and not no_folds:
        training = pilot_training(dataset, labels, run.model_config, recipe, trusted=context.trusted, dynamics=False)
    return PilotedSearch(readings, peak, training, len(labels.train_rows(dataset)), config.folds, recipe.epochs)


def _search_readings(context: Context, config: FlagConfig) -> tuple[list[Reading], int, bool]:
    """Seconds of the search without its trainings at growing sizes, the highest memory, and whether it trains at
    all."""
    dataset, labels = context.dataset, context.labels
    rows = len(labels.train_rows(dataset))
    device = str(pick_device(config.device))
    readings = Paced()
    peak = 0
    trained: list[int] = []

    def guess(train: np.ndarray, held: np.ndarray, progress: Progress) -> np.ndarray:
        trained.append(len(train))
        return np.array(context.asked.outputs()[held])

    def read(count: int) -> Meter:
        with tempfile.TemporaryDirectory() as folder, Meter(device) as spent:
            few = replace(context, folder=Path(folder), labels=share_of(dataset, labels, count))
            Mislabels().make(few, config, train_fold=guess)
        return spent

    count = min(rows, START)
    read(count)  # warms up
    while True:
        spent = read(count)
        readings.add(count, 1, spent)
        peak = max(peak, spent.peak_bytes)
        left_s = BUDGET_S * (2 if len(readings.readings) < 2 else 1) - min(readings.wall_s, readings.cpu_s)
        factor = next((factor for factor in (4, 2) if factor * min(spent.seconds_s, spent.cpu_s) <= left_s), 1)
        if count >= rows or factor == 1:
            return readings.seconds(), peak, bool(trained)
        count = min(rows, factor * count)


def request(context: Context, config: FlagConfig) -> Request:
    """Everything that decides what the search costs."""
    return told_of("flag", context, config)


def compute(context: Context, config: FlagConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Runs nothing but the pilots, about ten seconds. Above a minute, fewer folds and a search without trainings are
    offered."""
    started_s = time.perf_counter()
    work.update(0, 1, "timing the search on a share of the samples")
    found = pilot_flag(context, config)
    cost = found.cost()
    ways = list[dict[str, Any]]()
    if cost.seconds_s > LONG_S and found.training is not None:
        if config.folds > 3:
            ways.append({"what": f"3 folds instead of {config.folds}", "change": {"folds": 3}, **plain(found.cost(3))})
        if not config.detectors:
            words = "only the margins over training and the neighbours' labels, without the trainings"
            ways.append({"what": words, "change": {"detectors": list(QUICK)}, **plain(found.cost(0))})
    return {"n_train": found.rows, **figures(cost, time.perf_counter() - started_s, ways)}
