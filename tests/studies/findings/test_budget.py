"""What is left of a review: counts that must add up, what evidence does to the interval, and coverage on queues of
known make."""

import numpy as np
import pandas as pd
import pytest

from attribution.statistics.intervals import Interval
from attribution.studies.mislabels.budget import budget


def queue(n, wrong, distance, seed, unseen=0.0):
    """A queue in which wrong labels score ``distance`` above right ones, but for a share that scores like them: (n,)
    bool."""
    chance = np.random.default_rng(seed)
    is_wrong = np.arange(n) < wrong
    seen = is_wrong & (chance.random(n) >= unseen)
    return is_wrong[np.argsort(-(chance.normal(size=n) + distance * seen), kind="stable")]


def review(wrong, k, **known):
    return budget(len(wrong), np.arange(1, k + 1), wrong[:k], **known)


EXPECTED = {"low": 40.0, "mid": 55.0, "high": 75.0}


def test_a_complete_review_leaves_nothing():
    wrong = queue(200, 20, 2.5, 0)
    found = review(wrong, 200, expected={"low": 15, "mid": 20, "high": 30})
    assert (found.reviewed, found.wrong) == (200, 20)
    assert found.left == Interval(0.0, 0.0, 0.0, 0.9)
    assert found.next_yield == Interval(0.0, 0.0, 0.0, 0.9)
    assert found.curve["expected"].iloc[-1] == 20


def test_the_curve_starts_with_what_was_found_and_ends_with_what_is_expected():
    wrong = queue(1000, 60, 2.5, 1)
    found = review(wrong, 100, expected=EXPECTED)
    curve = found.curve
    at = curve.set_index("position").loc[100]
    assert at["found"] == at["expected"] == at["low"] == at["high"] == wrong[:100].sum()
    assert curve["expected"].iloc[-1] == pytest.approx(found.wrong + found.left.estimate)
    assert curve["expected"].is_monotonic_increasing
    assert (curve["low"] <= curve["expected"]).all()
    assert (curve["expected"] <= curve["high"]).all()


def test_finding_nothing_more_lowers_what_is_left_and_advises_to_stop():
    wrong = queue(1000, 60, 3.0, 2)
    early, late = review(wrong, 40, expected=EXPECTED), review(wrong, 250, expected=EXPECTED)
    assert late.left.estimate < early.left.estimate
    assert late.left.high - late.left.low < early.left.high - early.left.low
    assert not early.stop(5)
    assert late.stop(5)
    assert not late.stop(0)
    assert "wrong labels are left; the next 50 reviews" in late.sentence()


def test_a_poor_ranking_in_the_calibration_raises_what_is_left():
    """The same decisions; planted errors all at the top, or spread over the whole queue."""
    wrong = queue(1000, 50, 2.5, 3)
    top = review(wrong, 60, expected=EXPECTED, planted=[np.arange(1, 31)], planted_n=1000)
    spread = review(wrong, 60, expected=EXPECTED, planted=[np.linspace(1, 1000, 30).astype(int)], planted_n=1000)
    assert top.calibrated
    assert spread.left.estimate > 2 * top.left.estimate
    assert spread.unseen.estimate > top.unseen.estimate


def test_same_input_same_output_in_any_order():
    wrong = queue(500, 40, 2.0, 4)
    places = np.random.default_rng(0).permutation(np.arange(1, 81))
    first, second = review(wrong, 80), budget(500, places, wrong[places - 1])
    assert first.left == second.left
    pd.testing.assert_frame_equal(first.curve, second.curve)


def test_reviews_out_of_order_count_where_they_are():
    wrong = queue(500, 40, 2.5, 5)
    places = np.arange(1, 121, 2)  # every other one of the first 120
    found = budget(500, places, wrong[places - 1], expected={"low": 30, "mid": 40, "high": 50})
    assert found.reviewed == 60
    assert found.left.low <= wrong.sum() - wrong[places - 1].sum() <= found.left.high


@pytest.mark.parametrize(("distance", "unseen"), [(2.0, 0.0), (3.0, 0.1)])
def test_the_interval_holds_the_truth(distance, unseen):
    """24 reviews each: a 90 % interval that held below 70 % of the time would pass with a chance under 2 in 100."""
    held = 0
    for seed in range(24):
        wrong = queue(800, 50, distance, seed, unseen)
        found = review(wrong, 100, expected={"low": 35.0, "mid": 50.0, "high": 70.0})
        held += found.left.low <= wrong[100:].sum() <= found.left.high
    assert held >= 20
