"""Influence in plain words: what happened, where each side pulls, the contrast, two estimators, a label in doubt."""

import shutil

import numpy as np
import pytest

from attribution.settings.configs import ScoreConfig


@pytest.fixture(scope="module")
def measured(built, tmp_path_factory):
    """The small project with a test label set wrong for sure, and asked with two estimators and of the contrast."""
    from attribution import Project

    folder = tmp_path_factory.mktemp("measured") / "digits"
    shutil.copytree(built, folder)
    project = Project.open(folder)
    row = wrong_of(project)[0]
    query = str(project.dataset.ids[row])
    project.score(ScoreConfig(estimator="cosine", queries=query, device="cpu"))
    project.score(ScoreConfig(measure="contrast", queries=query, device="cpu"))
    return folder


@pytest.fixture
def project(measured, tmp_path, monkeypatch):
    from attribution import Project

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    shutil.copytree(measured, tmp_path / "home" / "digits")
    return Project.open("digits")


def wrong_of(project) -> np.ndarray:
    """Wrong test predictions, the surest first."""
    said = project.predictions().loc[project.dataset.rows("test")]
    return said[~said["correct"]].sort_values("confidence", ascending=False, kind="stable").index.to_numpy()


def right_of(project) -> int:
    said = project.predictions().loc[project.dataset.rows("test")]
    return int(said.index[said["correct"]][0])


def test_the_first_sentence_and_the_columns_say_what_happened(app, words, project):
    seen = project.predictions().loc[wrong_of(project)[0]]
    said, label = (project.classes[int(seen[key])] for key in ("prediction", "label"))
    text = words(app("influence", project="digits"))
    assert f"The model says {said}" in text
    assert "These training pictures taught it that." in text
    assert f"Pull towards {said} (what the model says)" in text
    assert f"Pull towards {label} (its label)" in text
    assert text.index("what the model says)") < text.index("(its label)")
    assert "Helped" not in text


def test_a_right_prediction_has_its_own_columns(app, words, project):
    row = right_of(project)
    label = project.classes[int(project.labels.values[row])]
    text = words(app("influence", project="digits", query=str(project.dataset.ids[row])))
    assert f"The model is right\\: {label}" in text
    assert f"Pull towards {label} (its label, and what the model says)" in text
    assert f"Pull away from {label}" in text


def test_the_contrast_is_another_answer_under_its_own_columns(app, words, project):
    row = wrong_of(project)[0]
    query = str(project.dataset.ids[row])
    loss = project.influence([row], "ip", 6)
    contrast = project.influence([row], "ip", 6, measure="contrast")
    assert (loss.measure, contrast.measure) == ("loss", "contrast")
    test = app("influence", project="digits", query=query)
    test.segmented_control(key="asked").set_value("contrast").run()
    assert not test.exception
    assert test.query_params["asked"] == "contrast"
    assert "tips the balance between the two" in words(test)
    other = str(project.dataset.ids[wrong_of(project)[1]])
    text = words(app("influence", project="digits", query=other, asked="contrast"))
    assert "of what the model says against the label with the current model" in text


def test_the_contrast_is_asked_for_as_such(app, project, press, monkeypatch):
    asked = []
    monkeypatch.setattr(type(project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    query = str(project.dataset.ids[wrong_of(project)[1]])
    test = app("influence", project="digits", query=query, asked="contrast", estimator="tracin")
    press(test, "empty-Score this sample")
    assert asked == [("influence", ScoreConfig(estimator="tracin", queries=query, measure="contrast"))]


def test_an_estimator_that_knows_losses_alone_refuses_the_contrast_in_words(app, words, project, press):
    query = str(project.dataset.ids[wrong_of(project)[0]])
    test = app("influence", project="digits", query=query, asked="contrast", estimator="trak")
    assert "TRAK cannot be asked of that" in words(test)
    press(test, "empty-Ask about the label instead")
    assert "asked" not in test.query_params
    assert "Not computed for this sample yet" in words(test)


def test_two_estimators_stand_side_by_side(app, words, project):
    query = str(project.dataset.ids[wrong_of(project)[0]])
    test = app("influence", project="digits", query=query, beside="cosine")
    text = words(test)
    assert "Only Gradient dot product" in text
    assert "Only Gradient cosine" in text
    assert "Both name" in text
    assert "Against the whole training set" not in text
    test = app("influence", project="digits", query=query, beside="tracin")
    assert "TracIn over checkpoints has not been asked about this sample" in words(test)


def test_the_list_of_estimators_says_what_is_computed_and_measured(app, words, project):
    query = str(project.dataset.ids[wrong_of(project)[0]])
    test = app("influence", project="digits", query=query)
    labels = {button.key: button.label for button in test.button if str(button.key).startswith("more-")}
    assert "computed" in labels["more-cosine"]
    assert "computed" not in labels["more-ekfac"]
    assert "How far to trust them is not measured here" in words(test)
    test.button(key="more-cosine").click().run()
    assert test.query_params["estimator"] == "cosine"
    assert "Method: Gradient cosine" in [one.proto.popover.label for one in test.get("popover")]


def doubted(project) -> list[int]:
    """Wrong test predictions that the nearest samples agree with, by either likeness, counted here by hand."""
    values, seen = project.labels.values, project.predictions()

    def agree(row: int, way: str) -> bool:
        near = project.alike(row, 10, way, "train")["row"].to_numpy()
        return (values[near] == seen["prediction"][row]).sum() >= 6

    return [int(row) for row in wrong_of(project) if agree(row, "model") and agree(row, "content")]


def test_a_label_that_model_and_neighbours_deny_is_asked_about_and_set_right(app, words, project, press):
    rows = doubted(project)
    assert rows
    query = str(project.dataset.ids[rows[0]])
    test = app("influence", project="digits", query=query)
    assert "Is the test label wrong?" in words(test)
    assert "training samples nearest by content alone" in words(test)
    press(test, "doubt-relabel-")
    edit = project.edits().iloc[0]
    assert (edit["action"], edit["row"]) == ("relabel", rows[0])
    assert project.labels.values[rows[0]] == project.predictions()["prediction"][rows[0]]
    assert "Is the test label wrong?" not in words(test)


def test_a_label_that_is_not_in_doubt_is_not_asked_about(app, words, project):
    rest = [row for row in wrong_of(project) if int(row) not in doubted(project)]
    for row in (right_of(project), *rest[:1]):
        assert "label wrong?" not in words(app("influence", project="digits", query=str(project.dataset.ids[row])))


def test_a_sample_without_a_label_is_not_asked_about(app, words, project):
    from attribution.errors import UserError

    row = right_of(project)
    values = project.labels.values.copy()
    values[row] = -1
    assert project.dataset.task.targets.bare(values)[row]
    with pytest.raises(UserError, match="has no label"):
        unlabelled(project, row)


def unlabelled(project, row: int) -> None:
    """Ask about a sample whose label is not there."""
    from dataclasses import replace

    from attribution.datasets.dataset import Labels
    from attribution.studies.influence.run import request

    values = project.labels.values.copy()
    active = project.labels.active.copy()
    values[row], active[row] = -1, False
    context = project.context()
    labels = Labels.of(project.dataset, values, active)
    request(replace(context, labels=labels), ScoreConfig(queries=str(project.dataset.ids[row]), device="cpu"))


def test_a_filter_from_browse_narrows_cards_and_queries(app, words, project):
    label = project.classes[int(project.labels.values[wrong_of(project)[0]])]
    query = str(project.dataset.ids[wrong_of(project)[0]])
    rows = project.find(f"label:{label} split:train")
    view = project.influence([wrong_of(project)[0]], "ip", 24, within=rows)
    whole = project.influence([wrong_of(project)[0]], "ip", 24)
    assert set(view.helpful["row"]) <= set(rows)
    assert len(view.helpful) >= len(set(whole.helpful["row"]) & set(rows))
    both = view.helpful.merge(whole.helpful, on="row", suffixes=("", " of all"))
    assert len(both)
    assert (both["rank"] == both["rank of all"]).all()
    np.testing.assert_allclose(both["influence"], both["influence of all"], rtol=1e-6)
    text = words(app("influence", project="digits", query=query, find=f"label:{label} split:train"))
    assert "Edit in Browse" in text or "found-clear" in text or "Clear" in text
    for column in (view.helpful, view.harmful):
        assert all(str(one) in text for one in column["id"].head(3))


def test_a_filter_that_means_queries_is_stepped_through(app, project):
    rows = project.find("split:test right:yes")
    test = app("influence", project="digits", find="split:test right:yes")
    test.button(key="next").click().run()
    assert project.dataset.row_of(test.query_params["query"]) in rows


def test_what_compare_recommends_is_on_where_it_was_asked_and_offered_where_not(app, words, project, monkeypatch):
    from types import SimpleNamespace

    import pandas as pd

    fidelity = pd.DataFrame(
        {"estimator": ["cosine"], "measure": ["loss"], "lds": [0.45], "low": [0.41], "high": [0.49]}
    )
    summary = {"explain": "cosine", "no_better_than_random": ["ip"]}
    bench = SimpleNamespace(run=project.run.id, folder=project.folder, fidelity=fidelity, summary=summary)
    monkeypatch.setattr(type(project), "benches", lambda self, unfinished=False: [bench])
    first, second = (str(project.dataset.ids[row]) for row in wrong_of(project)[:2])
    test = app("influence", project="digits", query=first)
    assert "Method: Gradient cosine" in [one.proto.popover.label for one in test.get("popover")]
    assert "LDS 0.45 (0.41 to 0.49)" in words(test)
    test = app("influence", project="digits", query=second)  # cosine was not asked about it, the dot product was
    assert "Compare recommends Gradient cosine" in words(test)
    assert "Compare found this method no better than chance" in words(test)
