"""Figures of a proof: their formulas, their words, their direction."""

import numpy as np
import pytest

from attribution.tasks import figure


def test_rmse_and_mae_are_in_the_targets_unit():
    said = {"prediction": np.array([[1.0, 2.0, 7.0], [0.0, 2.0, 3.0]])}
    targets = np.array([1.0, 4.0, 3.0])
    rmse, mae = figure.rmse("mm"), figure.mae("mm")
    assert rmse.value(rmse.terms(said, targets).mean(axis=-1)) == pytest.approx(np.sqrt([20 / 3, 5 / 3]))
    assert mae.value(mae.terms(said, targets).mean(axis=-1)) == pytest.approx([2.0, 1.0])


def test_words_name_the_unit_and_the_direction():
    rmse = figure.rmse("mm")
    assert rmse.moved(-3.14, -4.2, -2.04, 0.95) == "fell by 3.14 mm (95 % interval 2.04 to 4.20)"
    assert rmse.moved(1234.5, 1000.0, 1500.0, 0.9) == "rose by 1,234 mm (90 % interval 1,000 to 1,500)"
    assert rmse.open(0.02, -0.04, 0.08, 0.95) == "+0.0200 mm (95 % interval -0.0400 to 0.0800)"
    assert figure.ACCURACY.moved(0.013, 0.006, 0.02, 0.95) == "rose by 1.3 points (95 % interval 0.6 to 2.0)"
    assert figure.ACCURACY.open(0.002, -0.004, 0.008, 0.9) == "+0.2 points (90 % interval -0.4 to 0.8)"
    assert figure.mae().moved(-3.0, -4.0, -2.0, 0.95) == "fell by 3.00 (95 % interval 2.00 to 4.00)"


def test_directions():
    assert (figure.ACCURACY.sign, figure.loss().sign, figure.rmse().sign) == (1, -1, -1)
