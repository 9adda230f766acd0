"""The review's curve: what was found, then what is expected with its band."""

from functools import partial

import numpy as np

from attribution.studies.mislabels.budget import budget


def test_the_curve_has_found_then_expected_with_its_band(sound):
    wrong = np.zeros(600, dtype=bool)
    wrong[:40] = True
    found = budget(600, np.arange(1, 101), wrong[:100], expected={"low": 30, "mid": 40, "high": 55})
    figure = sound(partial(found.figure, "queue", upto=400))
    low, high, expected, done = figure.data
    assert [trace.name for trace in figure.data[1:]] == ["90 % interval", "expected", "found"]
    assert (done.x[0], done.y[0], done.x[-1], done.y[-1]) == (0, 0, 100, 40)
    assert (expected.x[0], expected.y[0]) == (100, 40)
    assert expected.x[-1] <= 400
    curve = found.curve[(found.curve["position"] >= 100) & (found.curve["position"] <= 400)]
    np.testing.assert_array_equal(expected.y, curve["expected"])
    np.testing.assert_array_equal(low.y, curve["low"])
    np.testing.assert_array_equal(high.y, curve["high"])
    assert high.fill == "tonexty"
    assert (expected.line.dash, done.line.dash) == ("dash", "solid")
