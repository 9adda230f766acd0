"""What this machine or this data cannot do is refused before any work, and before a finished result is looked for."""

import dataclasses

import pytest

from attribution.errors import UserError
from attribution.models.devices import available
from attribution.project.asked import possible
from attribution.settings.configs import ScoreConfig
from attribution.studies.bench.study import BenchConfig
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.mislabels.study import FlagConfig


@pytest.mark.skipif("cuda:0" in available(), reason="this machine has one")
@pytest.mark.parametrize("device", ["cuda", "cuda:9"])
def test_a_device_that_is_not_here_is_refused_also_when_the_run_exists(tiny_project, device):
    recipe = dataclasses.replace(tiny_project.train_config, device=device)
    with pytest.raises(UserError, match=f"no device '{device}'"):
        tiny_project.train(recipe)
    with pytest.raises(UserError, match=f"no device '{device}'"):
        tiny_project.score(ScoreConfig(estimator="ip", queries="test", device=device))


@pytest.mark.parametrize(
    ("work", "config", "words"),
    [
        ("flag", FlagConfig(neighbors=240), "240 training samples, so one has at most 239"),
        ("find_leaks", LeakConfig(neighbors=100), None),
        ("embed", MapConfig(neighbors=900), "420 samples, so one has at most 419"),
        ("compare", BenchConfig(removal_k=(10, 5000)), "removal_k is 5000"),
        ("score", ScoreConfig(estimator="foo"), "no estimator called 'foo'"),
        ("score", ScoreConfig(measure="foo"), "no measure called 'foo'"),
        ("flag", FlagConfig(detectors=("loss", "foo")), "no detector called 'foo'"),
        ("remedy", RemedyConfig(estimator="foo"), "no estimator called 'foo'"),
        ("compare", BenchConfig(estimators=("ip", "foo")), "no estimator called 'foo'"),
    ],
)
def test_more_than_the_data_has_and_unknown_plugins(tiny_project, work, config, words):
    if words is None:
        assert possible(config, tiny_project.dataset, tiny_project.labels) is config
        return
    with pytest.raises(UserError, match=words):
        getattr(tiny_project, work)(config)
