"""Compare's figures: every number of the bench at its place, and what was not measured is not drawn."""

from functools import partial

import finished
import numpy as np
import pandas as pd
import pytest

from attribution.errors import UserError
from attribution.figures import bench as draw
from attribution.figures import style
from attribution.views import bench as views

WORDS = {"ip": "Gradient dot product", "ekfac": "EK-FAC", "random": "Random"}


@pytest.fixture
def measured(tmp_path):
    return finished.bench(tmp_path)


def test_only_what_was_measured_can_be_drawn(measured, tmp_path):
    assert measured.figures == ("fidelity", "usefulness", "agreement")
    nothing = finished.no_bench(tmp_path / "none")
    assert nothing.figures == ()
    with pytest.raises(UserError, match="Read its tables"):
        nothing.figure("fidelity")


def test_forests_hold_the_scores(measured, sound):
    figure = sound(partial(measured.figure, "fidelity"))
    assert {trace.x[k]: trace.y[k] for trace in figure.data for k in range(len(trace.x))} == {0.5: 0, 0.2: 1}
    figure = sound(partial(measured.figure, "usefulness", label=2))
    assert list(figure.data[0].x) == [0.6]
    assert "0.600" in figure.data[0].hovertext[0]


def test_the_matrix_says_its_numbers_and_its_scale(measured, sound):
    figure = sound(partial(measured.figure, "agreement", by="overlap"))
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, views.matrix(measured, "overlap").to_numpy())
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert heat.text[0][1] == ".25"
    ranked = measured.figure("agreement")
    assert ranked.data[0].zmin == -1
    assert "−1 to 1" in ranked.layout.title.text
    unknown = pd.DataFrame([[1.0, np.nan], [-0.5, 1.0]], index=["ip", "random"], columns=["ip", "random"])
    assert sound(partial(draw.matrix, unknown, WORDS, "spearman")).data[0].text == (
        ["1", ""],
        ["−.50", "1"],
    )


def test_removal_lines_have_intervals_and_the_control_is_dashed(sound):
    removal = pd.DataFrame(
        {"estimator": ["ip", "ip", "random"], "k": [50, 10, 10], "change": [0.4, 0.1, 0.0], "low": -0.1, "high": 0.5}
    )
    figure = sound(partial(draw.curves, removal, WORDS))
    first, control = figure.data
    assert (list(first.x), list(first.y)) == ([10, 50], [0.1, 0.4])
    np.testing.assert_allclose(first.y + first.error_y.array, 0.5)
    np.testing.assert_allclose(first.y - first.error_y.arrayminus, -0.1)
    assert first.name == "Gradient dot product"
    assert (control.line.dash, control.line.color) == ("dash", style.UNCLEAR)
    assert first.hovertext[0] == "Gradient dot product, 10 samples left out: +0.100 nats (−0.100 to +0.500)"
    assert "nats" in figure.layout.yaxis.title.text
