"""Settings of plug-ins: kept by name, checked by the plug-in that is asked, never ignored."""

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from attribution.cli import cli
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.measures import measures
from attribution.settings.configs import ScoreConfig, fields_of, from_dict, to_dict
from attribution.settings.options import changed, every_field, own
from attribution.studies.influence import settings

FORMER = {  # a score's settings as jobs of the former version kept them
    "estimator": "forward-inf",
    "queries": "wrong",
    "group": False,
    "run": "",
    "k": 24,
    "batch_size": 128,
    "memory_mb": 512,
    "device": "auto",
    "seed": 0,
    "measure": "loss",
    "positive": "",
    "epsilon": 0.1,
    "objective": "cross-entropy",
    "steps": 3,
    "step": 0.2,
    "both_signs": False,
    "solver": "cg",
    "damping_ratio": 0.0,
    "store": False,
    "autocast": False,
    "ratio": 0.05,
    "selection": "outputs",
    "runner": "serial",
    "workers": 0,
}


def test_a_plug_in_s_settings_are_given_by_name_and_kept_where_they_are_not_usual():
    config = ScoreConfig(estimator="forward-inf", steps=3, step=0.2)
    assert config.options == {"steps": 3}
    assert config == ScoreConfig(estimator="forward-inf", options={"steps": 3})
    assert hash(config) == hash(ScoreConfig(estimator="forward-inf", steps=3))
    assert dataclasses.replace(config, k=5).options == {"steps": 3}
    assert from_dict(ScoreConfig, json.loads(json.dumps(to_dict(config)))) == config


def test_two_plug_ins_mean_their_own_by_one_name():
    plain, sister = (ScoreConfig(estimator=name, step=0.5) for name in ("forward-inf", "forward-inf-preconditioned"))
    for config in (plain, sister):
        kind = estimators.get(config.estimator).Settings
        assert own(kind, config.options).step == 0.5
    assert estimators.get("forward-inf").Settings().step == 0.2
    assert estimators.get("forward-inf-preconditioned").Settings().step == 1e-5


def test_a_setting_of_another_plug_in_is_refused_and_its_owner_named():
    with pytest.raises(UserError) as said:
        ScoreConfig(estimator="ip", steps=3)
    assert "the estimator ip" in said.value.what
    assert "forward-inf" in said.value.why
    with pytest.raises(UserError, match="No plug-in has it"):
        ScoreConfig(estimator="forward-inf", speed=9)
    with pytest.raises(UserError, match="steps is 0"):
        ScoreConfig(estimator="forward-inf", steps=0)
    assert ScoreConfig(measure="fgsm", epsilon=0.5).options == {"epsilon": 0.5}


def test_another_estimator_keeps_what_it_knows():
    config = ScoreConfig(estimator="logra", damping_ratio=2.0, store=True)
    assert changed(config, estimator="ekfac").options == {"damping_ratio": 2.0}
    assert changed(config, estimator="tracin").options == {}
    assert changed(config, without=("store",)).options == {"damping_ratio": 2.0}


def test_settings_of_the_former_version_are_read():
    assert from_dict(ScoreConfig, FORMER) == ScoreConfig(estimator="forward-inf", steps=3)
    sister = from_dict(ScoreConfig, {**FORMER, "estimator": "forward-inf-preconditioned", "steps": 5})
    assert sister.options == {}  # 0.2 was what everybody had, and what this one did not take


def test_scores_of_the_former_version_say_what_they_were_asked():
    def requests(estimator, options):
        return settings.requests({"estimator": estimator, "options": options})

    assert requests("forward-inf", {"steps": 5, "step": 0.2}) == [{}]
    assert requests("forward-inf", {"steps": 1, "step": 0.2}) == [{"steps": 1}]
    assert requests("forward-inf-preconditioned", {"damping_ratio": 1.0, "step": 1e-5}) == [{}]
    assert requests("gone", {"anything": 3}) == [{}]  # an estimator that is not installed any more


@pytest.mark.parametrize("registry", [estimators, measures], ids=["estimators", "measures"])
def test_every_setting_of_a_plug_in_has_help_and_a_range(registry):
    for plugin in registry.each():
        for name, default, text, limits in fields_of(plugin.Settings):
            assert text.endswith("."), name
            assert limits or isinstance(default, (bool, str)), name
        assert not {item.name for item in dataclasses.fields(plugin.Settings)} & set(ScoreConfig.__dataclass_fields__)


def test_no_estimator_shares_the_name_of_a_setting_with_a_measure():
    for owners in every_field(ScoreConfig).values():
        assert len({name in measures.names() for name in owners}) == 1


def test_a_flag_of_another_plug_in_is_refused_in_words(tiny_project):
    def score(*flags):
        return CliRunner().invoke(cli, ["score", "-p", str(tiny_project.folder), "--device", "cpu", *flags])

    refused = score("--estimator", "ip", "--steps", "3")
    assert isinstance(refused.exception, UserError)
    assert "--steps is no setting of the estimator ip" in refused.exception.what
    outside = score("--estimator", "forward-inf", "--steps", "0")
    assert "--steps is 0" in outside.exception.what
    taken = score("--estimator", "forward-inf", "--step", "0.5", "--steps", "2", "--queries", "test-00003")
    assert taken.exit_code == 0, taken.output
    assert tiny_project.scores()[0].config["options"] == {"steps": 2, "step": 0.5}
    sister = score("--estimator", "forward-inf-preconditioned", "--step", "1e-4", "--queries", "test-00003")
    assert sister.exit_code == 0, sister.output
    assert tiny_project.scores()[0].config["options"]["step"] == 1e-4
