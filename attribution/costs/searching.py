"""Forecasts a search for wrong labels: its trainings, and everything else timed on a share of the training samples."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.config import FlagConfig, to_dict
from attribution.costs.model import SURE, UNSURE, Cost, Reading
from attribution.costs.result import LONG_S, Forecast, forecast_key, plain, write_forecast
from attribution.costs.scoring import share_of
from attribution.costs.training import PilotedTraining, pilot_training
from attribution.findings.mislabels import flag
from attribution.meter import Meter
from attribution.models.devices import pick_device
from attribution.progress import Progress

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.runs import Run

START, BUDGET_S = 256, 4.0
QUICK = ("aum", "neighbors")  # what needs no training


def quadratic(readings: list[Reading], rows: int) -> float:
    """The reading to expect at ``rows``, from a constant, a linear and a quadratic part, none negative, with the least relative errors."""
    from scipy.optimize import nnls

    sizes = np.array([one.rows for one in readings], dtype=float) / rows
    seconds = np.array([one.value for one in readings])
    powers = np.column_stack([sizes**0, sizes, sizes**2][: min(3, max(1, len(readings)))]) if len(readings) > 1 else sizes[:, None]
    return float(nnls(powers / seconds[:, None], np.ones(len(seconds)))[0].sum())


def _search_readings(
    dataset: "Dataset", labels: "Labels", run: "Run", config: FlagConfig, trusted: bool
) -> tuple[list[Reading], int, bool]:
    """Seconds of the search without its trainings at growing sizes, the highest memory, and whether it trains at all."""
    rows, classes, device = len(labels.train_rows(dataset)), len(dataset.info.classes), str(pick_device(config.device))
    readings: list[Reading] = []
    trained: list[int] = []
    peak = 0

    def guess(train: np.ndarray, held: np.ndarray, progress: Progress) -> np.ndarray:
        trained.append(len(train))
        return np.random.default_rng(0).dirichlet(np.ones(classes), len(held))

    count, started_s = min(rows, START), time.perf_counter()
    for warm in (True, False):
        with tempfile.TemporaryDirectory() as folder, Meter(device) as spent:
            flag(dataset, share_of(dataset, labels, count), run, config, Path(folder), trusted=trusted, train_fold=guess)
        if not warm:
            readings.append(Reading(count, 1, spent.seconds_s))
    while count < rows:
        left_s = BUDGET_S * (2 if len(readings) < 2 else 1) - (time.perf_counter() - started_s)
        factor = next((factor for factor in (4, 2) if factor * readings[-1].value <= left_s), 1)
        if factor == 1:
            break
        count = min(rows, factor * count)
        with tempfile.TemporaryDirectory() as folder, Meter(device) as spent:
            flag(dataset, share_of(dataset, labels, count), run, config, Path(folder), trusted=trusted, train_fold=guess)
        readings.append(Reading(count, 1, spent.seconds_s))
        peak = max(peak, spent.peak_bytes)
    return readings, max(peak, spent.peak_bytes), bool(trained)


def forecast_flag(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    config: FlagConfig,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
) -> Forecast:
    """What ``flag`` with the same arguments would cost; kept in ``out/ID``. Runs nothing but the pilots, about ten seconds.

    Above a minute, fewer folds and a search without trainings are offered.
    """
    work, folder = progress or Progress(), out / forecast_key("flag", config, run.id, labels.version)
    if (folder / "config.json").is_file():
        return Forecast(folder)
    rows, started_s = len(labels.train_rows(dataset)), time.perf_counter()
    work.update(0, 1, "timing the search on a share of the samples")
    readings, peak, trains = _search_readings(dataset, labels, run, config, trusted)
    training = None
    if trains:
        work.update(0.5, 1, "timing an epoch on a share of the samples")
        recipe = replace(run.train_config, device=config.device)
        training = pilot_training(dataset, labels, run.model_config, recipe, trusted=trusted, dynamics=False)
    cost = _whole(readings, rows, peak, training, config.folds, run.train_config.epochs)
    ways: list[dict[str, Any]] = []
    if cost.seconds_s > LONG_S and training is not None:
        if config.folds > 3:
            some = _whole(readings, rows, peak, training, 3, run.train_config.epochs)
            ways.append({"what": f"3 folds instead of {config.folds}", "change": {"folds": 3}, **plain(some)})
        if not config.detectors:
            none = _whole(readings, rows, peak, None, 0, 0)
            words = "only the margins over training and the neighbours' labels, without the trainings"
            ways.append({"what": words, "change": {"detectors": list(QUICK)}, **plain(none)})
    about = {"kind": "flag", "run": run.id, "version": labels.version, "request": to_dict(config), "n_train": rows}
    written = write_forecast(folder, about, cost, time.perf_counter() - started_s, ways)
    work.update(1, 1, "done")
    return written


def _whole(readings: list[Reading], rows: int, peak: int, training: PilotedTraining | None, folds: int, epochs: int) -> Cost:
    """The search and its trainings."""
    search_s = quadratic(readings, rows)
    trainings = training.cost(rows - rows // folds, epochs, folds) if training is not None else None
    factor = SURE if readings[-1].rows >= rows else UNSURE
    low, high = search_s / factor, search_s * factor
    parts = {"search": search_s}
    if trainings is not None:
        low, high, peak = low + trainings.low_s, high + trainings.high_s, max(peak, trainings.peak_bytes)
        parts |= trainings.parts
    return Cost(sum(parts.values()), low, high, peak, parts)
