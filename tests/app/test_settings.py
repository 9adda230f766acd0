"""Whatever a plug-in can be asked for can be set on its page."""

import dataclasses
import json
import shutil

import pytest
from chats_made import finished_project
from streamlit.testing.v1 import AppTest

from attribution.estimators import estimators

WITH = [item for item in estimators.each() if dataclasses.fields(item.Settings)]


@pytest.fixture(scope="session")
def chats(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("chats")).folder


@pytest.mark.parametrize("estimator", WITH, ids=lambda item: item.name)
def test_every_setting_of_an_estimator_is_a_field(app, tiny_project, chats, estimator):
    if not estimator.serves("class"):
        shutil.copytree(chats, tiny_project.folder.parent / "chats", dirs_exist_ok=True)
    named = "digits" if estimator.serves("class") else "chats"
    test = app("influence", project=named, estimator=estimator.name)
    fields = {
        one.key: one for kind in ("number_input", "selectbox", "checkbox", "text_input") for one in getattr(test, kind)
    }
    for item in dataclasses.fields(estimator.Settings):
        field = fields[f"set-{estimator.name}-{item.name}"]
        assert field.value == item.default
        assert field.help == item.metadata["help"]


def test_an_estimator_without_settings_has_no_button_for_them(app, tiny_project):
    test = app("influence", project="digits", estimator="ip")
    assert not [one.key for one in test.number_input if one.key.startswith("set-")]


def test_a_setting_on_the_page_asks_for_an_answer_of_its_own(app, words, press, tiny_project):
    test = app("influence", project="digits", estimator="forward-inf")
    test.number_input(key="set-forward-inf-steps").set_value(2).run()
    assert not test.exception
    assert "with the current model and steps 2." in words(test)
    next(one for one in test.button if one.label.startswith("Score this")).click().run()
    assert not test.exception
    assert [job.config["options"] for job in tiny_project.jobs() if job.kind == "influence"][:1] == [{"steps": 2}]


def numbers_form() -> None:
    import streamlit as st

    from attribution import TrainConfig
    from pages.parts import fields

    st.json(fields.form(TrainConfig(), "recipe"))


def test_settings_of_several_values_are_written_with_commas():
    page = AppTest.from_function(numbers_form, default_timeout=60).run()
    assert not page.exception
    assert json.loads(page.json[0].value) == {}
    page.text_input(key="recipe-betas").set_value("0.8, 0.9").run()
    page.text_input(key="recipe-freeze").set_value("head.*").run()
    assert json.loads(page.json[0].value) == {"betas": [0.8, 0.9], "freeze": ["head.*"]}
    page.text_input(key="recipe-betas").set_value("0.8, fast").run()
    assert "write numbers with commas" in page.warning[0].value


def test_a_part_of_the_weights_is_asked_for_on_the_page_where_gradients_are_compared(app, words, press, tiny_project):
    assert not [
        one for one in app("influence", project="digits", estimator="representation").text_input if one.key == "layers"
    ]
    test = app("influence", project="digits", estimator="ip")
    test.text_input(key="layers").set_value("linear, last").run()
    assert not test.exception
    assert "with the current model and layers last and linear." in words(test)
    next(one for one in test.button if one.label.startswith("Score this")).click().run()
    assert not test.exception
    asked = next(job.config for job in tiny_project.jobs() if job.kind == "influence")
    assert (asked["layers"], asked["options"]) == (["last", "linear"], {})
