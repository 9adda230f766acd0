"""From measured figures to sentences: which estimator or detector to use for what, by one stated rule."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attribution.statistics.intervals import Interval
from attribution.statistics.ranking import average_precision
from attribution.studies.bench.lds import interval

CONTROL = "random"
RULE = (
    "Useful is what beats the random control: the 95 % interval of the difference lies above 0. Among the useful ones, "
    "those whose difference to the best does not exclude 0 count as equal to it, and the cheapest of them in seconds "
    "is recommended. Differences are bootstrapped in pairs: over queries and subsets for explanations (LDS), over "
    "training samples for wrong labels (average precision)."
)


@dataclass(frozen=True)
class Choice:
    """What the rule says. ``pick`` is "" when nothing beats the control. ``equals`` (with the pick and the best) are
    not measurably worse than the best; ``useless`` do not beat the control."""

    pick: str
    best: str
    equals: tuple[str, ...]
    useless: tuple[str, ...]
    figures: dict[str, Interval]


def choose(
    values: dict[str, float], drawn: dict[str, np.ndarray], seconds_s: dict[str, float], control: str = CONTROL
) -> Choice:
    """Apply ``RULE``: ``values`` and paired resampled values ``(r,)`` by name, the control among them; cost in seconds
    by name."""
    names = [name for name in values if name != control]
    useful = [name for name in names if difference(values, drawn, name, control).low > 0]
    best = max(useful, key=lambda name: values[name], default="")
    equals = [name for name in useful if not difference(values, drawn, best, name).low > 0]
    pick = min(equals, key=lambda name: (seconds_s.get(name, np.inf), -values[name]), default="")
    figures = {name: interval(values[name], drawn[name]) for name in values}
    return Choice(pick, best, tuple(equals), tuple(name for name in names if name not in useful), figures)


def difference(values: dict[str, float], drawn: dict[str, np.ndarray], a: str, b: str) -> Interval:
    """``a`` minus ``b`` with the interval of the paired draws."""
    return interval(values[a] - values[b], drawn[a] - drawn[b])


def precision_draws(
    suspicion: dict[str, np.ndarray], truth: np.ndarray, resamples: int = 400, seed: int = 0
) -> dict[str, np.ndarray]:
    """Resampled average precision ``(resamples,)`` by name, all on the same draws of samples."""
    picks = [np.random.default_rng([seed, index]).integers(0, len(truth), len(truth)) for index in range(resamples)]
    return {
        name: np.array([average_precision(column[pick], truth[pick]) for pick in picks])
        for name, column in suspicion.items()
    }


def explain_sentences(choice: Choice) -> list[str]:
    """What to use to explain one prediction, and what not."""
    lines = []
    if choice.pick:
        text = f"To explain one prediction, use {choice.pick}: LDS {_shown(choice.figures[choice.pick])}."
        if choice.best != choice.pick:
            text += (
                f" It is the cheapest of those not measurably worse than the best, {choice.best} "
                f"({_shown(choice.figures[choice.best])})."
            )
        lines.append(text)
    else:
        lines.append(
            "No estimator explains this model's predictions better than chance here: measure more subsets, or "
            "distrust them all."
        )
    if choice.pick and choice.useless:
        told = ", ".join(f"{name} (LDS {_shown(choice.figures[name])})" for name in choice.useless)
        verb = "is" if len(choice.useless) == 1 else "are"
        lines.append(
            f"Not measurably better than random here: {told}."
            if verb == "are"
            else f"{told} is not measurably better than random here."
        )
    return lines


def mislabel_sentences(choice: Choice, budget: float, precision: dict[str, float]) -> list[str]:
    """What to use to find wrong labels."""
    if not choice.pick:
        return ["Nothing finds the planted wrong labels better than chance here."]
    text = f"For wrong labels on this data, use {choice.pick}: average precision {_shown(choice.figures[choice.pick])}"
    text += f", {100 * precision[choice.pick]:.0f} % of the first {100 * budget:g} % of its queue were planted."
    if choice.best != choice.pick:
        text += (
            f" It is the cheapest of those not measurably worse than the best, {choice.best} "
            f"({_shown(choice.figures[choice.best])})."
        )
    return [text]


def fragile_sentences(names: Sequence[str], spearman: dict[str, float], least: float = 0.5) -> list[str]:
    """A warning for recommended estimators whose ranking another seed turns over."""
    shaky = [name for name in names if name and spearman.get(name, 1.0) < least]
    return [
        f"{name} gives another ranking with another seed (rank correlation {spearman[name]:.2f}): average over several."
        for name in shaky
    ]


def _shown(found: Interval) -> str:
    return f"{found.estimate:.2f} ± {(found.high - found.low) / 2:.2f}"
