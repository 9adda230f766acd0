"""A figure of a proof: what is compared before and after, its unit and direction, and how single samples make it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

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

    def moved(self, difference: float, low: float, high: float, level: float) -> str:
        """A change that is no chance, in words: ``fell by 3.1 mm (95 % interval 2.0 to 4.2)``."""
        size, *ends = (abs(self.factor * value) for value in (difference, low, high))
        size_text, low_text, high_text = self._together(size, min(ends), max(ends))
        words = f"{size_text} {self.unit_of_change}".rstrip()
        return (
            f"{'rose' if difference > 0 else 'fell'} by {words} ({100 * level:g} % interval {low_text} to {high_text})"
        )

    def open(self, difference: float, low: float, high: float, level: float) -> str:
        """A change that may be chance, with its sign: ``+0.2 points (95 % interval -0.4 to 0.8)``."""
        size, *ends = self._together(*(self.factor * value for value in (difference, low, high)))
        words = f"{'+' if difference >= 0 else ''}{size} {self.unit_of_change}".rstrip()
        return f"{words} ({100 * level:g} % interval {ends[0]} to {ends[1]})"

    def _together(self, *values: float) -> tuple[str, ...]:
        """Values in one number of decimals: one for points, else three digits of the largest."""
        decimals = (
            1 if self.unit == "%" else decimals_of(max((abs(v) for v in values if math.isfinite(v)), default=0.0))
        )
        return tuple(f"{value:,.{decimals}f}" for value in values)


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


def decimals_of(value: float, digits: int = 3) -> int:
    """Decimals that show ``value`` with this many digits; at most six."""
    return min(6, max(0, digits - 1 - math.floor(math.log10(abs(value))))) if value else digits - 1


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
