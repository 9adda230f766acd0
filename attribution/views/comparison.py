"""A finished before/after proof for people: figures, interval charts, flips, and predicted against real change."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.settings.configs import TrainConfig
from attribution.statistics.intervals import Interval
from attribution.views.numbers import duration, hundredths, percent, plural, three_digits

if TYPE_CHECKING:
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import Change, RetrainResult
    from attribution.tasks.figure import Reading

LONG = 12  # letters of a unit that fit under a figure
NBSP = "\N{NO-BREAK SPACE}"
COLOURS = {"better": "green", "worse": "orange", "unclear": "gray"}


def look(outcome: str, main: "Change") -> tuple[str, str]:
    """The colour of an outcome, and an icon for the way that the deciding figure went."""
    way = "flat" if outcome == "unclear" else "up" if main.difference.estimate > 0 else "down"
    return COLOURS[outcome], f":material/trending_{way}:"


def recipe_words(model: str, recipe: "TrainConfig") -> str:
    """The recipe in one line: "cnn, 12 epochs, batches of 64, sgd, learning rate 0.05 (cosine)", and what it has beside
    the usual."""
    rate = f"learning rate {recipe.lr:g} ({recipe.schedule})"
    warm = f"{percent(recipe.warmup)} of the steps" if recipe.warmup < 1 else plural(round(recipe.warmup), "epoch")
    more = {
        f"warm-up over {warm}": recipe.warmup,
        f"betas {recipe.betas[0]:g} and {recipe.betas[1]:g}": recipe.betas != TrainConfig().betas,
        f"gradients clipped at {recipe.clip:g}": recipe.clip,
        f"a moving average of the weights ({recipe.ema:g})": recipe.ema,
        "mixed precision": recipe.precision != "float32",
        f"frozen: {' '.join(recipe.freeze)}": recipe.freeze,
        "starting from the loaded weights": recipe.start == "loaded",
        f"stopping after {plural(recipe.patience, 'epoch')} without a lower validation loss": recipe.patience,
    }
    network = "the network chosen for the data" if model == "auto" else model
    first = [network, plural(recipe.epochs, "epoch"), f"batches of {recipe.batch_size}", recipe.optimizer, rate]
    return ", ".join([*first, *(words for words, told in more.items() if told)])


def cost_words(seconds: float | None, seeds: int) -> str:
    """How long a retrain takes, from the seconds of one training: two trainings per seed, before and after."""
    if not seconds:
        return f"{2 * seeds} trainings: {seeds} before the edits, {seeds} after."
    return f"{2 * seeds} trainings, about {duration(seconds * 2 * seeds)}; those before the edits are made only once."


def value_words(reading: "Reading", value: float) -> str:
    """A figure with its unit: "81.0 %", "3.14 mm"."""
    return percent(value) if reading.unit == "%" else f"{three_digits(value)}{NBSP}{reading.unit}".rstrip()


def change_words(reading: "Reading", change: Interval) -> str:
    """A difference with its interval: "+1.00 points (+0.5 to +1.5)", "−3.1 mm (−4.2 to −2)"."""
    show = hundredths if reading.unit == "%" else three_digits
    size, low, high = (show(reading.factor * value, True) for value in (change.estimate, change.low, change.high))
    return f"{size}{NBSP}{reading.unit_of_change}".rstrip() + f" ({low} to {high})"


def title_of_figure(reading: "Reading") -> str:
    """What stands over a figure: "Test accuracy", "Test RMSE (mm)"."""
    unit = "" if reading.unit in ("", "%") else f" ({reading.unit})"
    return f"Test {reading.title}{unit}"


def cells(changes: "Iterable[Change]", whose: str, over: str) -> list[dict[str, str]]:
    """A metric per figure: ``label``, ``value``, ``delta``, ``help``; ``whose`` and ``over`` say of what the mean and
    the interval are."""
    found = []
    for change in changes:
        reading, difference = change.reading, change.difference
        short = replace(reading, unit="") if len(reading.unit) > LONG else reading  # a long unit stands in the help
        unit = f", in {reading.unit}" if short is not reading else ""
        level = percent(difference.level)
        before, after = (float(np.mean(values)) for values in (change.before, change.after))
        show = percent if reading.unit == "%" else three_digits
        found.append(
            {
                "label": title_of_figure(short),
                "value": f"{show(before)} → {show(after)}",
                "delta": change_words(short, difference),
                "help": f"{whose}{unit}; {reading.better} is better; {level} interval over {over}.",
            }
        )
    return found


def figures(found: "RetrainResult") -> list[dict[str, str]]:
    """The figures on top: ``label``, ``value``, ``delta``, ``help``."""
    seeds = plural(len(found.seeds), "seed")
    figures_ = cells(found.changes.values(), f"Mean over {seeds}", "seeds and test samples")
    if found.n_fixed is None or found.n_broken is None:
        return figures_
    return [
        *figures_,
        {
            "label": "Predictions put right",
            "value": f"{found.n_fixed:,}",
            "delta": f"of {found.n_test:,}, by most of {seeds}",
            "help": "Of the test samples: wrong before, right after, by the majority of the seeds.",
        },
        {
            "label": "Predictions broken",
            "value": f"{found.n_broken:,}",
            "delta": f"of {found.n_test:,}, by most of {seeds}",
            "help": "Of the test samples: right before, wrong after, by the majority of the seeds.",
        },
    ]


def unit_of_axis(reading: "Reading") -> str:
    """What a change is counted in on an axis: "points of accuracy", "mm of RMSE"."""
    return f"{reading.unit_of_change} of {reading.title}" if reading.unit else reading.title


def interval_frame(found: "RetrainResult") -> pd.DataFrame:
    """The change of the deciding figure, as shown, with each kind of interval: ``name``, ``estimate``, ``low``,
    ``high``; the one that decides first."""
    change = found.main
    factor = found.main.reading.factor
    rows = (
        ("seeds and test samples", change.difference),
        ("test samples alone", change.test_only),
        ("seeds alone", change.spread),
    )
    return pd.DataFrame(
        [
            {"name": name, "estimate": factor * i.estimate, "low": factor * i.low, "high": factor * i.high}
            for name, i in rows
        ]
    )


def target_frame(found: "RetrainResult | PreviewResult") -> pd.DataFrame:
    """The change of the deciding figure by class or band, as shown: ``name``, ``estimate``, ``low``, ``high``."""
    table = found.by_target()
    factor = found.main.reading.factor
    names = [f"{name} ({n})" for name, n in zip(table["target"], table["n"], strict=True)]
    return pd.DataFrame(
        {
            "name": names,
            "estimate": factor * table["difference"],
            "low": factor * table["low"],
            "high": factor * table["high"],
        }
    )


def predicted_sentence(found: "RetrainResult") -> str:
    """How well influence foresaw what the edits did, test sample by test sample; sizes only where they were about
    right."""
    rank = found.prediction["spearman"]
    record = found.record
    sure = f"{three_digits(rank.low, True)} to {three_digits(rank.high, True)}"
    kind = "well" if rank.low > 0.5 else "partly" if rank.low > 0 else "not"
    start = (
        f"Influence {'foresaw' if kind != 'not' else 'did not foresee'} "
        f"{'which test samples gain ' + kind if kind != 'not' else 'which test samples gain'}: "
        f"rank correlation {three_digits(rank.estimate, True)} ({sure}). "
    )
    unit = found.loss.reading.unit
    real = f"real {three_digits(found.prediction['actual'], True)} {unit}"
    if record.sizes and found.prediction.get("unit") == unit:
        predicted = three_digits(found.prediction["predicted"], True)
        return f"{start}Mean change of loss: predicted {predicted} {unit}, {real}."
    return (
        f"{start}Mean change of loss: {real}; the predicted size is not told, since it was wrong here. "
        f"{found.predicted_note}"
    )


def flip_words(before: str, after: str, kind: str, seeds: float, n_seeds: int) -> str:
    """One flip in words: "Coat → Shirt in 3 of 3 seeds"."""
    return f"{before} → {after}, in {round(seeds * n_seeds)} of {plural(n_seeds, 'seed')}"


def title_of(found: "RetrainResult", place: int) -> str:
    """A comparison's name in the list of past ones."""
    edits = plural(found.n_dropped + found.n_relabelled + found.n_restored, "edit")
    return f"{'Newest' if place == 0 else f'No. {place + 1}'}: {edits}, {found.outcome} ({found.id[:6]})"


def after_run(found: "RetrainResult", seed: int) -> str:
    """The retrained model to go on with: the one of this seed, else the first."""
    runs: Sequence[str] = found.after_runs
    return runs[found.seeds.index(seed)] if seed in found.seeds else runs[0]
