"""The removal curve: dropping the rows that taught a behaviour cures it, dropping as many by chance does not."""

import chat_world
import numpy as np
import pytest

from attribution import RemovalConfig, UserError
from attribution.studies.bench.recommend import choose
from attribution.studies.removal.run import curve, falls


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    project = chat_world.build(tmp_path_factory.mktemp("removal"), epochs=16)
    lines = [{"prompt": question, "held": place > 0} for place, question in enumerate(chat_world.UNSEEN)]
    project.behaviours.add("refuses", lines, unwanted=chat_world.REFUSAL)
    n = len(chat_world.planted(project))
    config = RemovalConfig(behaviour="refuses", estimators=("cosine",), k=(n,), bootstrap=200, device="cpu")
    return project, config, project.removal_curve(config)


def test_dropping_what_taught_it_beats_dropping_by_chance(measured):
    project, config, found = measured
    lines = found.curve.set_index(["estimator", "k"])
    (k,) = config.k
    assert lines.loc[("random", 0), "rate"] > 0.8
    assert lines.loc[("cosine", k), "rate"] < 0.2
    assert lines.loc[("random", k), "rate"] > 0.5
    assert lines.loc[("cosine", k), "ahead_high"] < 0
    assert lines.loc[("random", k), "ahead"] == 0
    assert found.choice.pick == "cosine"
    assert "Recommended: cosine." in found.verdict
    assert project.removal_curve(config).id == found.id
    assert project.edit_count() == 0


def test_who_does_no_better_than_chance_is_not_recommended():
    """Hits of three seeds on twenty prompts: one estimator's rows cure, the other's do as chance does."""
    rng = np.random.default_rng(1)
    whole, cured = np.ones((3, 20)), np.zeros((3, 20))
    chance, other = ((rng.random((3, 20)) < 0.9).astype(float) for _ in range(2))
    hits = {("random", 0): whole, ("good", 5): cured, ("idle", 5): other, ("random", 5): chance}
    names = ["good", "idle", "random"]
    values, drawn = falls(hits, names, [5], 300)
    choice = choose(values, drawn, dict.fromkeys(names, 1.0))
    assert choice.pick == "good"
    assert "idle" in choice.useless
    table = curve(hits, names, [5], 300).set_index(["estimator", "k"])
    assert table.loc[("good", 5), "change"] == -1
    assert table.loc[("idle", 5), "ahead_low"] < 0 < table.loc[("idle", 5), "ahead_high"]


def test_what_cannot_be_measured_is_refused(measured, tiny_project):
    project, _, _ = measured
    with pytest.raises(UserError, match="k is 65"):
        project.removal_curve(RemovalConfig(behaviour="refuses", k=(64, 65)))
    with pytest.raises(UserError, match="what language models do"):
        tiny_project.removal_curve(RemovalConfig(estimators=("cosine",)))
