"""New project: rows first, guesses said, a look around the folders, a ZIP of pictures, a task of one's own."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture
def tickets(tmp_path, monkeypatch):
    """A table in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = pd.DataFrame({"text": [f"word{i} here" for i in range(40)], "team": ["red", "blue"] * 20})
    path = tmp_path / "mine" / "tickets.csv"
    path.parent.mkdir()
    rows.to_csv(path, index=False)
    return path


def test_rows_stand_first_and_guesses_are_said(app, words, tickets):
    test = app("new_project")
    assert not test.error
    test.text_input(key="path").set_value(str(tickets)).run()
    assert not test.error
    assert test.dataframe[0].value.columns.tolist() == ["text", "team"]
    shown = words(test).replace("\\", "")
    assert "team as the label (the only column of few words: 2 in the first 40 rows)" in shown
    assert "text as the text (by its name)" in shown
    assert "in 2 classes" in shown


def test_a_path_is_picked_by_looking_around(app, words, tickets):
    test = app("new_project")
    test.button(key="look-mine").click().run()
    assert "1 table or archive" in words(test)
    test.button(key="file-tickets.csv").click().run()
    assert not test.exception
    assert test.text_input(key="path").value == str(tickets)
    assert "in 2 classes" in words(test)
    test.button(key="look-up").click().run()
    assert test.button(key="look-up").disabled  # the home is as far up as it goes


def test_a_zip_of_pictures_is_unpacked(app, words):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for i in range(40):
            picture = io.BytesIO()
            Image.fromarray(np.full((8, 8), 5 * i, dtype=np.uint8)).save(picture, format="PNG")
            archive.writestr(f"pets/{'cat' if i % 2 else 'dog'}/{i}.png", picture.getvalue())
    test = app("new_project")
    test.get("file_uploader")[0].upload("pets.zip", stream.getvalue(), "application/zip").run()
    assert not test.exception
    assert not test.error
    assert "40 pictures of 8 × 8 pixels, grey, in 2 classes" in words(test)
    assert test.text_input(key="project-name").value == "pets"


def test_a_bad_zip_is_said(app):
    test = app("new_project")
    test.get("file_uploader")[0].upload("pets.zip", b"no zip", "application/zip").run()
    assert not test.exception
    assert any("cannot be unpacked" in error.value for error in test.error)


def test_a_task_of_ones_own_is_asked_about_before_it_runs(app, words, tickets):
    code = tickets.parent / "task.py"
    code.write_text(
        "from attribution.tasks.classification import Classification\n\n\nclass Mine(Classification):\n    pass\n"
    )
    test = app("new_project")
    test.text_input(key="path").set_value(str(tickets)).run()
    test.selectbox(key="task").set_value("own").run()
    assert not test.error
    test.text_input(key="own-task").set_value(f"{code}:Mine").run()
    assert "in 2 classes" not in words(test)
    test.checkbox(key="trust-task").check().run()
    assert not test.exception
    assert "in 2 classes" in words(test)


def test_missing_values_groups_weights_and_annotators_are_fields(app, words, tmp_path):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"x": chance.normal(size=40), "w": 1.0, "patient": np.arange(40) // 4})
    frame.loc[3, "x"] = np.nan
    for name in ("anna", "ben", "cleo"):
        frame[name] = chance.choice(["cat", "dog"], 40)
    frame.to_csv(tmp_path / "pets.csv", index=False)
    test = app("new_project")
    test.text_input(key="path").set_value(str(tmp_path / "pets.csv")).run()
    path = str(tmp_path / "pets.csv")
    test.selectbox(key="missing").set_value("mean")
    test.selectbox(key=f"split_by-{path}").set_value("patient")
    test.selectbox(key=f"weight-{path}").set_value("w")
    test.multiselect(key=f"annotators-{path}").set_value(["anna", "ben", "cleo"]).run()
    assert not test.exception
    assert not test.error
    said = words(test).replace("\\", "")
    assert "whole groups of patient" in said
    assert "3 annotators" in said
