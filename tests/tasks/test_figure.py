"""Figures of a proof: their formulas, their words, their direction."""

import numpy as np
import pytest

from attribution.statistics.intervals import Interval
from attribution.tasks import figure


def test_rmse_and_mae_are_in_the_targets_unit():
    said = {"prediction": np.array([[1.0, 2.0, 7.0], [0.0, 2.0, 3.0]])}
    targets = np.array([1.0, 4.0, 3.0])
    rmse, mae = figure.rmse("mm"), figure.mae("mm")
    assert rmse.value(rmse.terms(said, targets).mean(axis=-1)) == pytest.approx(np.sqrt([20 / 3, 5 / 3]))
    assert mae.value(mae.terms(said, targets).mean(axis=-1)) == pytest.approx([2.0, 1.0])


def test_words_name_the_unit_and_the_interval():
    rmse = figure.rmse("mm")
    fell, open_ = Interval(-3.14, -4.2, -2.04), Interval(0.02, -0.04, 0.08)
    assert rmse.change(fell) == "-3.14 mm (95 % interval -4.20 to -2.04)"
    assert rmse.change(fell, sizes=True) == "3.14 mm (95 % interval 2.04 to 4.20)"
    assert rmse.change(Interval(1234.5, 1000.0, 1500.0, 0.9)) == "+1,234 mm (90 % interval 1,000 to 1,500)"
    assert figure.mae().change(open_) == "+0.0200 (95 % interval -0.0400 to 0.0800)"
    points = figure.ACCURACY.change(Interval(0.013, 0.006, 0.02), sizes=True)
    assert points == "1.3 points (95 % interval 0.6 to 2.0)"


def test_directions():
    assert (figure.ACCURACY.sign, figure.loss().sign, figure.rmse().sign) == (1, -1, -1)
