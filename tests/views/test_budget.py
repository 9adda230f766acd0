"""The curve of a review and its advice."""

import numpy as np
import pandas as pd

from attribution.studies.mislabels.budget import budget
from attribution.views import budget as views


def found(k=100, n=600):
    wrong = np.zeros(n, dtype=bool)
    wrong[: min(k, 40)] = True
    return budget(n, np.arange(1, k + 1), wrong[:k], expected={"low": 30, "mid": 40, "high": 55})


def test_the_budget_is_read_from_whole_tens_of_decisions():
    states = pd.DataFrame({"verdict": ["keep"] * 23 + [""], "edit": range(24, 0, -1)})
    settled = views.settled(states)
    assert len(settled) == 20
    assert settled["edit"].max() == 21  # the earliest ones; the newest three wait
    assert len(views.settled(states.head(9))) == 0


def test_the_advice_follows_the_threshold():
    result = found(300)
    assert views.advice(result, 50)[0]
    assert "fewer than the 50 you ask for" in views.advice(result, 50)[1]
    assert not views.advice(result, 0)[0]
    assert views.advice(found(600), 0) == (True, "Everything is reviewed.")
    assert "300 decisions, 40 of them" in views.basis(result)
    assert "too narrow" in views.basis(result)  # nothing was measured here


def test_the_headline_adds_what_was_found_to_what_is_left():
    result = found(100)
    words = views.headline(result, {"low": 30, "mid": 40, "high": 55})
    total = result.wrong + result.left.estimate
    assert words.startswith(f"About {total:,.0f} of 600 training labels are wrong in all")
    assert f"judged after 100 decisions: {result.wrong} found by then, about {result.left.estimate:,.0f} left" in words
    assert words.endswith("Before them the search estimated 40 (30 to 55).")


def test_before_any_decision_the_headline_speaks_of_none():
    words = views.headline(found(0), {"low": 30, "mid": 40, "high": 55})
    assert words.endswith("judged by the search and by errors planted in a copy, before any decision.")
    assert "0 decisions" not in words
