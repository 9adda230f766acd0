"""What the Memorization page says of a result."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from attribution.views import memorization as views


class Found:
    """A result in memory."""

    samples = pd.DataFrame(
        {
            "row": [4, 7, 9, 11],
            "memorization": [0.9, 0.1, np.nan, 0.6],
            "low": [0.4, -0.2, np.nan, -0.01],
            "high": [1.0, 0.4, np.nan, 0.9],
            "unsure": [0.8, 0.1, 0.5, 0.4],
        }
    )
    pairs = pd.DataFrame({"row": [4], "test_row": [20]})
    config: ClassVar = {
        "pairs_by_chance": 2.4,
        "pairs_found": 9,
        "models": 24,
        "spearman": {"unsure": {"estimate": 0.7, "low": 0.65, "high": 0.75, "level": 0.95}},
    }


def plain(words):
    return words.replace("\N{NO-BREAK SPACE}", " ")


def test_headline_counts_what_is_known_and_what_chance_would_show():
    words = views.headline(Found())
    assert "About 2 training labels of 4 (50.0 %)" in words
    assert "For 1 the 95 % interval lies above zero" in words
    assert "9 test predictions seem" in words
    assert "chance alone would show about 2" in words
    found = Found()
    found.config = {**Found.config, "pairs_found": 3}
    assert "cannot be told from chance with 24 models" in views.headline(found)


def test_the_scatter_leaves_out_what_is_unknown_and_ranks_the_stand_in():
    frame = views.scatter_frame(Found(), "unsure")
    assert frame["row"].tolist() == [4, 7, 11]
    assert frame["x"].tolist() == pytest.approx([1.0, 1 / 3, 2 / 3], abs=1e-3)
    assert frame["y"].tolist() == pytest.approx([0.9, 0.1, 0.6], abs=1e-3)


@pytest.mark.parametrize(("low", "kind"), [(0.65, "A good"), (0.4, "A rough"), (0.1, "A poor")])
def test_the_stand_in_is_judged_by_the_lower_end(low, kind):
    found = Found()
    found.config = {**Found.config, "spearman": {"unsure": {"estimate": 0.7, "low": low, "high": 0.75}}}
    assert views.stand_in_words(found, "unsure").startswith(kind)
    assert "not known" in views.stand_in_words(found, "self_influence")


def test_ranges_pairs_and_forecasts_in_words():
    assert views.range_words({"memorization": 0.9, "low": 0.4, "high": 1.02}) == "0.900 (0.40 to 1.00)"
    assert views.range_words({"memorization": np.nan, "low": np.nan, "high": np.nan}) == "\N{EN DASH}"
    assert (
        views.pair_words({"right_in": 1.0, "right_out": 0.25})
        == "right in 100 % of the models trained on it, in 25 % of the others"
    )
    assert "16 to train, about 1 min 20 s" in plain(
        views.cost_words({"models": 24, "missing": 16, "seconds_s": 80.0, "half_width": 0.4})
    )
    assert "no new training" in views.cost_words({"models": 8, "missing": 0, "seconds_s": 0.0, "half_width": 0.7})
