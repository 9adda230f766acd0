"""Retrain, preview and fairness with every task: they answer by its figures, or refuse in words that name what does."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_world import TASKS, World, build_task

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.studies import studies
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.retrain.result import RetrainResult
from attribution.studies.retrain.study import RetrainConfig


@pytest.fixture(scope="module", params=list(TASKS))
def world(request, tmp_path_factory) -> World:
    return build_task(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def context(world):
    """The world, with its planted errors mended and one sample dropped."""
    active = np.ones(len(world.dataset), dtype=bool)
    active[world.dataset.rows("train")[-1]] = False
    mended = Labels.of(world.dataset, world.dataset.labels, active)
    found = world.context(world.run.folder.parent.parent, before=world.labels)
    return replace(found, labels=mended)


@pytest.fixture(scope="module")
def retrained(context) -> RetrainResult:
    return studies.get("retrain")().make(context, RetrainConfig(bootstrap=200, device="cpu"))


def test_a_proof_compares_the_figures_of_its_task(world, retrained):
    task = world.dataset.task
    assert list(retrained.changes) == [figure.name for figure in task.figures]
    assert retrained.verdict.startswith(("Test ", "No change in test "))
    assert retrained.main.reading.title in retrained.verdict
    assert retrained.n_relabelled == len(world.flipped)
    assert retrained.n_dropped == 1
    for change in retrained.changes.values():
        assert change.difference.low <= change.difference.estimate <= change.difference.high
        assert np.isfinite([change.difference.low, change.difference.high]).all()
    table = retrained.by_target()
    assert len(table)
    assert np.isfinite(table[["before", "after", "difference"]]).all().all()


def test_figures_are_those_of_the_models(world, retrained, context):
    """Worked out again from what each run kept."""
    task, rows = world.dataset.task, world.dataset.rows("test")
    values = context.labels.values[rows]
    runs = {run.id: run for run in type(world.run).all(context.folder / "runs")}
    for figure in task.figures:
        for place, name in enumerate(retrained.after_runs):
            said = task.said_kept(runs[name].outputs()[rows], values)
            exact = figure.value(figure.terms(said, values).mean(axis=-1))
            assert retrained.changes[figure.name].after[place] == pytest.approx(float(exact))


def test_only_right_or_wrong_predictions_flip(world, retrained):
    if world.dataset.task.kind == "number":
        assert retrained.n_fixed is None
        assert retrained.n_broken is None
        assert retrained.flips().empty
    else:
        assert retrained.n_fixed + retrained.n_broken == len(retrained.flips())
    assert retrained.prediction["unit"] == retrained.loss.reading.unit
    assert np.isfinite(retrained.predicted()["predicted"]).all()


def test_a_preview_answers_by_the_same_figures(world, context, retrained):
    found = studies.get("preview")().make(context, PreviewConfig(bootstrap=100, device="cpu", steps=2))
    assert list(found.changes) == list(retrained.changes)
    assert found.claim.startswith("Preview: ")
    assert len(found.acted()) == len(world.flipped) + 1
    assert found.record is not None


def test_fairness_is_about_classes_and_says_what_is_there_for_others(world, context):
    config = RemedyConfig(measure="loss", budgets=(10.0,), seeds=(0, 1, 2), bootstrap=50, device="cpu")
    if world.dataset.task.kind == "class":
        assert "accuracy" in studies.get("fairness")().make(context, config).verdict
    else:
        with pytest.raises(UserError, match="which class a model decides for") as refused:
            studies.get("fairness")().make(context, config)
        assert "retrain" in refused.value.do
