"""A preview in words, and beside the real thing."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from attribution.statistics.intervals import Interval
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.retrain.result import READINGS, Change
from attribution.tasks.classification import Classification
from attribution.views import preview
from attribution.views.faces import ClassFace

CATS = ClassFace(Classification(("cat", "dog")), np.array([0, 1]))
NONE = Interval(0.02, math.nan, math.nan)


def change(before, after, low, high, name="accuracy"):
    found = Interval(after - before, low, high)
    return Change((before,), (after,), found, found, NONE, READINGS[name])


def changes(accuracy, loss):
    return {"accuracy": accuracy, "loss": loss}


@pytest.fixture
def found():
    return SimpleNamespace(
        run="r1",
        version="v2",
        before_version="v1",
        seconds_s=4.2,
        steps=[{}, {}],
        asked=PreviewConfig(variant="fif"),
        counts={"n_test": 1000, "n_fixed": 12, "n_broken": 3, "share": 0.044, "stopped": "all steps were taken"},
        changes=changes(change(0.87, 0.88, 0.004, 0.016), change(0.5, 0.45, -0.07, -0.03, "loss")),
        predicted=lambda: pd.DataFrame({"row": [1, 2, 3, 4], "predicted": [-0.1, 0.0, 0.1, 0.2]}),
    )


@pytest.fixture
def real():
    return SimpleNamespace(
        config={"before_version": "v1", "after_version": "v2"},
        seeds=(0, 1, 2),
        changes=changes(change(0.86, 0.885, 0.01, 0.04), change(0.52, 0.44, -0.09, -0.06, "loss")),
        n_fixed=20,
        n_broken=5,
        predicted=lambda: pd.DataFrame(
            {"row": [4, 3, 2, 9], "predicted": [9.0, 9, 9, 9], "actual": [0.4, 0.2, 0.1, 0.0]}
        ),
    )


def test_figures_carry_their_intervals(found):
    accuracy, loss, flips = preview.figures(found)
    assert accuracy["value"] == "87.0\xa0% → 88.0\xa0%"
    assert accuracy["delta"] == "+1.00\xa0points (+0.40 to +1.60)"
    assert loss["delta"].startswith("−0.0500\xa0nats (−0.0700")
    assert flips["value"] == "12 / 3"
    assert all("1,000 test samples" in line["help"] + line["delta"] for line in (accuracy, loss, flips))


def test_cost_says_seconds_steps_and_share(found):
    words = preview.cost_words(found)
    assert words.startswith("4.2\xa0s, 2 steps, 4.40\xa0% of the parameters could move (Others frozen (fif)).")
    assert words.endswith("all steps were taken.")


def test_only_the_same_model_and_labels_count(found):
    older = SimpleNamespace(run="r1", version="v2", id="older")
    assert preview.newest_for([found, older], "r1", "v2") is found
    assert preview.newest_for([found], "r2", "v2") is None
    assert preview.newest_for([found], "r1", "v3") is None


def test_only_a_retraining_between_the_same_versions_is_the_truth(found, real):
    other = SimpleNamespace(config={"before_version": "v0", "after_version": "v2"})
    assert preview.real_for(found, [other, real]) is real
    assert preview.real_for(found, [other]) is None


def test_edits_stand_by_what_they_matter_without_a_size(found):
    acted = pd.DataFrame(
        {
            "row": [1, 2, 3],
            "id": ["a", "b", "c"],
            "action": ["dropped", "relabelled", "dropped"],
            "before": [0, 0, 1],
            "after": [0, 1, 1],
        }
    )
    found.acted = lambda: acted.assign(predicted=[0.5, -9.0, 0.0])
    table = preview.edit_table(found, CATS)
    assert table.to_dict("list") == {
        "order": [1, 2, 3],
        "id": ["b", "a", "c"],
        "edit": ["cat → dog", "cat, dropped", "dog, dropped"],
        "expected": ["helps", "harms", "nothing"],
    }
    assert preview.edit_table(found, CATS, 1)["id"].tolist() == ["b"]


def test_side_by_side(found, real):
    table = preview.side_by_side(found, real)
    assert list(table.columns) == ["figure", "preview", "retrained"]
    assert table["retrained"].tolist()[0] == "+2.50\xa0points (+1.00 to +4.00)"
    assert table["preview"].tolist()[2:] == ["12", "3"]


def test_pairs_are_matched_by_row(found, real):
    pairs = preview.paired(found, real)
    assert pairs.sort_values("row").to_dict("list") == {
        "row": [2, 3, 4],
        "predicted": [0.0, 0.1, 0.2],
        "actual": [0.1, 0.2, 0.4],
    }
    assert preview.rank_correlation(pairs).estimate == pytest.approx(1)


@pytest.mark.parametrize(("low", "word"), [(0.6, "well foresaw"), (0.1, "partly foresaw"), (-0.1, "did not foresee")])
def test_agreement_in_words(real, low, word):
    words = preview.agreement_words(Interval(0.7, low, 0.9), real)
    assert word in words
    assert "3 seeds" in words


def test_noise_is_not_called_foresight(real):
    chance = np.random.default_rng(0)
    pairs = pd.DataFrame({"predicted": chance.normal(size=200), "actual": chance.normal(size=200)})
    assert "did not foresee" in preview.agreement_words(preview.rank_correlation(pairs), real)
