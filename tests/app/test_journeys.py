"""What a user does on the pages, and what then stands in the ledger."""

import hashlib
import json
import shutil
import time

import pandas as pd
import pytest

from attribution import Project
from attribution.settings.configs import ScoreConfig
from attribution.storage import database
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.map.study import MapConfig
from pages.parts import keys


def buttons(test, start):
    """Keys of the buttons whose key begins with ``start``."""
    return [button.key for button in test.button if button.key and button.key.startswith(start)]


def put_job(project, state, kind="flag", **values):
    """A job row in a state, without a process."""
    line = {
        "id": "j1",
        "kind": kind,
        "title": "Look for wrong labels",
        "config": "{}",
        "state": state,
        "created_s": time.time(),
        **values,
    }
    with database.write(project.folder / "project.db") as db:
        db.execute(f"INSERT INTO jobs ({','.join(line)}) VALUES ({','.join('?' * len(line))})", list(line.values()))


def test_a_harmful_sample_is_dropped_with_its_evidence_and_taken_back(app, tiny_project):
    test = app("influence", project="digits")
    key = buttons(test, "drop-hurt")[0]
    test.button(key=key).click().run()
    edit = tiny_project.edits().iloc[0]
    assert edit["action"] == "drop"
    assert edit["evidence"]["estimator"] == "ip"
    assert edit["evidence"]["rank"] == 1
    assert edit["evidence"]["influence"] < 0
    assert edit["evidence"]["query"].startswith("test-")
    test.button(key=buttons(test, "undo-hurt")[0]).click().run()
    assert not test.exception
    assert tiny_project.labels.version == tiny_project.dataset.base_version().version


def test_the_query_is_in_the_address_and_steps_through_the_wrong_ones(app, tiny_project):
    test = app("influence", project="digits")
    test.button(key="next").click().run()
    first = test.query_params["query"]
    test.button(key="next").click().run()
    assert test.query_params["query"] != first
    test.button(key="previous").click().run()
    assert test.query_params["query"] == first
    correct = tiny_project.predictions()["correct"].to_numpy()
    assert not correct[tiny_project.dataset.rows_of([first])[0]]


def test_another_query_begins_at_its_first_page(app, words, tiny_project):
    test = app("influence", project="digits")
    test.button(key="next").click().run()
    row = int(tiny_project.dataset.rows_of([test.query_params["query"]])[0])
    test.session_state[f"page-helped-{keys.digest([row])}"] = 2
    test.run()
    assert ">#7<" in words(test)
    test.button(key="next").click().run()
    assert ">#1<" in words(test)
    assert ">#7<" not in words(test)


def test_search_opens_a_sample_by_id(app, tiny_project):
    test = app("influence", project="digits")
    test.text_input(key="search").set_value("test-00007").run()
    assert test.query_params["query"] == "test-00007"


def test_the_way_back_from_a_training_sample(app, words, tiny_project):
    test = app("influence", project="digits")
    test.button(key=buttons(test, ":material/swap_horiz:-helped")[0]).click().run()
    assert "Which test samples does this training sample affect?" in words(test)
    test.button(key=buttons(test, "ask-")[0]).click().run()
    assert "reverse" not in test.query_params
    assert test.query_params["query"].startswith("test-")


def test_an_estimator_that_was_not_asked_offers_to_be(app, words, tiny_project, monkeypatch):
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("influence", project="digits", query="test-00007", estimator="cosine")
    assert "Not computed for this sample yet" in words(test)
    test.button(key="empty-Score this sample").click().run()
    assert asked == [("influence", ScoreConfig(estimator="cosine", queries="test-00007"))]


@pytest.mark.parametrize(("row", "query"), [(0, '"a,5"'), (1, '"test"'), (2, "plain")])
def test_a_sample_whose_id_holds_a_comma_or_is_a_word_for_a_split_is_asked_about(
    app, tmp_path, monkeypatch, row, query
):
    import pandas as pd

    from attribution import DataConfig, ModelConfig, Project, TrainConfig

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path))
    ids = ["a,5", "test", "plain", *(f"row {i}" for i in range(37))]
    split = ["test"] * 8 + ["train"] * 32
    pd.DataFrame({"key": ids, "x": range(40), "split": split, "label": ["a", "b"] * 20}).to_csv(
        tmp_path / "t.csv", index=False
    )
    data = DataConfig(path=str(tmp_path / "t.csv"), id="key")
    project = Project.create("commas", data, ModelConfig("logistic"), TrainConfig(epochs=2, device="cpu"))
    project.train()
    asked = []
    monkeypatch.setattr(Project, "submit", lambda self, kind, config=None: asked.append(config))
    test = app("influence", project="commas", query=ids[row])
    test.button(key="empty-Score this sample").click().run()
    assert asked[0].queries == query
    assert project.dataset.ids[project.query_rows(asked[0].queries)].tolist() == [ids[row]]


def test_a_selection_can_be_asked_about_as_a_group(app, words, tiny_project):
    token = tiny_project.select(tiny_project.dataset.rows("test")[:5])
    test = app("influence", project="digits", selection=token)
    test.button(key="as-group").click().run()
    assert "A group of 5 samples" in words(test)
    assert "Not computed for this group yet" in words(test)


def test_the_selection_travels_to_the_map_and_is_dropped_as_one_batch(app, words, tiny_project, press):
    token = tiny_project.select([3, 4, 5])
    test = app("map", project="digits", selection=token, method="pca")
    assert "3 samples selected" in words(test)
    press(test, "bulk-drop-")
    edits = tiny_project.edits()
    assert edits["row"].tolist() == [5, 4, 3]
    assert edits["batch"].nunique() == 1
    assert edits["evidence"][0]["selection"] == token
    test.button(key="bulk-undo").click().run()
    assert tiny_project.labels.active.all()


@pytest.mark.parametrize("colour", ["label", "prediction", "loss", "suspicion", "influence on the query", "edits"])
def test_every_colouring_of_the_map(app, tiny_project, colour):
    wrong = tiny_project.predictions().query("not correct").index
    query = tiny_project.dataset.ids[next(row for row in wrong if row in tiny_project.dataset.rows("test"))]
    test = app("map", project="digits", query=query, method="pca")
    test.session_state["colour"] = colour
    test.run()
    assert not test.exception
    assert test.get("bidi_component")


def test_angles_that_are_not_measured_offer_to_be_and_then_show(app, words, tiny_project, monkeypatch):
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("angles", project="digits", query="test-00007")
    assert "are not measured yet" in words(test)
    test.button(key="empty-Measure the angles").click().run()
    assert asked == [("angles", AnglesConfig(queries="test-00007"))]
    tiny_project.angle(AnglesConfig(queries="test-00007", device="cpu", iterations=150))
    test.run()
    assert "Curvature turns the question by" in words(test)
    assert "How to read it" in words(test)
    assert len(test.get("bidi_component")) == 1  # the cloud with its lasso
    # Half-circle, layers, checkpoints; an image has no plane of inputs.
    assert [chart.proto.alt[:11] for chart in test.get("plotly_chart")] == ["Half-circle", "Distributio", "Distributio"]
    assert not test.exception


def test_a_group_stays_the_query_of_angles_when_a_lasso_selects_others(app, words, tiny_project, press):
    test = app("angles", project="digits")
    test.button(key="ask-validation").click().run()
    token = test.query_params["query"].partition(":")[2]
    assert "A group of 60 samples" in words(test)
    tiny_project.angle(AnglesConfig(queries=f"selection:{token}", device="cpu", iterations=10))
    test.run()
    samples = tiny_project.angles(tiny_project.dataset.rows("val")).samples
    inside = samples["row"][samples["cosine"] < 0].tolist()
    test.query_params["selection"] = tiny_project.select(inside)
    test.run()
    assert f"{len(inside)} samples selected" in words(test)
    assert "A group of 60 samples" in words(test)
    press(test, "bulk-drop-")
    assert tiny_project.edits()["row"].tolist() == inside[::-1]
    assert set(tiny_project.edits()["reason"]) == {"selected on Angles"}
    assert "Labels have changed since this was measured" in words(test)


@pytest.mark.parametrize("tint", ["label", "suspicion", "edits"])
def test_every_colouring_of_angles(app, tiny_project, tint):
    tiny_project.angle(AnglesConfig(queries="test-00007", device="cpu", iterations=5))
    test = app("angles", project="digits", query="test-00007")
    test.session_state["tint"] = tint
    test.run()
    assert not test.exception


def test_a_selection_can_be_reviewed_alone(app, words, tiny_project):
    queue = tiny_project.flags().queue()
    chosen = [int(row) for row in queue["row"][3:6]]
    test = app("map", project="digits", selection=tiny_project.select(chosen), method="pca")
    test.button(key="to-review").click().run()
    assert "0 of 3" in "".join(str(bar.proto.text) for bar in test.get("progress"))


def test_a_map_that_is_not_drawn_offers_to_be(app, words, tiny_project, monkeypatch):
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("map", project="digits", method="umap")
    assert "not drawn yet" in words(test)
    test.button(key="empty-Draw the map").click().run()
    assert asked == [("map", MapConfig(space="representation", method="umap"))]


def test_review_by_keys_moves_on_writes_evidence_and_undoes(app, tiny_project, press):
    test = app("review", project="digits")
    queue = tiny_project.flags().queue()
    first, second = (tiny_project.dataset.ids[row] for row in queue["row"][:2])
    press(test, "keep-")
    assert test.query_params["item"] == second
    suggested = int(queue["suggested"][1])
    press(test, f"label-{suggested}-")
    edits = tiny_project.edits()
    assert edits["action"].tolist() == ["relabel", "keep"]
    assert edits["sample"].tolist() == [second, first]
    assert edits["evidence"][0]["position"] == 2
    press(test, "drop-")
    test.button(key="undo").click().run()
    assert len(tiny_project.states().query("verdict != ''")) == 2
    assert test.query_params["item"] == tiny_project.dataset.ids[queue["row"][2]]


def test_arrows_move_without_deciding(app, tiny_project):
    test = app("review", project="digits")
    ids = tiny_project.dataset.ids[tiny_project.flags().queue()["row"][:2]]
    test.button(key="forward").click().run()
    assert test.query_params["item"] == ids[1]
    test.button(key="back").click().run()
    assert test.query_params["item"] == ids[0]
    assert tiny_project.edits().empty


def test_a_sample_changed_elsewhere_is_not_overwritten(app, words, tiny_project, press):
    test = app("review", project="digits")
    row = int(tiny_project.flags().queue()["row"][0])
    tiny_project.drop([row], reason="someone else")
    press(test, "keep-")
    assert any("was changed" in error.value for error in test.error)
    assert tiny_project.edits()["action"].tolist() == ["drop"]


def test_a_key_that_came_early_is_dropped_with_a_hint(app, tiny_project, press):
    test = app("review", project="digits")
    row = int(tiny_project.flags().queue()["row"][0])
    (edit,) = tiny_project.drop([row])  # what the first of two fast keys did, after the page was drawn
    test.session_state["wrote"] = [(str(tiny_project.folder), edit.id, edit.id)]
    shown = test.query_params.get("item")
    press(test, "keep-")
    assert not test.error
    assert "Not taken" in test.toast[0].value
    assert tiny_project.edits()["action"].tolist() == ["drop"]
    assert test.query_params.get("item") == shown, "and the page stays where it is"


def test_what_is_chosen_in_one_project_is_not_chosen_in_another(app, tiny_project, press):
    test = app("review", project="digits")
    test.session_state["view"] = "Grid"
    test.run()
    press(test, "toggle-")
    other = tiny_project.folder.parent / "digits-again"
    shutil.copytree(tiny_project.folder, other)
    test.query_params["project"] = "digits-again"
    test.run()
    assert (
        next(button for button in test.button if button.key.startswith("bulk-suggested-")).label
        == "Take the suggestion (0)"
    )


def test_grid_takes_the_suggestions_of_the_chosen_ones(app, tiny_project, press):
    test = app("review", project="digits")
    test.session_state["view"] = "Grid"
    test.run()
    flags = tiny_project.flags()
    rows = {int(flags.entry(int(key.removeprefix("toggle-")))["suggested"]): key for key in buttons(test, "toggle-")}
    assert len(rows) >= 2, "of different classes"
    for key in list(rows.values())[:3]:
        test.button(key=key).click().run()
    press(test, "bulk-suggested-")
    assert not test.exception
    edits = tiny_project.edits()
    assert len(edits) == len(list(rows)[:3])
    assert all(tiny_project.labels.values[row] == int(flags.entry(row)["suggested"]) for row in edits["row"])
    assert edits["batch"].nunique() == 1, "one action is one batch"
    (bar,) = buttons(test, "undo-batch-")
    test.button(key=bar).click().run()
    assert tiny_project.labels.version == tiny_project.dataset.base_version().version, (
        "and one undo, in the bar that says what was done"
    )


def by_line(test):
    """Show the ledger line by line."""
    test.session_state["by"] = "Line by line"
    test.run()


def tick(test, lines, place):
    """Tick one of these lines of the History table."""
    test.session_state[f"ledger-table-{keys.digest(lines)}"] = {
        "selection": {"rows": [place], "columns": [], "cells": []}
    }
    test.run()


def test_history_takes_back_what_was_ticked_and_nothing_more(app, words, tiny_project, press):
    for row in (1, 2, 3):
        tiny_project.drop([row])
    lines = tiny_project.edits()["id"].tolist()
    test = app("history", project="digits")
    by_line(test)
    tick(test, lines, 0)
    assert "Take back 1 decision" in words(test)
    press(test, "revert-")
    assert tiny_project.labels.active[:4].tolist() == [True, False, False, True]
    assert "Take back 0 decisions" in words(test), "the next line is not ticked by itself"
    assert next(button for button in test.button if button.key.startswith("revert-")).disabled


def test_history_takes_back_a_batch(app, words, tiny_project, press):
    tiny_project.drop([1, 2], reason="seen twice")
    test = app("history", project="digits")
    assert "2 edits" in words(test)
    by_line(test)
    tick(test, tiny_project.edits()["id"].tolist(), 0)
    press(test, "revert-batch-")
    assert tiny_project.labels.active.all()
    assert tiny_project.edits()["reverted"].sum() == 2


def test_history_is_told_by_action_and_takes_back_what_is_left_of_one(app, words, tiny_project, press):
    tiny_project.drop([1, 2, 3], reason="selected on the map")
    tiny_project.revert([1])
    tiny_project.tag([5], "to ask")
    test = app("history", project="digits")
    said = words(test).replace("\\", "")
    assert "3 samples: dropped from training" in said
    assert "1 of 3 taken back" in said
    assert "selected on the map" in said
    assert "tag: to ask" in said
    press(test, "batch-1-")
    assert tiny_project.labels.active.all()
    assert "[taken back]" in words(test)
    test.session_state["kinds"] = ["mark"]
    test.run()
    assert "dropped from training" not in words(test)
    assert "to ask" in words(test)


def test_a_batch_opens_to_its_lines(app, tiny_project, press):
    tiny_project.drop([1, 2])
    test = app("history", project="digits")
    assert not test.dataframe or all("sample" not in table.value.columns for table in test.dataframe)
    test.session_state["fold-batch-1"] = True
    test.run()
    assert any(list(table.value.get("sample", [])) == ["train-00002", "train-00001"] for table in test.dataframe)


def test_undo_leaves_what_another_window_decided_after_this_page_was_drawn(app, tiny_project):
    test = app("history")
    tiny_project.keep([3])  # another window of the same user
    test.button(key="undo").click().run()
    assert "another one by now" in " ".join(error.value for error in test.error)
    assert tiny_project.edits()["action"].tolist() == ["keep"]
    test.button(key="undo").click().run()
    assert tiny_project.edits()["action"].tolist() == ["undo", "keep"]


def test_undo_and_redo_on_history(app, tiny_project):
    tiny_project.drop([1])
    test = app("history", project="digits")
    test.button(key="undo").click().run()
    assert tiny_project.labels.active.all()
    test.button(key="redo").click().run()
    assert not tiny_project.labels.active[1]


def test_retrain_says_what_will_change_and_starts_a_job(app, words, tiny_project, monkeypatch):
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    tiny_project.drop([1, 2])
    test = app("retrain", project="digits")
    assert "2 samples changed: 2 dropped" in words(test)
    test.number_input(key="seeds").set_value(4).run()
    test.button(key="start-retrain").click().run()
    assert [(kind, config.seeds) for kind, config in asked] == [("retrain", (0, 1, 2, 3))]


def test_retrain_shows_the_proof(app, words, tiny_project):
    from attribution import RetrainConfig

    flags = tiny_project.flags().queue(12)
    for row, label in zip(flags["row"], flags["suggested"], strict=True):
        tiny_project.relabel([int(row)], int(label))
    found = tiny_project.retrain(RetrainConfig(bootstrap=200, device="cpu"))
    shown = words(app("retrain", project="digits"))
    assert found.verdict.split(":")[0][:20] in shown
    for expected in ("Class by class", "Predictions that changed", "rank correlation"):
        assert expected in shown


def test_a_preview_is_asked_for_and_shown_beside_the_real_thing(app, words, tiny_project, monkeypatch):
    from attribution import PreviewConfig, RetrainConfig

    assert "Preview without retraining" not in words(app("retrain", project="digits"))
    flags = tiny_project.flags().queue(12)
    for row, label in zip(flags["row"], flags["suggested"], strict=True):
        tiny_project.relabel([int(row)], int(label))
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("retrain", project="digits")
    test.selectbox(key="preview-variant").set_value("fif").run()
    test.button(key="start-preview").click().run()
    assert asked == [("preview", PreviewConfig(variant="fif"))]
    tiny_project.preview(PreviewConfig(bootstrap=100, device="cpu", steps=2))
    shown = words(app("retrain", project="digits"))
    assert "read the order, not the size" in shown
    assert "Which of your edits matter most" in shown
    assert "would fall" not in shown
    assert "would rise" not in shown
    assert "of the parameters could move" in shown
    assert "the real figures appear beside" in shown
    tiny_project.retrain(RetrainConfig(bootstrap=100, device="cpu"))
    shown = words(app("retrain", project="digits"))
    assert "Beside real retraining" in shown
    assert "which test samples gain" in shown


def test_a_failed_preview_says_why(app, words, tiny_project):
    tiny_project.drop([0])
    put_job(
        tiny_project,
        "failed",
        kind="preview",
        finished_s=time.time(),
        error='{"what": "The curvature is zero.", "why": "So.", "do": "Look."}',
    )
    assert any("The curvature is zero" in error.value for error in app("retrain", project="digits").error)


def test_a_running_job_shows_progress_and_can_be_stopped(app, words, tiny_project, monkeypatch):
    monkeypatch.setattr("attribution.jobs.board._alive", lambda row: True)
    put_job(
        tiny_project,
        "running",
        started_s=time.time() - 10,
        heartbeat_s=time.time(),
        fraction=0.5,
        message="fold 2 of 5",
    )
    test = app("review", project="digits")
    assert any("fold 2 of 5" in bar.text and "50" in bar.text for bar in test.progress)
    test.button(key="stop-review-j1").click().run()
    assert not test.exception


def test_a_failed_job_says_why_and_can_be_tried_again(app, words, tiny_project, monkeypatch):
    put_job(
        tiny_project,
        "failed",
        finished_s=time.time(),
        error='{"what": "The loss is not finite.", "why": "It grew.", "do": "Lower it."}',
    )
    (tiny_project.folder / "jobs").mkdir(exist_ok=True)
    (tiny_project.folder / "jobs" / "j1.log").write_text("last words")
    resumed = []
    monkeypatch.setattr(type(tiny_project), "resume", lambda self, job: resumed.append(job))
    test = app("review", project="digits")
    assert any("The loss is not finite" in error.value for error in test.error)
    assert any("last words" in code.value for code in test.code)
    test.button(key="resume-review-j1").click().run()
    assert resumed == ["j1"]


def test_new_project_shows_the_data_back_before_anything_is_made(app, words, digits):
    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    shown = words(test)
    assert "420 pictures of 8 × 8 pixels, grey, in 10 classes" in shown
    assert not test.button(key="create").disabled


def test_new_project_is_not_red_before_a_label_is_chosen(app, words, tmp_path):
    rows = pd.DataFrame({"a": ["x", "y"] * 20, "b": ["u", "v", "w", "w"] * 10, "c": range(40)})
    rows.to_csv(tmp_path / "tickets.csv", index=False)
    test = app("new_project")
    test.text_input(key="path").set_value(str(tmp_path / "tickets.csv")).run()
    assert not test.error
    assert "Which column holds the label?" in words(test)
    assert test.dataframe[0].value.columns.tolist() == ["a", "b", "c"]
    test.selectbox(key=f"label-{tmp_path / 'tickets.csv'}").set_value("b").run()
    assert not test.error
    assert "40 rows with 3 model inputs, in 3 classes" in words(test)
    test.multiselect(key=f"left-out-{tmp_path / 'tickets.csv'}").set_value(["a"]).run()
    assert "40 rows with 1 model input, in 3 classes" in words(test)


def test_new_project_shows_the_file_that_was_uploaded_last(app, words):
    test = app("new_project")
    for names, classes in ((["cat", "dog"] * 20, 2), (["cow"] * 10 + ["cat", "dog"] * 15, 3)):  # the same name and size
        lines = "".join(f"{10 + 7 * i % 80},{name}\n" for i, name in enumerate(names))
        test.get("file_uploader")[0].upload("pets.csv", f"x1,label\n{lines}".encode(), "text/csv").run()
        assert f"in {classes} classes" in words(test)


def test_new_project_names_what_is_wrong_with_a_path(app, tmp_path):
    test = app("new_project")
    test.text_input(key="path").set_value(str(tmp_path / "nowhere.csv")).run()
    assert any("does not exist" in error.value for error in test.error)


def test_new_project_does_not_run_code_that_is_not_trusted(app, tmp_path, digits):
    code = tmp_path / "net.py"
    code.write_text("raise SystemExit('was run')")
    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    test.selectbox(key="network").set_value("own").run()
    test.text_input(key="own-model").set_value(f"{code}:make").run()
    assert hashlib.sha256(code.read_bytes()).hexdigest() in test.code[0].value
    test.button(key="create").click().run()
    assert any("can do anything on this machine" in error.value for error in test.error)


def test_a_yes_is_about_the_file_that_was_shown(app, tmp_path, digits):
    code = tmp_path / "net.py"
    code.write_text("raise SystemExit('was run')")
    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    test.selectbox(key="network").set_value("own").run()
    test.text_input(key="own-model").set_value(f"{code}:make").run()
    test.checkbox(key="trust").check().run()
    code.write_text("raise SystemExit('was run')  # and more")
    test.run()
    assert not test.checkbox(key="trust").value
    assert hashlib.sha256(code.read_bytes()).hexdigest() in test.code[0].value


def test_a_project_from_elsewhere_asks_before_its_code_runs(app, words, tiny_project, tmp_path):
    """Every page says so until the user has read it, again after a change, and never runs it by itself."""
    code = tmp_path / "net.py"
    code.write_text("raise SystemExit('was run')")
    path = tiny_project.folder / "project.json"
    settings = json.loads(path.read_text())
    settings["model"]["name"] = f"{code}:build"
    settings["trusted_code"] = {"path": str(code), "hash": hashlib.sha256(code.read_bytes()).hexdigest()[:16]}
    path.write_text(json.dumps(settings))
    test = app("history", project="digits")
    assert "code that you have not trusted" in words(test)
    assert f"{code}  SHA-256 {hashlib.sha256(code.read_bytes()).hexdigest()}" in test.code[0].value
    test.button(key="trust-code").click().run()
    assert not [button for button in test.button if button.key == "trust-code"]
    assert Project.open("digits").trusted
    code.write_text("raise SystemExit('was run again')")
    test.run()
    assert "changed since you trusted it" in words(test)
    assert "net.py changed: SHA-256" in test.code[0].value
    assert not Project.open("digits").trusted


def test_retraining_leaves_the_model_in_use_until_the_user_takes_the_new_one(app, words, tiny_project):
    from attribution import RetrainConfig

    before = tiny_project.run.id
    tiny_project.drop(list(range(20)))
    found = tiny_project.retrain(RetrainConfig(bootstrap=200, device="cpu"))
    assert tiny_project.run.id == before
    test = app("retrain", project="digits")
    assert "Corrected data" in [button.label for button in test.get("download_button")]  # one click from the verdict
    test.button(key="use-model").click().run()
    assert tiny_project.run.id == found.after_runs[0]
    assert "The retrained model is the one in use" in words(test)


def test_fairness_search_is_answered_and_the_suggested_samples_are_dropped(app, words, tmp_path, monkeypatch, press):
    from biased import make_project

    from attribution.studies.fairness.study import RemedyConfig

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path))
    project = make_project(tmp_path)
    test = app("fairness", project="biased")
    assert "Nobody has looked yet" in words(test)
    assert "in group a" in words(test)
    found = project.remedy(RemedyConfig(budgets=(5.0, 40.0), seeds=(0, 1, 2), bootstrap=50, device="cpu"))
    test = app("fairness", project="biased")
    assert not test.error
    shown = words(test)
    assert "Without the 12 most harmful samples" in shown
    assert "Drop the suggested 12 samples" in shown
    press(test, "drop-suggested-")
    assert not test.exception
    assert (~project.labels.active).sum() == 12 == found.count(found.suggested)
    assert project.edits()["batch"].nunique() == 1
    assert "These samples are dropped" in words(test)
    assert "Labels have changed" in words(test)


def test_without_groups_only_robustness_is_offered(app, words, tmp_path, monkeypatch):
    from biased import make_project

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path))
    make_project(tmp_path, with_group=False)
    test = app("fairness", project="biased")
    assert "Only robustness is offered" in words(test)
    assert not test.error


def test_what_a_score_would_take_is_asked_shown_and_kept_apart_from_scoring(app, words, tiny_project, monkeypatch):
    from attribution.storage.files import write_json
    from attribution.studies.costs.model import Cost
    from attribution.studies.costs.result import figures
    from attribution.studies.costs.study import InfluenceCost

    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("influence", project="digits", query="test-00007", estimator="cosine")
    test.button(key="forecast-one").click().run()
    config = ScoreConfig(estimator="cosine", queries="test-00007")
    assert asked == [("influence-cost", config)]
    project = tiny_project
    assert project.studies.influence.told(config) is None
    key = InfluenceCost().request(project.context(), config).key
    ways = [
        {
            "what": "Gradient dot product",
            "change": {"estimator": "ip"},
            "seconds_s": 9.0,
            "low_s": 8.0,
            "high_s": 10.0,
            "peak_bytes": 1,
        }
    ]
    told = figures(Cost(120.0, 100.0, 150.0, 400_000_000), 3.0, ways)
    write_json(project.folder / "forecasts" / key / "config.json", {"kind": "score", "run": project.run.id, **told})
    test = app("influence", project="digits", query="test-00007", estimator="cosine")
    said = words(test).replace("\N{NO-BREAK SPACE}", " ")
    assert "About 2 min (1 min 40 s to 2 min 30 s), 400 MB of memory." in said
    assert "Cheaper: Gradient dot product, about 9.0 s" in said
    test.button(key="cheaper-one-0").click().run()
    assert test.query_params["estimator"] == "ip"


def test_a_job_that_does_not_answer_is_said_in_the_strip_and_can_be_ended(app, tiny_project, monkeypatch):
    from attribution.jobs.heart import Beat

    monkeypatch.setattr("attribution.jobs.board._alive", lambda row: True)
    monkeypatch.setattr("attribution.jobs.heart.read", lambda path: Beat(200.0, 200.0, 300.0))
    ended = []
    monkeypatch.setattr("attribution.jobs.board.JobBoard.kill", lambda board, job_id, grace_s: ended.append(job_id))
    put_job(
        tiny_project,
        "running",
        started_s=time.time() - 300,
        heartbeat_s=time.time(),
        fraction=0.5,
        message="fold 2 of 5",
    )
    test = app("overview", project="digits")
    assert any("not answering for 200 s" in bar.proto.text for bar in test.get("progress"))
    test.button(key="end-strip-j1").click().run()
    assert ended == ["j1"]


def test_after_a_retraining_the_sidebar_offers_its_model(app, words, tiny_project, monkeypatch):
    from pages.parts.context import Sight

    used = []
    tiny_project.drop([1, 2])
    shown = words(app(project="digits"))
    assert "**2 edits** not yet in the model" in shown
    monkeypatch.setattr(Sight, "retrained", "abc")
    monkeypatch.setattr(type(tiny_project), "use_run", lambda self, run_id: used.append(run_id))
    test = app(project="digits")
    assert "**2 edits** in the retrained model" in words(test)
    assert "not yet in the model" not in words(test)
    test.button(key="use-retrained").click().run()
    assert used == ["abc"]


def test_a_retraining_that_has_all_edits_is_known_by_its_version(tiny_project, monkeypatch):
    from types import SimpleNamespace

    from pages.parts.context import Sight

    tiny_project.drop([1])
    made = SimpleNamespace(
        config={"after_version": tiny_project.labels.version}, seeds=[0, 1], after_runs=["first", "second"]
    )
    monkeypatch.setattr(type(tiny_project), "comparisons", lambda self: [made])
    assert Sight(tiny_project).retrained == "first"
    tiny_project.drop([2])
    assert Sight(tiny_project).retrained == ""
