"""Tells the cost of a training: an epoch of the real recipe on shares of the training samples, and a pass that asks the
model."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attribution.datasets.dataset import Dataset, Labels
from attribution.models.devices import pick_device
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig, model_request
from attribution.studies.base import Context, Request
from attribution.studies.costs.model import SURE, UNSURE, Cost, Paced, Reading, non_negative
from attribution.studies.costs.result import figures, told_of
from attribution.studies.costs.scoring import share_of
from attribution.studies.meter import Meter
from attribution.training.train import fit, predict

START, STEP = 256, 4  # training samples of the first epoch, and the growth to the next
ASKED = 2048  # samples that the model is asked about, to time what is measured after every epoch
BUDGET_S = 5.0


@dataclass(frozen=True)
class PilotedTraining:
    """Readings of epochs over training samples, and seconds a sample takes to be asked about; ``cost`` is that of any
    other training."""

    epochs: tuple[Reading, ...]
    asked_s: float
    validation: int
    everything: int  # samples in all: the model is asked about each at the end
    dynamics: bool
    peak_bytes: int
    spent_s: float

    def cost(self, rows: int, epochs: int, times: int = 1) -> Cost:
        """Cost of ``times`` trainings on so many samples, one after the other."""
        weights = non_negative([[1.0, one.rows] for one in self.epochs], [one.value for one in self.epochs])
        fixed, each = weights if len(self.epochs) > 1 else (0.0, self.epochs[0].value / self.epochs[0].rows)
        asked = epochs * (self.validation + (rows if self.dynamics else 0)) + self.everything
        seconds = times * float(fixed + each * rows * epochs + self.asked_s * asked)
        factor = SURE if max(one.rows for one in self.epochs) >= rows else (SURE + UNSURE) / 2
        return Cost(seconds, seconds / factor, seconds * factor, self.peak_bytes, {"trainings": seconds})


def pilot_training(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    recipe: TrainConfig,
    *,
    trusted: bool = False,
    dynamics: bool = True,
) -> PilotedTraining:
    """Time one epoch on growing shares of the samples, for about ``BUDGET_S``, and a pass that asks the model. Writes
    nothing."""
    device = pick_device(recipe.device)
    rows = len(labels.train_rows(dataset))
    short = replace(recipe, epochs=1, checkpoints=1, warmup=0, patience=0)
    started_s = time.perf_counter()
    readings = Paced()
    peak = 0
    count = min(rows, START)
    network = fit(dataset, share_of(dataset, labels, count), model, short, trusted=trusted)  # warms up
    while True:
        share = share_of(dataset, labels, count)
        with Meter(str(device)) as spent:
            network = fit(dataset, share, model, short, trusted=trusted)
        readings.add(count, 1, spent)
        peak = max(peak, spent.peak_bytes)
        growth_s = STEP * min(spent.seconds_s, spent.cpu_s)
        left_s = BUDGET_S * (2 if len(readings.readings) < 2 else 1) - min(readings.wall_s, readings.cpu_s)
        if count >= rows or growth_s > left_s:
            break
        count = min(rows, STEP * count)
    everything = dataset.rows("all")
    some = everything[:ASKED]
    predict(network, dataset, some[:64])
    with Meter(str(device)) as spent:
        predict(network, dataset, some)
    pace = (readings.wall_s + spent.seconds_s) / max(readings.cpu_s + spent.cpu_s, 1e-9)
    asked_s = pace * spent.cpu_s / len(some)
    taken_s = time.perf_counter() - started_s
    found = tuple(readings.seconds(pace))
    return PilotedTraining(
        found, asked_s, len(dataset.rows("val")), len(everything), dynamics, max(peak, spent.peak_bytes), taken_s
    )


def request(context: Context, config: TrainConfig) -> Request:
    """Everything that decides what the training costs."""
    return told_of("train", replace(context, run=None), config, model_request(context.network(config)))


def compute(context: Context, config: TrainConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Trains nothing but a few epochs on a share."""
    work.update(0, 1, "timing an epoch on a share of the samples")
    found = pilot_training(context.dataset, context.labels, context.network(config), config, trusted=context.trusted)
    rows = len(context.labels.train_rows(context.dataset))
    return {"n_train": rows, **figures(found.cost(rows, config.epochs), found.spent_s, [])}
