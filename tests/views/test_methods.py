"""The estimators as people are offered them: families, what Compare says, what is on."""

from types import SimpleNamespace

import pandas as pd
import pytest

from attribution.tasks import tasks
from attribution.tasks.classification import PLAIN
from attribution.views import influence, methods


@pytest.fixture
def words():
    return {one.name: one for one in influence.estimators_in_order()}


@pytest.fixture
def bench():
    fidelity = pd.DataFrame(
        {
            "estimator": ["ekfac", "ip", "ekfac"],
            "measure": ["loss", "loss", "margin"],
            "lds": [0.451, -0.02, 0.9],
            "low": [0.41, -0.1, 0.8],
            "high": [0.49, 0.06, 0.95],
        }
    )
    return SimpleNamespace(fidelity=fidelity, summary={"explain": "ekfac", "no_better_than_random": ["ip"]})


def test_families_hold_every_estimator_once_the_controls_last(words):
    found = methods.families(list(words.values()))
    named = [one.name for _, _, members in found for one in members]
    assert sorted(named) == sorted(words)
    assert [title for title, _, _ in found] == [
        "First order",
        "With curvature",
        "Through training",
        "Retrained",
        "Forward only",
        "Similarity",
        "Controls",
    ]
    assert found[0][2][0].name == "ip"
    assert all(meaning for _, meaning, _ in found)


def test_trust_is_what_compare_measured_of_the_loss(bench):
    trust = methods.trust_of(bench)
    assert trust.words("ekfac") == "LDS 0.45 (0.41 to 0.49)"
    assert trust.words("ip") == "LDS \u22120.02 (\u22120.10 to 0.06), no better than chance"
    assert trust.words("tracin") == "not measured here"
    assert methods.trust_of(None).words("ip") == "not measured here"


def test_what_compare_recommends_is_on_and_else_the_everyday_one(bench, words):
    trust = methods.trust_of(bench)
    names = list(words)
    assert methods.standard(trust, names, ()) == "ekfac"
    assert methods.standard(trust, names, {"ip"}) == "ip"  # the recommended one was not asked about this
    assert methods.standard(trust, names, {"ip", "ekfac"}) == "ekfac"
    assert methods.standard(methods.Trust(), names, ()) == "ip"
    assert methods.standard(methods.Trust("gone"), names, ()) == "ip"
    assert methods.standard(methods.Trust(), ["trak"], ()) == "trak"
    assert methods.standard(methods.Trust(), ["ip", "cosine"], (), texts=True) == "cosine"
    assert methods.standard(methods.Trust(), ["ip", "cosine"], ()) == "ip"


def test_a_line_of_the_list_says_recommended_computed_time_and_trust(bench, words):
    trust = methods.trust_of(bench)
    line = methods.mark(words["ekfac"], trust, {"ekfac"}, 12.0)
    assert line == "recommended by Compare \u00b7 computed \u00b7 took 12\u00a0s \u00b7 LDS 0.45 (0.41 to 0.49)"
    assert methods.mark(words["tracin"], trust, (), float("nan")) == "not measured here"
    assert methods.mark(words["tracin"], methods.Trust(), {"tracin"}, float("nan")) == "computed"  # said once, above


def test_the_sentence_does_not_promise_what_compare_denies(bench, words):
    trust = methods.trust_of(bench)
    assert methods.taught("pictures", words["ekfac"], trust) == "These training pictures taught it that."
    assert "no better than chance" in methods.taught("pictures", words["ip"], trust)
    assert "by chance" in methods.taught("rows", words["random"], trust)


def test_the_contrast_is_offered_where_there_are_answers_and_gradients(words):
    assert methods.has_contrast(PLAIN)
    assert methods.has_contrast(tasks.get("multilabel").of(("a", "b"), {"name": "multilabel"}))
    assert not methods.has_contrast(tasks.get("regression").of((), {"name": "regression"}))
    assert methods.refused(words["trak"], "contrast")
    assert not methods.refused(words["trak"], "loss")
    assert not methods.refused(words["ekfac"], "contrast")
    run = SimpleNamespace(config={}, loaded=False)
    assert influence.unit_words(words["ekfac"], run, "contrast") == "Unit: logits."


def test_what_an_estimator_took_is_the_median_of_its_runs():
    runs = [SimpleNamespace(estimator="ip", config={"seconds_s": value}) for value in (1.0, 2.0, 9.0)]
    assert methods.cost_s(runs, "ip") == 2.0
    assert methods.cost_s(runs, "ekfac") != methods.cost_s(runs, "ekfac")  # not known
