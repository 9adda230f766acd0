"""What the Fairness & robustness page says, from made-up decisions."""

import finished
import numpy as np
import pytest

from attribution.studies.fairness.judged import Judged
from attribution.views import fairness


@pytest.fixture
def judged():
    return finished.judged()


@pytest.fixture
def found(tmp_path):
    return finished.fairness(tmp_path)


def test_what_is_offered_says_what_is_not():
    assert fairness.offered(True, True) == (["eop-gap", "dp-gap", "fgsm"], "")
    names, why = fairness.offered(False, True)
    assert names == ["fgsm"]
    assert "no group column" in why
    names, why = fairness.offered(True, False)
    assert names == ["eop-gap", "dp-gap"]
    assert "Robustness is not offered" in why
    assert fairness.offered(False, False)[0] == []


def test_the_gap_is_said_with_both_rates_and_an_interval(judged):
    text = fairness.gap_sentence(judged, "eop", "yes")
    for expected in (
        "labelled yes",
        "100\u00a0% in group u",
        "50.0\u00a0% in group v",
        "gap of 50.0 points",
        "95 % interval",
    ):
        assert expected in text
    assert "cannot tell" not in text
    one = Judged(judged.labels, judged.decisions, 1, np.full(100, "u"))
    assert "Fewer than two groups" in fairness.gap_sentence(one, "eop", "yes")


def test_rates_by_group_hold_their_intervals(judged):
    frame = fairness.rates_frame(judged, "eop")
    assert frame["name"].tolist() == ["u (40)", "v (40)"]
    assert frame["estimate"].tolist() == [100, 50]
    assert (frame["low"] < frame["estimate"]).all()
    assert frame["high"].between(frame["estimate"] - 1e-9, 100).all()


def test_the_sweep_keeps_the_sign_of_a_gap(found):
    frame = fairness.sweep_frame(found, "eop")
    assert frame["estimate"].round(6).tolist() == [20, 5, -10]


def test_overshoot_and_cost_are_said(found):
    text = fairness.overshoot_sentence(found)
    assert "from 20 % on the gap turns over" in text
    assert "costs 10.0 points of accuracy" in text


def test_figures_show_before_after_and_control(found):
    target, accuracy, control = fairness.figures(found)
    assert target["value"] == "20.0 → 5.00 points"
    assert accuracy["label"] == "Accuracy"
    assert "at random" in control["label"]


def test_verdict_names_counts_and_intervals(found):
    assert found.verdict.startswith(
        "Without the 5 most harmful samples the equal opportunity gap goes from 20.0 to 5.0 points"
    )
    assert "cannot be told from chance" not in found.verdict


def test_matching_looks_at_the_question(found):
    assert fairness.matching([found], "r", "eop-gap", "", 0.5) is found
    assert fairness.matching([found], "r", "eop-gap", "no", 0.1) is None
    assert fairness.matching([found], "other", "eop-gap", "", 0.1) is None
    assert fairness.matching([found], "r", "fgsm", "", 0.1) is None


def test_the_work_is_forecast():
    assert fairness.cost_words(2.0, 6, 3).startswith("24 trainings: 6 budgets and two controls, 3 seeds each, about 48")
