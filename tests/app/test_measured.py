"""The pages of what is measured by retraining, on real small results: Compare and Memorization."""

import pytest

from attribution.studies.bench.study import BenchConfig
from attribution.studies.damping.study import DampingConfig
from attribution.studies.memorization.study import MemorizeConfig


@pytest.fixture
def measured(tiny_project):
    tiny_project.memorize(MemorizeConfig(models=8, device="cpu"))
    config = BenchConfig(
        estimators=("ip", "cosine"), detectors=("loss",), subsets=8, count=6, seeds=(1,), removal_k=(5,), device="cpu"
    )
    tiny_project.compare(config)
    return tiny_project


def test_what_was_measured_is_shown_and_can_be_acted_on(app, words, measured, press):
    test = app("memorization", project="digits")
    shown = words(test)
    for expected in (
        "are known by heart",
        "Known by heart, most first",
        "stand-in here",
        "Predictions that hang on one training sample",
    ):
        assert expected in shown
    row = int(
        measured.memorizations()[0]
        .samples.sort_values(["memorization", "low"], ascending=False, kind="stable")["row"]
        .iloc[0]
    )
    press(test, f"drop-memorized-{row}-")
    assert not test.exception
    assert measured.edits()["reason"].tolist() == ["known by heart"]

    test = app("compare", project="digits")
    shown = words(test)
    for expected in (
        "Side by side",
        "Does it follow retraining?",
        "Does it find what is wrong?",
        "How fast does a prediction break?",
    ):
        assert expected in shown
    table = test.dataframe[0].value
    assert set(table["Estimator"].str.removesuffix(" ★")) == {
        "Gradient dot product",
        "Gradient cosine",
        "Random (control)",
    }
    assert "differ most" in shown
    test.button(key="start-damping")  # not swept yet: the way to it
    measured.damping_sweep(DampingConfig(estimator="ekfac", count=4, ratios=(0.1, 1.0), device="cpu"))
    assert "damping ratios of" in words(app("compare", project="digits"))


def test_before_anything_is_measured_the_cost_is_said_and_the_button_starts_it(app, words, tiny_project, monkeypatch):
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("memorization", project="digits")
    assert "24 models: 24 to train" in words(test)
    test.button(key="start-memorize").click().run()
    test = app("compare", project="digits")
    assert "24 models to retrain" in words(test)
    test.button(key="start-compare").click().run()
    assert [kind for kind, _ in asked] == ["memorization", "bench"]
    assert asked[0][1] == MemorizeConfig(models=24)
    assert asked[1][1].subsets == 24
