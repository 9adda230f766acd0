"""The proof in words and charts."""

import finished
import numpy as np
import pytest

from attribution.settings.configs import TrainConfig
from attribution.statistics.intervals import Interval
from attribution.statistics.track_record import TrackRecord
from attribution.views import comparison


@pytest.fixture
def found():
    return finished.proof()


def test_figures_carry_their_intervals(found):
    accuracy, loss, fixed, broken = comparison.figures(found)
    assert accuracy["value"].replace("\N{NO-BREAK SPACE}", " ") == "82.0 % → 83.0 %"
    assert "+1.00 to +3.00" in accuracy["delta"]
    assert "lower is better" in loss["help"]
    assert (fixed["value"], broken["value"]) == ("4", "2")


def test_words(found):
    vars(found)["record"] = TrackRecord(Interval(0.4, 0.2, 0.6), 0.02)
    said = comparison.predicted_sentence(found)
    assert "foresaw which test samples gain partly" in said
    assert "predicted −0.1" not in said
    assert "real −0.05" in said
    vars(found)["record"] = TrackRecord(Interval(0.8, 0.7, 0.9), 1.1)
    assert "predicted −0.100 nats, real −0.0500 nats" in comparison.predicted_sentence(found)
    assert comparison.title_of(found, 0) == "Newest: 3 edits, better (a1b2c3)"
    assert comparison.after_run(found, 1) == "r1"
    assert comparison.after_run(found, 9) == "r0"
    assert comparison.recipe_words("cnn", TrainConfig()).startswith("cnn, 12 epochs, batches of 64, sgd")
    assert "6 trainings" in comparison.cost_words(10.0, 3)
    assert np.char.count(comparison.flip_words("coat", "shirt", "fixed", 2 / 3, 3), "2 of 3") == 1
