"""Every detector with every task: it answers in the task's words, or refuses and names one that answers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from studied import flag
from tiny_world import N_TRAIN, TASKS, World, build_task

from attribution.detectors import counted, defaults, detectors
from attribution.detectors.base import Evidence, Units
from attribution.errors import UserError
from attribution.statistics.ranking import auroc
from attribution.studies.mislabels.study import FlagConfig

CONFIG = FlagConfig(folds=3, neighbors=7, cases=4, device="cpu")
OF_CLASSES = re.compile(r"\b(class|classes|label|labels|logits|nats)\b")


@pytest.fixture(scope="module", params=[name for name in TASKS if name != "classification"])
def world(request, tmp_path_factory) -> World:
    return build_task(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def evidence(world) -> Evidence:
    """With the final model in the place of those that did not train on a row."""
    return Evidence(world.trained(batch_size=16), lambda: np.asarray(world.run.outputs()[:N_TRAIN]), neighbors=7)


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    return flag(world.dataset, world.labels, world.run, CONFIG, tmp_path_factory.mktemp("flags"))


def wrong(world: World) -> np.ndarray:
    return np.isin(np.arange(N_TRAIN), world.flipped)


@pytest.mark.parametrize("name", detectors.names())
def test_it_answers_in_the_words_of_the_task_or_names_another(world, evidence, name):
    task = world.dataset.task
    plug = detectors.get(name)
    if not plug.serves(task.kind):
        with pytest.raises(UserError, match=f"{name} is about") as refused:
            plug.check(task)
        named = [
            other
            for other in detectors.names()
            if re.search(rf"(?<![\w-]){re.escape(other)}(?![\w-])", refused.value.do)
        ]
        assert any(detectors.get(other).serves(task.kind) for other in named)
        return
    values = plug(Units.of(task)).values(evidence)
    assert values.shape == (N_TRAIN,)
    assert np.isfinite(values).all()
    if not (plug.weak or plug.trains or name == "turn-over-dropout"):
        assert auroc(values, wrong(world)) > (0.6 if task.kind == "number" else 0.45)  # many lie between two classes
    for value in (values.min(), np.median(values), values.max(), 0.0):
        sentence = plug(Units.of(task)).reason(float(value), 99.1)
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "nan" not in sentence
        if task.kind == "number":
            assert not OF_CLASSES.search(sentence), sentence


def test_a_search_finds_wrong_targets_first(world, found):
    table = found.detectors
    kind = world.dataset.task.kind
    assert list(found.config["detectors"]) == defaults(kind)
    assert found.config["combined"] == counted(defaults(kind))
    assert auroc(table["suspicion"], np.isin(table["row"], world.flipped)) > (0.8 if kind == "number" else 0.65)
    np.testing.assert_array_equal(table["label"], world.labels.values[table["row"]])
    assert found.headline().endswith((").", "."))
    assert len(found.reasons(int(found.order[0]))) == len(found.config["detectors"]) + 1


def test_a_suggestion_is_a_target_of_the_task(world, found):
    task = world.dataset.task
    first = found.queue(len(world.flipped))
    assert not task.targets.wrong(first["suggested"].to_numpy()).any()
    if task.kind == "class":
        assert found.estimate["low"] <= found.estimate["mid"] <= found.estimate["high"]
        return
    assert found.estimate == {}
    assert found.suspects == found.apart["count"]
    if task.kind == "number":
        assert (first["suggested_low"] < first["suggested"]).all()
        assert (first["suggested"] < first["suggested_high"]).all()
        assert "not estimated" in found.headline()
        assert "mm" in " ".join(found.reasons(int(found.order[0])))


def test_a_detector_of_other_targets_is_refused_before_anything_is_trained(world, tmp_path):
    other = "neighbors" if world.dataset.task.kind != "class" else "residual"
    with pytest.raises(UserError, match=f"{other} is about"):
        flag(world.dataset, world.labels, world.run, replace(CONFIG, detectors=(other,)), tmp_path)
    assert not any(tmp_path.iterdir())
