"""How well loaded weights do on this data, and whether that is what the user expects."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from attribution.datasets.dataset import Dataset
from attribution.datasets.handed import Inputs
from attribution.errors import UserError
from attribution.models.features import inputs_of
from attribution.models.predict import predict
from attribution.statistics.intervals import wilson
from attribution.tasks.base import Task
from attribution.tasks.classification import per_sample_loss

MOST = 5000  # samples that are asked, spread evenly
TRIED = 1000  # of them, to try other readings where nothing is expected
Z = 1.959964  # 95 %, of the interval that is shown; a claim of a drop or of worse than chance needs SURE
SURE = 0.99
WORDS = {"test": "test", "val": "validation", "all": "of all"}  # splits


@dataclass(frozen=True)
class Fit:
    """Accuracy (0 to 1, with its binomial interval) and mean loss (nats) of loaded weights on ``n`` samples of
    ``split``."""

    split: str
    n: int
    accuracy: float
    low: float
    high: float
    loss: float
    loss_error: float
    chance_loss: float
    expected: float | None = None

    @property
    def words(self) -> str:
        """What was measured."""
        split = WORDS[self.split]
        found = (
            f"{100 * self.accuracy:.1f} % of {self.n:,} {split} samples right (interval {100 * self.low:.1f} to "
            f"{100 * self.high:.1f} %), loss {self.loss:.2f} nats, guessing {self.chance_loss:.2f}"
        )
        return found if self.expected is None else f"{found}; you expect {100 * self.expected:.1f} %"

    def to_json(self) -> dict[str, Any]:
        """Plain values, and ``words``."""
        return {**asdict(self), "words": self.words}


def measured(model: nn.Module, dataset: "Dataset", expected: float | None = None) -> Fit:
    """Ask the model about the test split (validation, else all samples) under the labels as imported."""
    split = next((name for name in ("test", "val") if dataset.info.counts[name]), "all")
    rows = spread(dataset.labelled_rows(split))
    losses, right = asked(model, dataset, rows)
    # As every page shows a share.
    _, low, high = (float(part) for part in wilson(right.sum(), np.asarray(len(rows)), Z))
    error = float(losses.std() / math.sqrt(len(rows))) if len(rows) > 1 else 0.0
    chance = math.log(max(len(dataset.info.classes), 1))
    return Fit(split, len(rows), float(right.mean()), low, high, float(losses.mean()), error, chance, expected)


def interval(right: int, n: int, level: float) -> tuple[float, float]:
    """Clopper-Pearson interval of a share."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = float(beta.ppf(tail, right, n - right + 1)) if right else 0.0
    return low, float(beta.ppf(1 - tail, right + 1, n - right)) if right < n else 1.0


def as_share(value: float) -> float:
    """An accuracy as 0 to 1; above 1 it was meant in percent. ``UserError`` for what is neither."""
    if not 0 <= value <= 100:
        raise UserError(
            f"An accuracy of {value:g} is expected.", "It is a share of the samples.", "Write 0.97, or 97 for percent."
        )
    return value / 100 if value > 1 else value


def below_expected(fit: Fit) -> bool:
    """Whether the accuracy is below what the user expects by more than chance."""
    return fit.expected is not None and fit.expected > interval(round(fit.accuracy * fit.n), fit.n, SURE)[1]


def worse_than_chance(fit: Fit) -> bool:
    """Whether the weights answer worse than somebody who guesses, by more than noise; never where the user expects no
    better.

    By accuracy below one over the classes, or by a loss above that of guessing, unless the accuracy is beyond half-way
    from chance to 1: such a model knows the classes and is only too sure.
    """
    if fit.expected is not None and not below_expected(fit):
        return False
    chance = math.exp(-fit.chance_loss)
    if interval(round(fit.accuracy * fit.n), fit.n, SURE)[1] < chance:
        return True
    return fit.loss - 2.6 * fit.loss_error > fit.chance_loss and fit.accuracy < (1 + chance) / 2


def handed_words(inputs: Inputs) -> str:
    """What a model is handed, in words."""
    if inputs.transformed:
        return f"what {inputs.transform} makes of them"
    own = " with your mean and std" if inputs.mean or inputs.std else ""
    return {"raw": "raw values", "standardised": "standardised values", "tokens": "whole numbers"}[inputs.kind] + own


def asked(model: nn.Module, dataset: "Dataset", rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses and whether right, (n,) each."""
    logits = torch.from_numpy(predict(model, dataset, rows)[0])
    labels = torch.tensor(dataset.labels[rows])
    return per_sample_loss(logits.double(), labels).numpy(), (logits.argmax(dim=1) == labels).numpy()


def by_task(model: nn.Module, dataset: "Dataset") -> tuple[dict[str, Any], UserError | None]:
    """How loaded weights do by the figures of a task that has not one logit per class: split, n, the figures, loss and
    that of guessing, and ``words``; and what is wrong where they do worse than guessing, by more than noise."""
    task = dataset.task
    split = next((name for name in ("test", "val") if dataset.info.counts[name]), "all")
    rows = spread(dataset.labelled_rows(split))
    values = dataset.labels[rows]
    said = task.said(torch.from_numpy(predict(model, dataset, rows)[0]), values)
    found = {one.name: float(one.value(np.asarray(one.terms(said, values)).mean(-1))) for one in task.figures}
    found["loss"] = float(np.mean(said["loss"]))
    chance = task.chance(values)
    error = float(np.std(said["loss"]) / math.sqrt(len(rows)))
    first = task.figures[0]
    words = (
        f"{first.words(found[first.name])} on {len(rows):,} {WORDS[split]} samples, loss {found['loss']:.3g} "
        f"{task.unit}, guessing {chance:.3g}"
    )
    shown = {"split": split, "n": len(rows), **found, "chance_loss": chance, "loss_error": error, "words": words}
    if found["loss"] - 2.6 * error <= chance:
        return shown, None
    why, do = _other_scale(task, said["prediction"], values)
    return shown, UserError(
        f"The loaded weights do worse than guessing: {words}.",
        f"{why} It is handed {handed_words(inputs_of(model))}.",
        f"{do} Compare its inputs with your own evaluation, too: --inputs, --mean, --std.",
    )


def _other_scale(task: "Task", predictions: np.ndarray, values: np.ndarray) -> tuple[str, str]:
    """How the outputs of a model are read, and what to do where they would be better read as they stand."""
    if task.kind != "number":
        return "Its outputs are read as logits, one for each label in the data's order.", ""
    mean, std = task.targets.mean, task.targets.std
    read = f"An output of 1 is read as {mean + std:.6g}: the training mean and one deviation."
    plain = (predictions - mean) / std
    if std != 1 and np.mean((plain - values) ** 2) < np.var(values):
        return f"{read} Read as they stand, they are nearer.", "Say so with --task-options standardise=false."
    return read, "If it answers in the unit of the data, say so with --task-options standardise=false."


def spread(rows: np.ndarray, most: int = MOST) -> np.ndarray:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))]
