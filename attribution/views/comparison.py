"""A finished before/after proof for people: figures, interval charts, flips, and predicted against real change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.views.colours import HARMFUL, HELPFUL
from attribution.views.numbers import duration, hundredths, percent, plural, points, three_digits

if TYPE_CHECKING:
    from attribution.settings.configs import TrainConfig
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult

UNCLEAR = "#8C8579"
OUTCOMES = {
    "better": ("green", ":material/trending_up:"),
    "worse": ("orange", ":material/trending_down:"),
    "unclear": ("gray", ":material/trending_flat:"),
}


def recipe_words(model: str, recipe: "TrainConfig") -> str:
    """The recipe in one line: "cnn, 12 epochs, batches of 64, sgd, learning rate 0.05 (cosine)"."""
    rate = f"learning rate {recipe.lr:g} ({recipe.schedule})"
    return (
        f"{'usual network' if model == 'auto' else model}, {plural(recipe.epochs, 'epoch')}, batches of "
        f"{recipe.batch_size}, {recipe.optimizer}, {rate}"
    )


def forecast_words(seconds: float | None, seeds: int) -> str:
    """How long a retrain takes, from the seconds of one training: two trainings per seed, before and after."""
    if not seconds:
        return f"{2 * seeds} trainings: {seeds} before the edits, {seeds} after."
    return f"{2 * seeds} trainings, about {duration(seconds * 2 * seeds)}; those before the edits are made only once."


def figures(found: "RetrainResult") -> list[dict[str, str]]:
    """The four figures on top: ``label``, ``value``, ``delta``, ``help``."""
    seeds = plural(len(found.seeds), "seed")
    accuracy, loss = found.accuracy, found.loss
    level = f"{percent(accuracy.difference.level)} interval over seeds and test samples"
    a, b = accuracy.difference, loss.difference
    return [
        {
            "label": "Test accuracy",
            "value": f"{percent(float(np.mean(accuracy.before)))} → {percent(float(np.mean(accuracy.after)))}",
            "delta": f"{points(a.estimate)} ({hundredths(a.low * 100, True)} to {hundredths(a.high * 100, True)})",
            "help": f"Mean over {seeds}; {level}.",
        },
        {
            "label": "Test loss (nats)",
            "value": f"{three_digits(float(np.mean(loss.before)))} → {three_digits(float(np.mean(loss.after)))}",
            "delta": f"{three_digits(b.estimate, True)} ({three_digits(b.low, True)} to {three_digits(b.high, True)})",
            "help": f"Mean over {seeds}; lower is better; {level}.",
        },
        {
            "label": "Predictions put right",
            "value": f"{found.n_fixed:,}",
            "delta": f"of {found.n_test:,} test samples",
            "help": "Wrong before, right after, by the majority of the seeds.",
        },
        {
            "label": "Predictions broken",
            "value": f"{found.n_broken:,}",
            "delta": f"of {found.n_test:,} test samples",
            "help": "Right before, wrong after, by the majority of the seeds.",
        },
    ]


def interval_frame(found: "RetrainResult") -> pd.DataFrame:
    """The change of accuracy in points with each kind of interval: ``name``, ``estimate``, ``low``, ``high``; the
    deciding one first."""
    change = found.accuracy
    rows = (
        ("seeds and test samples", change.difference),
        ("test samples alone", change.test_only),
        ("seeds alone", change.spread),
    )
    return pd.DataFrame(
        [{"name": name, "estimate": 100 * i.estimate, "low": 100 * i.low, "high": 100 * i.high} for name, i in rows]
    )


def class_frame(found: "RetrainResult | PreviewResult") -> pd.DataFrame:
    """The change of accuracy per class in points: ``name``, ``estimate``, ``low``, ``high``."""
    classes = found.classes()
    names = [f"{name} ({n})" for name, n in zip(classes["class"], classes["n"], strict=True)]
    return pd.DataFrame(
        {
            "name": names,
            "estimate": 100 * classes["difference"],
            "low": 100 * classes["low"],
            "high": 100 * classes["high"],
        }
    )


def colour_of(low: float, high: float) -> str:
    """Blue when the whole interval is above zero, orange when it is below, grey when it holds zero."""
    return HELPFUL if low > 0 else HARMFUL if high < 0 else UNCLEAR


def forest_spec(frame: pd.DataFrame, axis: str) -> dict[str, Any]:
    """ECharts forest plot: one line per row of ``frame`` (``name``, ``estimate``, ``low``, ``high``), a dot with its
    interval, zero marked."""
    dots, bars = [], []
    for place, line in enumerate(frame.to_dict("records")):
        if not np.isfinite(line["estimate"]):
            continue
        colour = colour_of(line["low"], line["high"])
        words = (
            f"{line['name']}: {three_digits(line['estimate'], True)} ({three_digits(line['low'], True)} to "
            f"{three_digits(line['high'], True)})"
        )
        dots.append({"value": [round(line["estimate"], 4), place], "name": words, "itemStyle": {"color": colour}})
        if np.isfinite(line["low"]) and np.isfinite(line["high"]):
            ends = [[round(line["low"], 4), place], [round(line["high"], 4), place]]
            bars.append(
                {
                    "type": "line",
                    "data": ends,
                    "symbol": "rect",
                    "symbolSize": [2, 10],
                    "lineStyle": {"color": colour, "width": 2},
                    "itemStyle": {"color": colour},
                    "silent": True,
                    "animation": False,
                }
            )
    zero = {
        "silent": True,
        "symbol": "none",
        "data": [{"xAxis": 0}],
        "lineStyle": {"color": UNCLEAR, "type": "dashed"},
        "label": {"show": False},
    }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 20, "top": 8, "bottom": 40, "containLabel": True},
        "xAxis": {"type": "value", "name": axis, "nameLocation": "middle", "nameGap": 26, "scale": False},
        "yAxis": {
            "type": "category",
            "data": [str(name) for name in frame["name"]],
            "inverse": True,
            "axisTick": {"show": False},
        },
        "tooltip": {"trigger": "item", "formatter": "{b}"},
        "series": [{"type": "scatter", "data": dots, "symbolSize": 11, "z": 3, "markLine": zero}, *bars],
    }


def forecast_sentence(found: "RetrainResult") -> str:
    """How well influence foresaw what the edits did, test sample by test sample; sizes only where they were about
    right."""
    rank = found.forecast["spearman"]
    record = found.record
    sure = f"{three_digits(rank.low, True)} to {three_digits(rank.high, True)}"
    kind = "well" if rank.low > 0.5 else "partly" if rank.low > 0 else "not"
    start = (
        f"Influence {'foresaw' if kind != 'not' else 'did not foresee'} "
        f"{'which test samples gain ' + kind if kind != 'not' else 'which test samples gain'}: "
        f"rank correlation {three_digits(rank.estimate, True)} ({sure}). "
    )
    real = f"real {three_digits(found.forecast['actual'], True)} nats"
    if record.sizes and found.forecast.get("unit") == "nats":
        return f"{start}Mean change of loss: predicted {three_digits(found.forecast['predicted'], True)} nats, {real}."
    return (
        f"{start}Mean change of loss: {real}; the predicted size is not told, since it was wrong here. "
        f"{found.forecast_note}"
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
