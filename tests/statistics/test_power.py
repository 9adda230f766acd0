"""How likely a change is told from chance, against simulated comparisons."""

import numpy as np
import pytest

from attribution.statistics.intervals import seed_spread
from attribution.statistics.power import half_width, needed, power


def test_power_is_that_of_simulated_seeds():
    chance = np.random.default_rng(0)
    for gain in (0.0, 0.02, 0.03, 0.05):
        drawn = gain + chance.normal(scale=0.01, size=(4000, 5))
        told = np.mean([seed_spread(line).low > 0 for line in drawn])
        assert power(gain, 0.01, 0.0, 5) == pytest.approx(told, abs=0.12)


def test_what_is_needed_has_the_power_that_was_asked_for():
    wanted = needed(0.01, 0.005, 3, 0.8)
    assert power(wanted, 0.01, 0.005, 3) == pytest.approx(0.8)
    assert half_width(0.01, 0.005, 3) < wanted
    assert needed(0.01, 0.005, 10) < needed(0.01, 0.005, 3)
    assert power(0.1, 0.0, 0.0, 3) == 1.0
