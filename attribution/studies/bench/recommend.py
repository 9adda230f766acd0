"""From measured figures to a choice: which estimator or detector to use for what, by one stated rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

    def to_json(self) -> dict[str, Any]:
        """Names and numbers."""
        plain = {"pick": self.pick, "best": self.best, "equals": list(self.equals), "useless": list(self.useless)}
        return {**plain, "figures": {name: found.to_json() for name, found in self.figures.items()}}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Choice":
        """The inverse of ``to_json``; further entries are left alone."""
        figures = {name: Interval.from_json(found) for name, found in values["figures"].items()}
        return Choice(values["pick"], values["best"], tuple(values["equals"]), tuple(values["useless"]), figures)


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
