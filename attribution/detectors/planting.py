"""Wrong targets on purpose, in a copy: the one recipe of benchmarks, calibration and the combined detector."""

import numpy as np

from attribution.tasks.targets import Targets


def plant(
    targets: Targets, values: np.ndarray, chance: np.random.Generator, probabilities: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A wrong target (k,) for each of these values (k,), and which (k,) bool are of the confused kind.

    As a careless rater makes them (``Targets.plant``); with the model's class ``probabilities`` (k, c), half are what a
    confused one would say: the class that the model finds likeliest after the given one.
    """
    confused = np.zeros(len(values), dtype=bool)
    if probabilities is not None:
        confused[chance.permutation(len(values))[: len(values) // 2]] = True
    wrong = targets.plant(values, chance)
    if probabilities is not None:
        p = np.array(probabilities, dtype=np.float64)
        p[np.arange(len(values)), values] = -1
        wrong = np.where(confused, p.argmax(1), wrong)
    return wrong, confused
