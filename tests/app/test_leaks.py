"""The Leaks page: what a verdict writes, that it is remembered and taken back, and the bulk action on duplicates."""

import pytest

from attribution.studies.leaks.study import LeakConfig


@pytest.fixture
def leaky(tiny_project):
    """The digits with four test samples copied into training afterwards (contents and hashes), and one duplicate inside
    training."""
    import numpy as np

    from attribution import Project
    from attribution.datasets.dataset import Dataset
    from attribution.storage.files import read_json, write_json

    data = tiny_project.dataset
    inputs, samples = np.array(data.inputs), data.samples.copy()
    test = data.rows("test")
    for row, source in ((5, test[0]), (6, test[1]), (7, test[2]), (8, test[2]), (30, 31)):
        inputs[row], samples.loc[row, "hash"] = inputs[source], samples.loc[source, "hash"]
        samples.loc[row, "label"] = samples.loc[source, "label"]
    info, config = data.info, tiny_project.run.folder / "config.json"
    made = Dataset.write(tiny_project.folder / "data", info, samples, inputs)
    write_json(config, {**read_json(config), "version": made.base_version().version})
    project = Project.open(tiny_project.folder)
    project.find_leaks(LeakConfig(device="cpu", influence=2))
    return project


def test_without_a_search_the_page_offers_one(app, words, tiny_project, monkeypatch):
    asked = []
    monkeypatch.setattr(type(tiny_project), "submit", lambda self, kind, config=None: asked.append(kind))
    test = app("leaks", project="digits")
    assert "Nobody has looked for leaks yet" in words(test)
    test.button(key="empty-Look for leaks").click().run()
    assert asked == ["leaks"]


def test_verdicts_by_key_write_evidence_move_on_and_are_taken_back(app, words, leaky, press):
    test = app("leaks", project="digits")
    cases = leaky.leaks().cases(leaky.labels.values)
    assert cases["kind"].tolist()[:3] == ["exact"] * 3
    assert "Test accuracy" in words(test)
    press(test, "verdict-leak-")
    assert not test.exception
    edits = leaky.edits()
    assert edits["row"].tolist() == list(cases["rows"][0])
    assert edits["action"].tolist() == ["drop"]
    assert edits["reason"][0].startswith("leak: repeats test-")
    assert edits["evidence"][0]["same content (hash)"] == "1.00 (>= 1.00)"
    ids = leaky.dataset.ids
    assert test.query_params["case"] == f"{ids[cases['row'][1]]}~{ids[cases['other'][1]]}"
    press(test, "verdict-legitimate-")
    press(test, "verdict-test-")
    states = leaky.states()
    assert states["verdict"][cases["other"][1]] == "keep"
    assert states["verdict"][cases["other"][2]] == "drop"
    assert "3 decided" in words(test)
    for _ in range(3):
        test.button(key="undo").click().run()
    assert leaky.labels.active.all()
    assert "0 decided" in words(test)


def test_a_verdict_on_a_case_that_changed_since_it_was_shown_is_dropped(app, words, leaky, press):
    case = leaky.leaks().cases(leaky.labels.values).iloc[0]
    test = app("leaks", project="digits")
    (edit, *_) = leaky.drop(list(case["rows"]))  # someone else, on the other side of the pair
    press(test, "verdict-test-")
    assert any("was changed" in error.value for error in test.error)
    assert leaky.labels.active[list(case["others"])].all(), "the test copy is not dropped on top of the training copy"

    test = app("leaks", project="digits", case=f"{leaky.dataset.ids[case['row']]}~{leaky.dataset.ids[case['other']]}")
    test.session_state["wrote"] = [(str(leaky.folder), edit.id + 1, edit.id + 1)]
    leaky.undo()  # this session's own hand, a moment ago
    press(test, "verdict-test-")
    assert not test.error
    assert "Not taken" in test.toast[0].value
    assert leaky.labels.active.all()


def test_the_heading_is_about_the_two_samples_that_are_shown(app, words, leaky):
    rows = next(one for one in leaky.leaks().cases(leaky.labels.values).itertuples() if len(one.rows) == 2)
    ids, labels = leaky.dataset.ids, leaky.labels.values
    hidden = next(row for row in rows.rows if row != rows.row)
    leaky.relabel([hidden], (int(labels[rows.other]) + 1) % 10)
    shown = words(app("leaks", project="digits", case=f"{ids[rows.row]}~{ids[rows.other]}"))
    assert "The labels of other samples in this case differ." in shown
    assert "The labels differ." not in shown
    assert "Drop from test" in shown


def test_a_group_is_one_case_and_one_verdict(app, leaky, press):
    case = next(one for one in leaky.leaks().cases(leaky.labels.values).itertuples() if len(one.rows) == 2)
    ids = leaky.dataset.ids
    test = app("leaks", project="digits", case=f"{ids[case.row]}~{ids[case.other]}")
    press(test, "verdict-leak-")
    assert sorted(leaky.edits()["row"]) == [7, 8]
    assert leaky.edits()["batch"].nunique() == 1


def test_the_threshold_changes_the_count_at_once(app, words, leaky):
    test = app("leaks", project="digits")
    result = leaky.leaks()
    test.select_slider(key=f"threshold-{result.id}-leak").set_value(0.01).run()
    assert f"**{int(result.counts()[0])} cases** at 0.01" in words(test)


def test_arrows_move_without_deciding(app, leaky):
    test = app("leaks", project="digits")
    test.button(key="forward").click().run()
    second = test.query_params["case"]
    test.button(key="forward").click().run()
    test.button(key="back").click().run()
    assert test.query_params["case"] == second
    assert leaky.edits().empty


def test_one_of_each_duplicate_is_kept_in_one_batch(app, words, leaky, press):
    test = app("leaks", project="digits")
    test.session_state["leak-view"] = "Duplicates in training"
    test.run()
    assert "that are the same or nearly so" in words(test)
    press(test, "keep-one-")
    assert not test.exception
    edits = leaky.edits()
    assert edits["batch"].nunique() == 1
    assert 31 in edits["row"].tolist()
    assert 30 not in edits["row"].tolist()


def test_overview_shows_what_was_found(app, words, leaky):
    shown = words(app(project="digits"))
    for expected in ("Likely leaks", "Duplicates in training", "Test accuracy without leaks"):
        assert expected in shown


def test_all_exact_copies_are_dropped_in_one_batch(app, words, leaky, press):
    test = app("leaks", project="digits")
    press(test, "verdict-legitimate-")
    (key,) = [button.key for button in test.button if button.key.startswith("drop-exact-")]
    before = set(leaky.edits()["id"])
    test.button(key=key).click().run()
    assert not test.exception
    edits = leaky.edits()
    edits = edits[~edits["id"].isin(before)]
    cases = leaky.leaks().cases(leaky.labels.values)
    exact = {int(row) for rows in cases["rows"][cases["kind"] == "exact"] for row in rows}
    assert set(edits["row"]) <= exact
    assert len(edits) >= 2
    assert edits["batch"].nunique() == 1
    assert "keep" in set(leaky.states()["verdict"]), "what was judged stays as judged"
    assert not [button.key for button in test.button if button.key.startswith("drop-exact-")]
