"""Every page through ``app.py``, in its empty, bare and ready state."""

import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app.py"
PAGES = sorted(path.stem for path in APP.parent.glob("pages/*.py") if path.stem != "__init__")


@pytest.mark.parametrize("page", PAGES)
def test_without_a_project_the_way_in_is_shown(app, words, page):
    test = app(page)
    shown = words(test)
    assert "Open this sample" in shown
    assert "sample" in shown


@pytest.mark.parametrize("page", PAGES)
def test_a_project_with_data_alone_offers_the_next_action(app, words, bare_project, page):
    test = app(page, project="bare")
    shown = words(test)
    assert not test.error
    if page not in ("shift", "retrain", "history", "new_project"):  # these need no model
        assert "Train and analyse" in shown


@pytest.mark.parametrize("page", PAGES)
def test_a_finished_project_opens_without_an_error(app, words, tiny_project, page):
    test = app(page, project="digits")
    assert not test.error
    assert test.title


def test_overview_says_what_is_wrong_and_what_to_do(app, words, tiny_project):
    shown = words(app(project="digits"))
    for expected in ("Test accuracy", "Probably wrong labels", "Next:", "Commonest mistakes", "240 train"):
        assert expected in shown


def test_an_unknown_project_is_said_in_words(app, words, tiny_project):
    assert "There is no project" in words(app(project="nowhere"))


def test_the_shared_parts_need_no_torch():
    """Importing torch would cost seconds on the first paint."""
    code = "import sys, pages.parts.cards, pages.parts.jobs, attribution.project; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=APP.parent, check=False).returncode == 0


def test_review_says_what_kind_of_sample_a_suspect_is(app, words, tiny_project):
    test = app("review", project="digits")
    row = int(tiny_project.flags().queue(1)["row"].iloc[0])
    found = tiny_project.categories()
    assert f"Why {found.of(row)} rather than" in " ".join(fold.label for fold in test.expander)
    assert "runner-up" in words(test)
    assert not any("How well" in fold.label for fold in test.expander)  # nothing is known of these data


def test_review_filters_by_kind(app, tiny_project):
    test = app("review", project="digits")
    found = tiny_project.categories().table
    hard = found[(found["category"] == "hard") & found["row"].isin(tiny_project.flags().queue(40)["row"])]
    assert len(hard)
    test.selectbox(key="review-kind").set_value("hard").run()
    assert not test.exception
    assert "Why hard" in " ".join(fold.label for fold in test.expander)


def test_the_map_is_coloured_by_kind_and_shows_the_data_map(app, words, tiny_project):
    test = app("map", project="digits", colour="what it probably is", method="training")
    assert not test.error
    assert "Training samples only" in words(test)


def test_shift_offers_the_comparison_and_shows_it(app, words, tiny_project, monkeypatch):
    from attribution import Project
    from attribution.studies.shift.study import ShiftConfig

    asked = []
    monkeypatch.setattr(Project, "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("shift", project="digits")
    test.button(key="empty-Compare them").click().run()
    assert asked == [("shift", ShiftConfig(space="inputs"))]
    tiny_project.compare_splits(ShiftConfig(folds=3))
    shown = words(app("shift", project="digits"))
    assert "A classifier can" in shown
    assert "Most test-like training samples" in shown


def test_review_says_what_is_left_after_ten_decisions_and_measures_the_queue(app, words, tiny_project, monkeypatch):
    from attribution import Project

    asked = []
    monkeypatch.setattr(Project, "submit", lambda self, kind, config=None: asked.append(kind))
    test = app("review", project="digits")
    assert "After ten decisions" in words(test)
    test.button(key="calibrate").click().run()
    assert asked == ["calibration"]
    tiny_project.keep(tiny_project.flags().queue(10)["row"].to_numpy())
    shown = words(app("review", project="digits"))
    assert "are left in all" in shown
    assert "look right to every detector" in shown


def test_the_logo_needs_no_font():
    logo = (APP.parent / "pages" / "parts" / "logo.svg").read_text()
    assert "<text" not in logo
    assert "font" not in logo


def test_loaded_weights_ask_before_a_proof_trains_anew(app, words, tiny_project, digits, tmp_path):
    from attribution import DataConfig, ModelConfig, Project

    files = tuple(str(path) for path, _ in tiny_project.run.checkpoints)
    project = Project.create(
        "theirs", DataConfig(path=str(digits[0])), ModelConfig(name="mlp", width=32, checkpoints=files), {"epochs": 1}
    )
    project.train()
    project.drop([1])
    for page in ("overview", "retrain", "memorization"):
        test = app(page, project="theirs")
        assert "Your weights were trained elsewhere, on the data before your edits" in words(test)
        assert not any(button.key in ("start-retrain", "start-memorize") for button in test.button)
    test = app("retrain", project="theirs")
    test.button(key="retrain-here").click().run()
    assert project.trains_here
    assert test.button(key="start-retrain")
    assert "it is not about them" in words(test)
    assert project.run.loaded


def test_a_hardly_trained_model_is_said_so_and_can_be_trained_longer(app, words, bare_project):
    bare_project.train(bare_project.train_config)
    assert "hardly learned" not in words(app(project="bare"))
    from dataclasses import replace

    bare_project.train(replace(bare_project.train_config, epochs=1, lr=1e-4))
    test = app(project="bare")
    assert "The model has hardly learned" in words(test)
    assert "(38 epochs)" in test.button(key="train-longer").label
    assert not test.exception


def test_the_recipe_of_a_new_project_is_a_form(app, digits):
    from attribution import Project
    from attribution.settings.configs import default_recipe

    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    assert test.number_input(key="recipe-image-epochs").value == default_recipe("image", 240).epochs == 38
    test.number_input(key="recipe-image-epochs").set_value(2)
    test.selectbox(key="recipe-image-optimizer").set_value("adamw").run()
    test.text_input(key="project-name").set_value("formed").run()
    test.button(key="create").click().run()
    made = Project.open("formed").train_config
    assert (made.epochs, made.optimizer, made.lr) == (2, "adamw", 0.05)


def test_review_labels_what_came_without_a_label(app, words, tmp_path):
    import numpy as np
    import pandas as pd

    from attribution import DataConfig, ModelConfig, Project, TrainConfig

    y = np.arange(90) % 3
    names = np.array(["*a*", "b", "c"], dtype=object)[y]
    names[[5, 10]] = ""
    frame = pd.DataFrame(
        {"x": y + np.random.default_rng(0).normal(0, 0.2, 90), "z": np.sin(np.arange(90)), "label": names}
    )
    frame.to_csv(tmp_path / "rows.csv", index=False)
    recipe = TrainConfig(epochs=4, batch_size=8, lr=0.1, checkpoints=2, device="cpu")
    data = DataConfig(path=str(tmp_path / "rows.csv"), unlabelled="keep")
    project = Project.create("waiting", data, ModelConfig(name="logistic"), recipe)
    project.train()
    test = app("review", project="waiting", unlabelled="true")
    assert "No label yet" in words(test)
    assert "2 samples left" in words(test)
    before = len(project.labels.train_rows(project.dataset))
    next(button for button in test.button if button.key.startswith("label-1-")).click().run()
    assert not test.exception
    assert "1 sample left" in words(test)
    assert len(project.labels.train_rows(project.dataset)) == before + 1
    test.button(key="undo").click().run()
    assert "2 samples left" in words(test)
