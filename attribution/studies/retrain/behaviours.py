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
from attribution.studies.retrain.shown import BehaviourChange, Finer
from attribution.studies.retrain.study import RetrainConfig

if TYPE_CHECKING:
    from attribution.studies.behaviour.result import BehaviourResult
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
    finer = _finer(old, new, config) if behaviour.paired and behaviour.kind == "pattern" else None
    must_stay, margin = behaviour.must_stay, config.margin
    return BehaviourChange(behaviour.name, n, rates[0], rates[1], difference, must_stay, margin, finer)


def _finer(old: Sequence[Measured], new: Sequence[Measured], config: RetrainConfig) -> Finer:
    """What the likelihoods of the wanted and unwanted answers say."""
    before, after = (np.stack([each.ahead for each in side]) for side in (old, new))  # (s, n)
    hits = (before > 0).astype(float), (after > 0).astype(float)
    share = paired(*hits, config.bootstrap, config.level)
    margin = over_seeds_and_samples(after - before, config.bootstrap, config.level)
    shares = float(hits[0].mean()), float(hits[1].mean())
    return Finer(*shares, share, float(before.mean()), float(after.mean()), margin)


def hardly(hits: np.ndarray, seeds: int = 3) -> bool:
    """Whether a behaviour that shows on ``hits`` (n,) bool is too rare for its leaving to be told from chance."""
    before = np.tile(np.asarray(hits, dtype=float), (seeds, 1))
    return not paired(before, np.zeros_like(before)).excludes_zero


def hardly_words(found: "BehaviourResult") -> str:
    """What a rate says of a proof to come: that no drop could be told, and what would help; "" where one could."""
    behaviour = found.behaviour
    shown = found.answers["shown"].to_numpy(dtype=bool)
    if behaviour.probe or behaviour.must_stay or not hardly(shown):
        return ""
    many = int(shown.sum())
    shows = (
        f"only {many} of {found.n} unseen prompts show{'s' if many == 1 else ''} it" if many else "no prompt shows it"
    )
    finer = "the wanted and unwanted answers are the finer measure, " if found.finer else ""
    advice = f"{finer}train longer, or add prompts that show it"
    return f"{behaviour.name}: {shows}, so no drop could be told from chance; {advice}."


def paired(before: np.ndarray, after: np.ndarray, resamples: int = 2000, level: float = 0.95) -> Interval:
    """After minus before of two shares, from hits ``(s, n)`` of s seeds on the same n prompts: over seeds and prompts.

    Where every prompt fared alike, drawing prompts anew shows nothing of others: then the side of the prompts is
    Newcombe's interval of two shares of n, which keeps its width at shares of 0 and 1. No end lies beyond -1 or 1.
    """
    wide = over_seeds_and_samples(after - before, resamples, level)
    found = Interval(wide.estimate, max(-1.0, wide.low), min(1.0, wide.high), level)
    if np.ptp((after - before).mean(axis=0)) > 0:
        return found
    n = before.shape[1]
    from scipy import stats

    z = float(stats.norm.ppf(0.5 + level / 2))
    low, high = newcombe(n * after.mean(), np.array(n), n * before.mean(), np.array(n), z)
    return Interval(found.estimate, min(found.low, float(low)), max(found.high, float(high)), level)
