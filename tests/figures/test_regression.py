"""Figures of predicted numbers: every error at its place and in its unit."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from attribution.figures import regression as draw


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    label = np.append(rng.uniform(10, 20, 200), np.nan)  # the last sample has no value
    return pd.DataFrame({"label": label, "prediction": label + rng.normal(0.5, 1, 201)}, index=range(300, 501))


def test_predicted_stands_over_real(table, sound):
    figure = sound(partial(draw.predicted, table, "<mm>"))
    line, dots = figure.data
    np.testing.assert_allclose(dots.x, table["label"].iloc[:200], rtol=1e-6)
    np.testing.assert_allclose(dots.y, table["prediction"].iloc[:200], rtol=1e-6)
    assert list(line.x) == list(line.y)
    assert dots.hovertext[0].startswith("row 300: real ")
    assert figure.layout.yaxis.title.text == "predicted value, &lt;mm&gt;"


def test_errors_spread_to_both_sides_of_zero(table, sound):
    figure = sound(partial(draw.residuals, table, "mm"))
    low, high = figure.data
    errors = (table["prediction"] - table["label"]).dropna()
    assert (low.y.sum(), high.y.sum()) == ((errors < 0).sum(), (errors >= 0).sum())
    assert (max(low.x) < 0, min(high.x) > 0) == (True, True)
    assert figure.layout.xaxis.title.text.replace("<br>", " ") == "prediction minus value, mm"


def test_the_error_is_told_by_fifths_of_the_target(table, sound):
    figure = sound(partial(draw.by_band, table, "mm"))
    (dots,) = figure.data
    part = table.dropna().sort_values("label")
    expected = [
        (fifth["prediction"] - fifth["label"]).abs().mean()
        for fifth in (part.iloc[k : k + 40] for k in range(0, 200, 40))
    ]
    np.testing.assert_allclose(dots.x, expected, rtol=0.05)  # a value on an edge may fall on either side
    assert dots.x.mean() == pytest.approx((part["prediction"] - part["label"]).abs().mean(), rel=0.01)
    assert (dots.error_x.array > 0).all()
    assert "(40)" in figure.layout.yaxis.ticktext[0]
    assert "mean absolute error, mm" in figure.layout.xaxis.title.text.replace("<br>", " ")
    assert figure.layout.xaxis.range[0] == 0


def test_nothing_to_show_is_an_empty_figure(table, sound):
    for draw_one in (draw.predicted, draw.residuals, draw.by_band):
        assert sound(partial(draw_one, table.iloc[200:], "mm")).data is not None
