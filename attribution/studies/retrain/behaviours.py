"""Behaviours before and after the edits: every model of a proof is asked the same unseen prompts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.datasets.chat import behaviour as files
from attribution.datasets.chat.behaviour import Behaviour
from attribution.progress import Progress
from attribution.statistics.intervals import Interval, newcombe, over_seeds_and_samples
from attribution.studies.base import Context
from attribution.studies.behaviour.measure import Measured, measured
from attribution.studies.retrain.shown import BehaviourChange
from attribution.studies.retrain.study import RetrainConfig

if TYPE_CHECKING:
    from attribution.training.run import Run

NONE = "none"


def chosen(context: Context, config: RetrainConfig) -> list[Behaviour]:
    """Those that are asked for; all of the project's where nobody says which. A probe has a direction and no rate."""
    names = [name for name in config.behaviours if name != NONE]
    every = () if NONE in config.behaviours or names else files.names(context.folder)
    found = [files.read(context.folder, name) for name in names or every]
    return [one for one in found if not one.probe]


def request(asked: Sequence[Behaviour], config: RetrainConfig) -> list[Any]:
    """What a proof's key has of them; [] for none."""
    return [["behaviours", [[one.key, one.name, one.must_stay] for one in asked], config.margin]] if asked else []


def compared(
    context: Context,
    asked: Sequence[Behaviour],
    both: "tuple[Sequence[Run], Sequence[Run]]",
    config: RetrainConfig,
    work: Progress,
) -> tuple[list[BehaviourChange], pd.DataFrame]:
    """The change of each behaviour, and the answers before and after side by side: behaviour, seed, prompt, before,
    after (texts), shown_before, shown_after (bool). Cost: one generated answer per prompt and model."""
    changes = []
    lines = []
    for place, one in enumerate(asked):
        part = work.part(place / len(asked), (place + 1) / len(asked), f"asking about {one.name}")
        old, new = (_measured(context, one, runs, config, part) for runs in both)
        changes.append(_change(one, old, new, config))
        for seed, before, after in zip(config.seeds, old, new, strict=True):
            about = {"behaviour": one.name, "seed": seed, "prompt": [case.prompt.question for case in one.held]}
            said = {"before": before.answers, "after": after.answers}
            lines.append(pd.DataFrame({**about, **said, "shown_before": before.shown, "shown_after": after.shown}))
    return changes, pd.concat(lines, ignore_index=True)


def _measured(
    context: Context, behaviour: Behaviour, runs: "Sequence[Run]", config: RetrainConfig, work: Progress
) -> list[Measured]:
    from attribution.training.trained import TrainedModel

    found: list[Measured] = []
    for run in runs:
        work.update(len(found), len(runs))
        trained = TrainedModel(context.dataset, context.labels, run, device=config.device, trusted=context.trusted)
        found.append(measured(trained, behaviour))
    return found


def _change(
    behaviour: Behaviour, old: Sequence[Measured], new: Sequence[Measured], config: RetrainConfig
) -> BehaviourChange:
    before, after = (np.stack([each.shown for each in side]).astype(np.float64) for side in (old, new))  # (s, n)
    rates = [tuple(float(rate) for rate in side.mean(axis=1)) for side in (before, after)]
    difference = paired(before, after, config.bootstrap, config.level)
    n = before.shape[1]
    return BehaviourChange(behaviour.name, n, rates[0], rates[1], difference, behaviour.must_stay, config.margin)


def paired(before: np.ndarray, after: np.ndarray, resamples: int = 2000, level: float = 0.95) -> Interval:
    """After minus before of two shares, from hits ``(s, n)`` of s seeds on the same n prompts: over seeds and prompts.

    Where every prompt fared alike, drawing prompts anew shows nothing of others: then the side of the prompts is
    Newcombe's interval of two shares of n, which keeps its width at shares of 0 and 1.
    """
    found = over_seeds_and_samples(after - before, resamples, level)
    if np.ptp((after - before).mean(axis=0)) > 0:
        return found
    n = before.shape[1]
    from scipy import stats

    z = float(stats.norm.ppf(0.5 + level / 2))
    low, high = newcombe(n * after.mean(), np.array(n), n * before.mean(), np.array(n), z)
    return Interval(found.estimate, min(found.low, float(low)), max(found.high, float(high)), level)
