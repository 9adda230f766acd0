"""Pages of a project whose model is there by its predictions alone: what works works, the rest says what to do."""

import numpy as np
import pytest

from attribution import DataConfig, Project


@pytest.fixture
def given(bare_project, tiny_project):
    bare_project.add_predictions(tiny_project.run.probabilities(), tiny_project.run.representation(), folds=True)
    bare_project.prepare()
    return bare_project


@pytest.mark.parametrize("page", ["overview", "review", "map", "leaks", "browse", "influence", "retrain", "compare"])
def test_every_page_opens(app, given, page):
    test = app(page, project=given.name)
    assert not test.error, test.error[0].value


def test_influence_offers_what_needs_no_gradients_and_angles_says_what_to_do(app, words, given):
    said = words(app("influence", project=given.name))
    assert "Similar to the model" in said
    assert "Gradient dot product" not in said
    assert "by its predictions alone" in said
    said = words(app("angles", project=given.name))
    assert "Angles take the model itself" in said
    assert "datablame add-run" in said


def test_numbers_are_explained_by_what_the_model_sees_alone(app, words, tmp_path):
    chance = np.random.default_rng(0)
    x = chance.normal(size=(80, 2))
    y = x[:, 0] * 3 + chance.normal(size=80)
    np.savetxt(tmp_path / "n.csv", np.column_stack([x, y]), delimiter=",", header="a,b,label", comments="")
    project = Project.create("numbers", DataConfig(path=str(tmp_path / "n.csv"), task="regression"))
    project.add_predictions(y + chance.normal(size=80), folds=True)
    project.prepare()
    said = words(app("influence", project="numbers"))
    assert "representer points" in said
    assert "Gradient dot product" not in said
    assert not app("review", project="numbers").error
