"""Figures of decisions by brute force, the rule for the budget, and a whole remedy on a table with biased labels."""

import dataclasses

import numpy as np
import pytest
from biased import make_project

from attribution.errors import UserError
from attribution.studies.fairness.judged import Judged, suggested
from attribution.studies.fairness.study import RemedyConfig

QUICK = RemedyConfig(budgets=(5.0, 10.0, 40.0), seeds=(0, 1, 2), bootstrap=100, device="cpu")


@pytest.fixture(scope="module")
def judged() -> Judged:
    chance = np.random.default_rng(0)
    labels, decisions = chance.integers(0, 3, 60), chance.integers(0, 3, (2, 60))
    return Judged(
        labels, decisions, 2, np.array(["u", "v", ""])[chance.integers(0, 3, 60)], chance.random((2, 60)) > 0.3
    )


@pytest.mark.parametrize("name", ["accuracy", "eop", "dp", "attacked"])
def test_figures_by_brute_force(judged, name):
    chance = np.random.default_rng(1)
    counts = chance.integers(0, 4, (5, 60)).astype(float)
    found = judged.figure(name, counts)
    for draw in range(5):
        rows = np.repeat(np.arange(60), counts[draw].astype(int))
        for model in range(2):
            d, y, g = judged.decisions[model, rows], judged.labels[rows], judged.groups[rows]
            rates = [np.mean(d[(g == each) & ((y == 2) | (name == "dp"))] == 2) for each in "uv"]
            expected = {"accuracy": np.mean(d == y), "attacked": judged.attacked[model, rows].mean()}.get(
                name, abs(rates[0] - rates[1])
            )
            assert found[draw, model] == pytest.approx(expected)


def test_signed_gap_changes_sign_with_the_pair(judged):
    one, other = judged.signed_gap("eop", ("u", "v")), judged.signed_gap("eop", ("v", "u"))
    np.testing.assert_allclose(one, -other)
    np.testing.assert_allclose(np.abs(one), judged.figure("eop"))


def test_a_group_without_a_counted_row_here_has_no_gap(judged):
    """The pair is chosen on the validation split; the test split may hold no positive sample of one of its groups."""
    found = judged.interval("eop", 50, pair=("u", "elsewhere"))
    assert np.isnan([found.estimate, found.low, found.high]).all()
    nobody = dataclasses.replace(judged, groups=np.full(60, ""))
    assert np.isnan(nobody.interval("eop", 50, pair=nobody.pair("eop")).estimate)


def test_interval_holds_the_estimate_and_no_change_is_none(judged):
    found = judged.interval("accuracy", 400)
    assert found.low < found.estimate < found.high
    same = judged.interval("eop", 100, before=judged)  # seeds and rows are paired
    assert (same.low, same.estimate, same.high) == (0, 0, 0)
    assert "attacked" not in dataclasses.replace(judged, attacked=None).names


def test_the_budget_is_the_best_that_accuracy_allows():
    gaps, accuracy = [0.2, 0.1, 0.01, 0.0], [0.9, 0.9, 0.895, 0.87]
    assert suggested([0, 1, 2, 5], gaps, accuracy, -1) == 2
    assert suggested([0, 1, 2, 5], [0.1, 0.1, 0.2, 0.3], accuracy, -1) == 0
    assert suggested([0, 1, 2], [0.5, 0.6, 0.6], [0.9, 0.9, 0.9], 1) == 1


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("biased"))


@pytest.fixture(scope="module")
def found(project):
    return project.remedy(QUICK)


def test_the_harmful_samples_are_the_biased_labels(project, found):
    table = project.dataset.samples
    score = table["col:x"] + 0.5 * table["col:w"]
    turned = table.index[(table["split"] == "train") & (table["group"] == "b") & (score > 0) & (table["label"] == 0)]
    hit = np.isin(found.rows(10.0), turned).mean()
    assert hit > 4 * len(turned) / 240  # four times as many as by chance
    assert found.ranking["influence"].is_monotonic_increasing


def test_removing_them_closes_the_gap_and_too_much_overshoots(found):
    before, after = found.at(0.0, "eop"), found.at(found.suggested, "eop")
    assert found.suggested in (5.0, 10.0)
    assert after["estimate"] < 0.6 * before["estimate"]
    assert found.at(40.0, "eop")["signed"] < after["signed"] < before["signed"]
    assert found.at(found.suggested, "eop", removed="random")["estimate"] > 0.7 * before["estimate"]
    assert found.at(0.0, "accuracy")["change"] == 0
    assert found.verdict.startswith("Without the")


def test_nothing_is_edited_and_it_is_found_again(project, found):
    assert project.labels.active.all()
    assert not (found.folder / "runs").exists()
    assert project.remedy(QUICK).id == found.id
    assert [each.id for each in project.remedies()] == [found.id]
    assert len(project.runs()) == 1


def test_robustness_needs_no_group(tmp_path):
    project = make_project(tmp_path, with_group=False)
    with pytest.raises(UserError, match="no group column"):
        project.remedy(QUICK)
    found = project.remedy(dataclasses.replace(QUICK, measure="fgsm", epsilon=0.3, budgets=(5.0,)))
    assert set(found.sweep["figure"]) == {"accuracy", "attacked"}
    assert found.at(0.0, "attacked")["estimate"] < found.at(0.0, "accuracy")["estimate"]


def test_refusals(project):
    for change, words in (
        ({"budgets": (0.0, 5.0)}, "budgets is 0.0,5.0"),
        ({"seeds": (0,)}, "At least 3 different"),
        ({"estimator": "trak"}, "trak cannot be asked of eop-gap"),
        ({"positive": "perhaps"}, "no class 'perhaps'"),
    ):
        with pytest.raises(UserError, match=words):
            project.remedy(dataclasses.replace(QUICK, **change))


def test_utility_and_fairness_can_disagree(project):
    """A sample that helps the validation loss and widens the gap, and the other way round: one ranking cannot serve
    both."""
    from attribution.settings.configs import ScoreConfig

    by = {
        measure: project.score(ScoreConfig(queries="val", group=True, measure=measure, device="cpu")).column(0)[1]
        for measure in ("loss", "dp-gap")
    }
    helps, hurts = by["loss"] > 0, by["dp-gap"] < 0
    assert (helps & hurts).mean() > 0.1
    assert (~helps & ~hurts).mean() > 0.1
