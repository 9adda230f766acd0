"""Forecasts a training: the real recipe for a few epochs on a share of the training samples."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.config import ModelConfig, TrainConfig, to_dict
from attribution.costs.model import SURE, UNSURE, Cost, Paced, Reading, non_negative
from attribution.costs.result import Forecast, forecast_key, write_forecast
from attribution.costs.scoring import share_of
from attribution.meter import Meter
from attribution.models.devices import pick_device
from attribution.progress import Progress
from attribution.training import train

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

START, STEP = 512, 4  # training samples of the first readings, and the growth to the next
EPOCHS = 4  # of the longer reading: an epoch has to stand out from what comes before and after


@dataclass(frozen=True)
class PilotedTraining:
    """Readings of trainings over (training samples, epochs); ``cost`` is that of any other such training."""

    seconds: tuple[Reading, ...]
    peak_bytes: int
    spent_s: float

    def cost(self, rows: int, epochs: int, times: int = 1) -> Cost:
        """Cost of ``times`` trainings on so many samples, one after the other."""
        weights = non_negative([_terms(one.rows, one.queries) for one in self.seconds], [one.value for one in self.seconds])
        seconds = times * float(weights @ _terms(rows, epochs))
        seen = max(one.rows * one.queries for one in self.seconds) / max(rows * epochs, 1)
        factor = UNSURE - (UNSURE - SURE) * min(1.0, seen)
        return Cost(seconds, seconds / factor, seconds * factor, self.peak_bytes, {"trainings": seconds})


def _terms(rows: int, epochs: int) -> np.ndarray:
    """What a training's time is made of: what comes before and after, what every epoch takes, and what every sample of one does."""
    return np.array([1.0, epochs, rows * epochs])


def pilot_training(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    recipe: TrainConfig,
    *,
    trusted: bool = False,
    dynamics: bool = True,
    budget_s: float = 4.0,
) -> PilotedTraining:
    """Time trainings of one and of four epochs on a share of the samples, more of them while about ``budget_s`` lasts. Writes nothing kept."""
    device, rows = str(pick_device(recipe.device)), len(labels.train_rows(dataset))
    readings = Paced()
    peak, taken_s = 0, 0.0

    def read(count: int, epochs: int) -> float:
        nonlocal peak, taken_s
        short = replace(recipe, epochs=epochs, checkpoints=1)
        with tempfile.TemporaryDirectory() as folder, Meter(device) as spent:
            train(dataset, share_of(dataset, labels, count), model, short, Path(folder), trusted=trusted, dynamics=dynamics)
        readings.add(count, epochs, spent)
        peak, taken_s = max(peak, spent.peak_bytes), taken_s + min(spent.seconds_s, spent.cpu_s)
        return min(spent.seconds_s, spent.cpu_s)

    started_s = time.perf_counter()
    count = min(rows, START)
    read(count, 1)
    readings = Paced()  # that one warmed up
    last_s = read(count, 1)
    read(count, min(EPOCHS, recipe.epochs))
    while count < rows and taken_s + STEP * last_s <= budget_s * (2 if count == START else 1):
        count = min(rows, STEP * count)
        last_s = read(count, 1)
    return PilotedTraining(tuple(readings.seconds()), peak, time.perf_counter() - started_s)


def forecast_train(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    recipe: TrainConfig,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
) -> Forecast:
    """What training with this recipe on these labels would cost; kept in ``out/ID``. Trains nothing but a few epochs on a share."""
    work = progress or Progress()
    key = forecast_key("train", recipe, "", labels.version, to_dict(model))
    if not (out / key / "config.json").is_file():
        work.update(0, 1, "timing an epoch on a share of the samples")
        found, rows = pilot_training(dataset, labels, model, recipe, trusted=trusted), len(labels.train_rows(dataset))
        about = {"kind": "train", "run": "", "version": labels.version, "request": to_dict(recipe), "n_train": rows}
        write_forecast(out / key, about, found.cost(rows, recipe.epochs), found.spent_s, [])
    work.update(1, 1, "done")
    return Forecast(out / key)
