"""Settings check themselves: one range per setting, for flags, forms and Python."""

import dataclasses
import json

import numpy as np
import pytest

import attribution
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.measures import measures
from attribution.settings.configs import DataConfig, ScoreConfig, TrainConfig, from_dict, to_dict
from attribution.settings.ranges import entry_type, limits, words
from attribution.studies.bench.study import BenchConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.retrain.study import RetrainConfig

OWN = {plugin.Settings for registry in (estimators, measures) for plugin in registry.each()}
KINDS = [getattr(attribution, name) for name in attribution.__all__ if name.endswith("Config")]
KINDS += sorted(OWN, key=lambda kind: kind.__name__)
NUMBERS = [(kind, item) for kind in KINDS for item in dataclasses.fields(kind) if entry_type(item) in (int, float)]


def named(case):
    return case.__name__ if isinstance(case, type) else case.name


def put(item, value):
    return {item.name: (value,) * max(1, item.metadata.get("least", 1)) if isinstance(item.default, tuple) else value}


@pytest.mark.parametrize(("kind", "item"), NUMBERS, ids=named)
def test_every_number_has_a_range_and_nothing_outside_it_passes(kind, item):
    at = item.metadata
    assert "low" in at or "above" in at, "a number without a smallest value"
    assert entry_type(item) is float or "high" in at, "a whole number without a largest value"
    bad = [at["low"] - 1] if "low" in at else [at["above"], at["above"] - 1]
    bad += [at["high"] * 2 + 1] if "high" in at else [at["below"]] if "below" in at else []
    bad += ["many", None, True, float("nan"), float("inf"), 10**400, 10**5000, [[]]]
    for value in bad:
        with pytest.raises(UserError) as said:
            kind(**put(item, value))
        assert said.value.what.startswith(f"{item.name} is ")
        assert len(said.value.what) < 200


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_words_of_settings_are_checked_and_defaults_pass(kind):
    assert from_dict(kind, to_dict(kind())) == kind()
    for item in dataclasses.fields(kind):
        if item.metadata.get("choices") or item.metadata.get("device"):
            with pytest.raises(UserError, match="foo"):
                kind(**put(item, "foo"))
        if entry_type(item) is str:
            for value in (3, None, "a\0b"):
                with pytest.raises(UserError, match=item.name):
                    kind(**put(item, value))
    flags = [item.name for item in dataclasses.fields(kind) if item.type is bool]
    for name in flags:
        with pytest.raises(UserError, match="true or false"):
            kind(**{name: "yes"})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3", "mps"])
def test_names_of_devices(device):
    assert TrainConfig(device=device).device == device


@pytest.mark.parametrize("device", ["foo", "meta", "cuda:x", "cuda:-1", "CUDA", "", "gpu"])
def test_other_names_are_no_devices(device):
    with pytest.raises(UserError, match="auto, cpu, cuda"):
        ScoreConfig(device=device)


def test_values_come_out_in_the_setting_s_own_type():
    made = TrainConfig(epochs=np.int64(3), lr=1, momentum=np.float32(0.5), batch_size=8.0)
    assert [type(value) for value in (made.epochs, made.lr, made.momentum, made.batch_size)] == [int, float, float, int]
    json.dumps(to_dict(made))
    assert RetrainConfig(seeds=[3, 4, 5]).seeds == (3, 4, 5)


def test_a_path_is_taken_as_a_word(tmp_path):
    assert DataConfig(path=tmp_path).path == str(tmp_path)


def test_a_list_needs_as_many_different_entries_as_it_says_and_says_why():
    with pytest.raises(UserError, match="At least 3 different ones"):
        RetrainConfig(seeds=(1, 1, 1))
    with pytest.raises(UserError, match="At least one is needed"):
        BenchConfig(parts=())
    with pytest.raises(UserError, match="a list of values"):
        BenchConfig(seeds=3)


def test_the_message_gives_value_range_and_a_usual_value():
    with pytest.raises(UserError) as said:
        FlagConfig(folds=100000)
    assert str(said.value) == "folds is 100000. It must be a whole number, 2 to 100. The usual value is 5."


def test_forms_take_their_limits_from_the_same_place():
    assert limits(ScoreConfig, "memory_mb") == (1, 100_000_000)
    assert limits(MapConfig, "min_dist") == (0.0, 1.0)
    assert limits(TrainConfig, "lr") == (0.0, None)


def test_ranges_read_well():
    found = {item.name: words(item) for item in dataclasses.fields(TrainConfig)}
    assert found["epochs"] == "1 to 100,000"
    assert found["momentum"] == "0 or more, below 1"
    assert found["lr"] == "above 0"
    assert found["optimizer"] == "sgd, nesterov, adamw, adam, rmsprop"
    assert next(words(item) for item in dataclasses.fields(RetrainConfig)).endswith("at least 3 different")


@pytest.mark.parametrize(
    "words", [("--epochs", "0"), ("--seed", "9" * 20), ("--lr", "nan"), ("--device", "foo"), ("--batch-size", "-1")]
)
def test_a_flag_outside_its_range_is_named_as_the_flag(words, bare_project):
    from typer.testing import CliRunner

    from attribution.cli import cli

    said = CliRunner().invoke(cli, ["train", "-p", "bare", *words])
    assert isinstance(said.exception, UserError)
    assert str(said.exception).startswith(f"{words[0]} is ")
