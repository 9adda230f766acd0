"""The proof in words and charts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attribution.settings.configs import TrainConfig
from attribution.statistics.intervals import Interval
from attribution.statistics.track_record import TrackRecord
from attribution.studies.retrain.result import READINGS, Change, RetrainResult
from attribution.views import comparison


@pytest.fixture
def found():
    interval = Interval(0.02, 0.01, 0.03)
    change = Change(
        (0.8, 0.82, 0.81), (0.82, 0.84, 0.83), interval, interval, Interval(0.02, float("nan"), float("nan"))
    )
    return RetrainResult(
        folder=Path("a1b2c3d4"),
        config={"after_runs": ["r0", "r1", "r2"], "before_runs": []},
        verdict="It rose.",
        outcome="better",
        seeds=(0, 1, 2),
        n_test=100,
        n_dropped=1,
        n_relabelled=2,
        n_restored=0,
        n_test_edited=0,
        changes={"accuracy": change, "loss": replace(change, reading=READINGS["loss"])},
        n_fixed=4,
        n_broken=2,
        prediction={"spearman": Interval(0.4, 0.2, 0.6), "predicted": -0.1, "actual": -0.05, "unit": "nats"},
    )


def test_figures_carry_their_intervals(found):
    accuracy, loss, fixed, broken = comparison.figures(found)
    assert accuracy["value"].replace("\N{NO-BREAK SPACE}", " ") == "81.0 % → 83.0 %"
    assert "+1.00 to +3.00" in accuracy["delta"]
    assert "lower is better" in loss["help"]
    assert (fixed["value"], broken["value"]) == ("4", "2")


def test_forest_colours_by_what_the_interval_says():
    frame = pd.DataFrame(
        {"name": ["up", "down", "open"], "estimate": [2.0, -2.0, 0.1], "low": [1, -3, -1], "high": [3, -1, 1]}
    )
    spec = comparison.forest_spec(frame, "points")
    dots = spec["series"][0]["data"]
    assert [dot["itemStyle"]["color"] for dot in dots] == [comparison.HELPFUL, comparison.HARMFUL, comparison.UNCLEAR]
    assert [bar["data"] for bar in spec["series"][1:]] == [[[1, 0], [3, 0]], [[-3, 1], [-1, 1]], [[-1, 2], [1, 2]]]
    json.dumps(spec)


def test_an_unknown_interval_draws_the_dot_alone(found):
    spec = comparison.forest_spec(comparison.interval_frame(found), "points")
    assert len(spec["series"][0]["data"]) == 3
    assert len(spec["series"]) == 3
    json.dumps(spec)


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
    assert "6 trainings" in comparison.forecast_words(10.0, 3)
    assert np.char.count(comparison.flip_words("coat", "shirt", "fixed", 2 / 3, 3), "2 of 3") == 1
