"""The figures of fairness: rates by group, and the sweep with its control and its sign."""

from functools import partial

import finished
import numpy as np
import pytest

from attribution.figures import fairness as draw
from attribution.views import fairness as views


def test_rates_run_from_none_to_all(sound):
    judged = finished.judged()
    figure = sound(partial(draw.rates, judged, "eop", "<b>yes</b>"))
    frame = views.rates_frame(judged, "eop")
    np.testing.assert_array_equal(figure.data[0].x, frame["estimate"])
    assert list(figure.layout.xaxis.range) == [0, 100]
    assert "given &lt;b&gt;yes" in figure.layout.xaxis.title.text.replace("<br>", " ")


def test_the_sweep_shows_test_validation_control_and_the_suggestion(tmp_path, sound):
    found = finished.fairness(tmp_path)
    assert found.figures == ("eop", "accuracy")
    figure = sound(partial(found.figure, "eop"))
    test, val, control = figure.data
    assert [test.name, val.name, control.name] == ["test", "validation", "removed at random"]
    np.testing.assert_allclose(test.y, [20, 5, -10])  # the gap keeps its sign: overshoot lies below zero
    np.testing.assert_allclose(test.y + test.error_y.array, [22, 7, -8])
    assert list(figure.layout.xaxis.ticktext) == ["0", "5", "20"]
    assert (list(control.x), list(control.y)) == ([1], [pytest.approx(19)])
    suggested = next(shape for shape in figure.layout.shapes if shape.x0 == shape.x1)
    assert suggested.x0 == 1
    assert figure.layout.annotations[0].text == "suggested: 5 %"
    assert figure.layout.yaxis.title.text == "u − v, points"
    accuracy = found.figure("accuracy")
    np.testing.assert_allclose(accuracy.data[0].y, [20, 21, 10])
    assert accuracy.layout.yaxis.title.text == "accuracy, %"
