"""What a filter means on a finished project: each kind of column, and what is refused."""

import numpy as np
import pytest

from attribution.errors import UserError


def test_each_column_says_what_the_project_says(tiny_project):
    project = tiny_project
    said = project.predictions()
    labels = project.labels.values
    assert project.find("").tolist() == list(range(420))
    assert np.array_equal(project.find("split:test"), project.dataset.rows("test"))
    assert np.array_equal(project.find("label:3,4"), np.flatnonzero(np.isin(labels, (3, 4))))
    assert np.array_equal(
        project.find("prediction:3 -label:3"), np.flatnonzero((said["prediction"] == 3) & (labels != 3))
    )
    assert np.array_equal(project.find("right:no"), np.flatnonzero(~said["correct"]))
    assert np.array_equal(project.find("loss:>1.5"), np.flatnonzero(said["loss"] > 1.5))
    assert np.array_equal(project.find("certainty:0.5..0.9"), np.flatnonzero(said["confidence"].between(0.5, 0.9)))
    assert np.array_equal(project.find("suspicion:none"), np.arange(240, 420))
    kinds = project.categories().table
    assert np.array_equal(project.find("kind:hard"), np.sort(kinds["row"][kinds["category"] == "hard"]))
    assert project.find("train-00017").tolist() == [17]
    assert project.find("TRAIN-00017").tolist() == [17]


def test_decisions_are_found_as_they_stand(tiny_project):
    project = tiny_project
    project.relabel([5, 6], (int(project.labels.values[5]) + 1) % 10)
    project.drop([7])
    project.keep([8])
    assert project.find("verdict:relabel,drop").tolist() == [5, 6, 7]
    assert project.find("verdict:keep").tolist() == [8]
    assert 7 in project.find("edited:yes")
    assert 8 not in project.find("edited:yes")
    project.undo()
    assert project.find("verdict:keep").tolist() == []


def test_the_order_is_that_of_a_column(tiny_project):
    project = tiny_project
    loss = project.predictions()["loss"].to_numpy()
    rows = project.find("split:test", "-loss")
    assert (np.diff(loss[rows]) <= 0).all()
    assert np.array_equal(np.sort(rows), project.dataset.rows("test"))
    suspicious = project.find("", "-suspicion")
    assert set(suspicious[240:]) == set(range(240, 420))  # those without a value last, both ways
    assert set(project.find("", "suspicion")[240:]) == set(range(240, 420))


def test_influence_is_that_on_a_query(tiny_project):
    project = tiny_project
    query = project.dataset.rows("test")[0]
    score, column = project.find_query("ip", [query])
    rows, values = score.column(column)
    found = project.find("influence:>0", query=project.dataset.ids[query])
    assert np.array_equal(found, np.sort(rows[values > 0]))
    with pytest.raises(UserError, match="influence is not known here"):
        project.find("influence:>0")


def test_a_table_has_the_columns_asked_for(tiny_project):
    table = tiny_project.table([3, 1], ["id", "label", "loss", "verdict"])
    assert list(table.columns) == ["id", "label", "loss", "verdict"]
    assert table.index.tolist() == [3, 1]
    assert table["id"].tolist() == ["train-00003", "train-00001"]
    assert table["label"].tolist() == [str(value) for value in tiny_project.labels.values[[3, 1]]]
    assert "suspicion" in tiny_project.table([0])
    with pytest.raises(UserError, match="no row 420"):
        tiny_project.table([420])


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("lable:3", "There is no column 'lable'"),
        ("label:boot", "No sample has the label 'boot'"),
        ("loss:much", "neither a number nor a range"),
        ("loss:2..1", "begins above its end"),
        ("right:perhaps", "neither yes nor no"),
    ],
)
def test_what_cannot_be_meant_is_said(tiny_project, words, what):
    with pytest.raises(UserError, match=what) as refused:
        tiny_project.find(words)
    assert refused.value.why
    assert refused.value.do


def test_before_a_training_a_column_of_the_model_says_what_it_needs(bare_project):
    assert len(bare_project.find("split:train")) == 240
    with pytest.raises(UserError, match="right is not known here") as refused:
        bare_project.find("right:no")
    assert "training" in refused.value.why
