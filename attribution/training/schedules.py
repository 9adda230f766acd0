"""The learning rate of every step, by the name of its schedule."""

import math
from collections.abc import Callable

from attribution.settings.configs import TrainConfig

RISE, START, END = 0.3, 25.0, 1e4  # onecycle: share of steps up, peak over first rate, first over last rate


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Learning rate of the ``step``-th of ``steps`` updates (from 0): after the warm-up, which rises in equal steps to
    the peak, the schedule runs over the updates that are left.

    cosine and linear end at almost 0; onecycle is that of Smith and Topin 2018 with PyTorch's usual shape, without a
    cycle of the momentum.
    """
    warm = warm_steps(steps, config)
    if step < warm:
        return config.lr * (step + 1) / warm
    return config.lr * SCHEDULES[config.schedule](step - warm, steps - warm)


def warm_steps(steps: int, config: TrainConfig) -> int:
    """How many of all updates are warm-up."""
    return round(steps * (config.warmup if config.warmup < 1 else config.warmup / config.epochs))


def _cosine(step: int, steps: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def _constant(step: int, steps: int) -> float:
    return 1.0


def _linear(step: int, steps: int) -> float:
    return 1 - step / steps


def _step(step: int, steps: int) -> float:
    return 0.1 ** ((2 * step >= steps) + (4 * step >= 3 * steps))


def _one_cycle(step: int, steps: int) -> float:
    top = RISE * steps - 1
    if step <= top:
        return _between(1 / START, 1.0, step / top)
    return _between(1.0, 1 / (START * END), (step - top) / (steps - 1 - top))


def _between(start: float, end: float, share: float) -> float:
    """Along half a cosine."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "cosine": _cosine,
    "constant": _constant,
    "linear": _linear,
    "step": _step,
    "onecycle": _one_cycle,
}
