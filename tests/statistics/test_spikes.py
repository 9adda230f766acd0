"""Spikes: found where they are planted, none in a falling noisy curve, none where a curve begins or ends."""

import numpy as np
import pytest

from attribution.statistics.spikes import LEAST, above, spikes


def falling(n, seed=0, noise=0.03):
    rng = np.random.default_rng(seed)
    return 0.3 + 3 * np.exp(-np.arange(n) / 15) + rng.normal(0, noise, n)


def test_planted_spikes_are_found_the_farthest_first():
    curve = falling(200)
    curve[60] += 1
    curve[[130, 131]] += 0.6, 2.0
    assert spikes(curve)[0] == 131
    assert set(spikes(curve)) == {60, 130, 131}


@pytest.mark.parametrize("seed", range(5))
def test_a_falling_noisy_curve_has_none(seed):
    assert len(spikes(falling(400, seed))) == 0


def test_ends_are_not_judged_and_short_curves_not_at_all():
    curve = falling(100)
    curve[0] = curve[-1] = 50
    assert np.isnan(above(curve)[:LEAST]).all()
    assert np.isnan(above(curve)[-LEAST:]).all()
    assert len(spikes(curve)) == 0
    assert np.isnan(above(curve[: 2 * LEAST])).all()
    assert len(spikes(np.zeros(0))) == 0


def test_the_scale_and_the_level_change_nothing():
    curve = falling(150)
    curve[70] += 1
    assert np.allclose(above(curve), above(5 * curve + 3), equal_nan=True)


def test_a_quiet_stretch_makes_no_spike():
    curve = falling(300, noise=0.05)
    curve[100:150] = 0.3
    curve[125] = 0.33
    assert 125 not in spikes(curve)
