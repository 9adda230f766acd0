"""The one next step."""

from dataclasses import replace

from attribution.settings.configs import TrainConfig
from attribution.studies.retrain.beforehand import Beforehand
from attribution.views import steps
from attribution.views.steps import Standing, next_step

READY = Standing(trained=True, flagged=True, open_suspects=5)
SMALL = Beforehand(edits=14, wanted=400, chance=0.01, wrong=498, seeds=3, measured=False)


def test_the_time_a_review_takes_is_that_of_what_waits():
    times = [steps.review_time(n) for n in (1, 8, 23, 567)]
    assert [time.removeprefix("Reviewing ") for time in times] == [
        "it takes about a minute.",
        "them takes about a minute.",
        "them takes about 3 minutes.",
        "the first 50 takes about five minutes.",
    ]


def test_the_work_is_followed_from_training_to_explaining():
    assert next_step(replace(READY, trained=False)).job == "prepare"
    assert next_step(replace(READY, trained=False, loaded=True)).sentence.startswith("Your weights are loaded.")
    assert next_step(replace(READY, flagged=False)).job == "mislabels"
    assert next_step(READY).page == "review"
    assert next_step(replace(READY, pending=12)).page == "retrain"
    assert next_step(replace(READY, open_suspects=0, pending=1)).page == "retrain"
    assert next_step(replace(READY, open_suspects=0)).page == "influence"
    assert "in the retrained model" in next_step(replace(READY, pending=2, retrained=True)).sentence


def test_leaks_that_move_the_score_come_before_all_that_it_measures():
    leaky = replace(READY, leaks="62 are repeated.", hardly="It has hardly learned.", longer=TrainConfig(epochs=32))
    assert next_step(leaky).page == "leaks"
    assert "Judge these leaks first" in next_step(leaky).sentence
    assert next_step(replace(leaky, trained=False)).job == "prepare"


def test_a_model_that_has_hardly_learned_comes_before_its_suspects():
    longer = TrainConfig(epochs=32)
    step = next_step(replace(READY, hardly="It has hardly learned.", longer=longer))
    assert (step.job, step.config, step.button) == ("prepare", longer, "Train longer (32 epochs)")
    assert next_step(replace(READY, hardly="It has hardly learned.")).page == "review"  # not trained here


def test_a_proof_is_next_when_it_can_tell_what_the_edits_do():
    some = replace(READY, pending=14)
    assert next_step(replace(some, proof=replace(SMALL, chance=0.85))).page == "retrain"
    step = next_step(replace(some, proof=SMALL))
    assert step.page == "review"
    assert step.sentence.endswith(SMALL.sentence())
    assert next_step(replace(some, proof=SMALL, open_suspects=0)).page == "retrain"
    assert next_step(replace(some, proof=SMALL, retrained=True)).page == "retrain"
