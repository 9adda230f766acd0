"""A figure of a proof: what is compared before and after, its unit and direction, and how single samples make it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.statistics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

Said = Mapping[str, np.ndarray]  # what ``Task.said`` returns, (n,) each or stacked over s models, (s, n)


@dataclass(frozen=True)
class Reading:
    """How a figure is read: its name (a key), its title within a sentence, its unit ("%" for shares of 0 to 1), and
    which way is better."""

    name: str
    title: str
    unit: str
    better: str  # "higher" or "lower"

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.better == "higher" else -1

    @property
    def factor(self) -> float:
        """What a value is multiplied by when it is shown: 100 for shares."""
        return 100.0 if self.unit == "%" else 1.0

    @property
    def unit_of_change(self) -> str:
        """The unit of a difference: points for shares."""
        return "points" if self.unit == "%" else self.unit

    def words(self, value: float, decimals: int = 1) -> str:
        """A value with its title and unit: ``accuracy 93.1 %``, ``RMSE 4.25 mm``; ``decimals`` are those of shares."""
        shown = f"{100 * value:.{decimals}f}" if self.unit == "%" else f"{value:.4g}"
        return f"{self.title} {shown} {self.unit}".rstrip()

    def change(self, found: Interval, *, sizes: bool = False) -> str:
        """A difference with its unit and interval, ``-3.14 mm (95 % interval -4.20 to -2.04)``; with ``sizes`` without
        signs, for a sentence that says which way: ``3.14 mm (95 % interval 2.04 to 4.20)``."""
        size, low, high = (self.factor * value for value in (found.estimate, found.low, found.high))
        if sizes:
            size, low, high = abs(size), *sorted((abs(low), abs(high)))
        decimals = 1 if self.unit == "%" else decimals_of(max(abs(value) for value in (size, low, high)))
        # a zero has no sign
        text, *ends = (f"{round(value, decimals) + 0.0:,.{decimals}f}" for value in (size, low, high))
        sign = "" if sizes or text.startswith("-") else "+"
        words = f"{sign}{text} {self.unit_of_change}".rstrip()
        return f"{words} ({100 * found.level:g} % interval {ends[0]} to {ends[1]})"


@dataclass(frozen=True)
class Figure(Reading):
    """A figure with its formula.

    ``terms(said, targets)`` gives one number per sample, ``(..., n)``, or k of them stacked in front, ``(k, ..., n)``;
    ``value`` makes the figure from their means, ``(...)`` or ``(k, ...)``: the mean itself for accuracy, its root for
    RMSE, a ratio for F1. Intervals resample the terms and apply ``value`` to every resample, so they are right for
    roots and ratios, too.
    """

    terms: Callable[[Said, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray] = np.asarray

    def of(self, said: "pd.DataFrame") -> float:
        """The figure of these lines of ``Project.predictions``; NaN for none."""
        if not len(said):
            return math.nan
        return float(self.value(self.by_sample(said).mean(axis=-1)))

    def by_sample(self, said: "pd.DataFrame") -> np.ndarray:
        """Its numbers per line of ``Project.predictions``, (..., n)."""
        columns = {"right" if name == "correct" else name: said[name].to_numpy() for name in said}
        return self.terms(columns, said["label"].to_numpy())


def decimals_of(value: float, digits: int = 3) -> int:
    """Decimals that show ``value`` with this many digits; at most six."""
    return min(6, max(0, digits - 1 - math.floor(math.log10(value)))) if value and math.isfinite(value) else digits - 1


def _right(said: Said, targets: np.ndarray) -> np.ndarray:
    return np.asarray(said["right"], dtype=np.float64)


def _loss(said: Said, targets: np.ndarray) -> np.ndarray:
    return np.asarray(said["loss"], dtype=np.float64)


def _error(said: Said, targets: np.ndarray) -> np.ndarray:
    return np.abs(np.asarray(said["prediction"], dtype=np.float64) - targets)


def _squared_error(said: Said, targets: np.ndarray) -> np.ndarray:
    return np.square(np.asarray(said["prediction"], dtype=np.float64) - targets)


ACCURACY = Figure("accuracy", "accuracy", "%", "higher", _right)


def loss(unit: str = "nats") -> Figure:
    """The mean of what training minimised."""
    return Figure("loss", "loss", unit, "lower", _loss)


def rmse(unit: str = "") -> Figure:
    """The root of the mean squared error, in the unit of the target."""
    return Figure("rmse", "RMSE", unit, "lower", _squared_error, np.sqrt)


def mae(unit: str = "") -> Figure:
    """The mean absolute error, in the unit of the target."""
    return Figure("mae", "mean absolute error", unit, "lower", _error)
