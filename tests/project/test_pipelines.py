"""Fitted scikit-learn models: linear ones become a layer that says the same, others take part by what they say."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from attribution import DataConfig, Project, ScoreConfig, UserError
from attribution.datasets.places import places


def frame(classes, rows=120):
    chance = np.random.default_rng(0)
    found = pd.DataFrame(chance.normal(size=(rows, 3)) * [1, 10, 0.1], columns=["a", "b", "c"])
    found["town"] = chance.choice(["Bern", "Genf", "Chur"], rows)
    score = found["a"] + found["b"] / 10 + (found["town"] == "Bern") + chance.normal(size=rows) / 2
    found["label"] = score if not classes else [f"k{one}" for one in pd.qcut(score, classes, labels=False)]
    return found


def made(tmp_path, table, **settings):
    table.to_csv(tmp_path / "t.csv", index=False)
    return Project.create("t", DataConfig(path=str(tmp_path / "t.csv"), **settings))


def pipeline(model):
    columns = [("number", StandardScaler(), ["a", "b", "c"]), ("word", OneHotEncoder(), ["town"])]
    return make_pipeline(ColumnTransformer(columns), model)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_logistic_pipeline_is_a_layer_with_its_predictions_and_its_penalty(tmp_path, classes):
    table = frame(classes)
    project = made(tmp_path, table)
    train = [int(name.removeprefix("row-")) - 1 for name in project.dataset.ids[project.dataset.rows("train")]]
    model = pipeline(LogisticRegression(C=2.0, max_iter=2000, tol=1e-8))
    model.fit(table.iloc[train], table["label"].iloc[train])
    run = project.add_sklearn(model)
    assert not run.given
    assert project.add_sklearn(model, table).id == run.id
    wanted = model.predict_proba(_in_order(project, table))
    assert np.abs(run.probabilities() - wanted).max() < 1e-6
    assert run.config["l2"] == pytest.approx(1 / (2.0 * len(train)))
    network = project.run.model(dataset=project.dataset)
    assert sum(value.numel() for value in network.parameters()) == classes * 7
    scores = project.score(ScoreConfig(estimator="influence-exact", queries="test", device="cpu"))
    assert np.isfinite(scores.summary["influence"]).all()
    assert Project.open("t").score(ScoreConfig(estimator="ip", queries="test", device="cpu")).n_queries > 0


def _in_order(project, table):
    return table.iloc[places(project.dataset)]


def test_gradients_are_those_of_the_model_on_the_pipelines_features(tmp_path):
    table = frame(3)
    project = made(tmp_path, table)
    model = pipeline(LogisticRegression(max_iter=2000)).fit(table, table["label"])
    project.add_sklearn(model)
    rows = project.dataset.rows("train")[:5]
    queries = project.dataset.rows("test")[:5]
    asked = ",".join(project.dataset.ids[queries])
    found = project.score(ScoreConfig(estimator="ip", queries=asked, device="cpu")).matrix()[1]
    x = torch.tensor(model[:-1].transform(_in_order(project, table)))
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    p = torch.tensor(model.predict_proba(_in_order(project, table)))
    slope = p - torch.nn.functional.one_hot(torch.tensor(project.labels.values), 3)
    dots = (slope[rows] @ slope[queries].T) * (x[rows] @ x[queries].T)
    assert np.allclose(found[:5], dots, atol=1e-4 * float(dots.abs().max()))


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(alpha=3.0)])
def test_linear_regressions_are_layers_in_the_projects_scale(tmp_path, model):
    table = frame(0)
    project = made(tmp_path, table, task="regression")
    fitted = pipeline(model).fit(table, table["label"])
    run = project.add_sklearn(fitted)
    assert not run.given
    train = len(project.dataset.rows("train"))
    assert run.config.get("l2") == (pytest.approx(6 / train) if isinstance(model, Ridge) else None)
    found = project.predictions(run)["prediction"]
    assert np.allclose(found, fitted.predict(_in_order(project, table)), atol=1e-5)


@pytest.mark.parametrize("model", [RandomForestClassifier(20, random_state=0), SGDClassifier(loss="log_loss")])
def test_other_models_take_part_by_what_they_say(tmp_path, model):
    table = frame(3)
    project = made(tmp_path, table)
    fitted = pipeline(model).fit(table, table["label"])
    run = project.add_sklearn(fitted)
    assert run.given
    assert np.allclose(run.probabilities(), fitted.predict_proba(_in_order(project, table)), atol=1e-6)
    assert run.representation().shape == (120, 6)
    project.flag()


def test_what_cannot_be_taken_is_said(tmp_path):
    table = frame(3)
    project = made(tmp_path, table)
    inputs = table[["a", "b", "c"]]
    with pytest.raises(UserError, match="LinearSVC says no probabilities"):
        project.add_sklearn(LinearSVC().fit(inputs, table["label"]), inputs)
    with pytest.raises(UserError, match="The model's classes are 7, 8, 9"):
        project.add_sklearn(LogisticRegression().fit(inputs, np.arange(120) % 3 + 7), inputs)
    with pytest.raises(UserError, match="dict is no model"):
        project.add_sklearn({})


def test_a_forest_of_numbers_takes_part_by_its_predictions(tmp_path):
    table = frame(0)
    project = made(tmp_path, table, task="regression")
    inputs = table[["a", "b", "c"]]
    forest = RandomForestRegressor(20, random_state=0).fit(inputs, table["label"])
    run = project.add_sklearn(forest, inputs)
    assert run.given
    assert np.allclose(project.predictions(run)["prediction"], forest.predict(_in_order(project, inputs)), atol=1e-5)


def test_a_project_is_made_with_a_fitted_model_or_not_at_all(tmp_path):
    table = frame(2)
    fitted = pipeline(LogisticRegression(max_iter=2000)).fit(table, table["label"])
    project = Project.create("new", table, fitted, label="label")
    assert not project.run.given
    assert np.allclose(project.run.probabilities(), fitted.predict_proba(_in_order(project, table)), atol=1e-5)
    with pytest.raises(UserError, match="says no probabilities"):
        Project.create("none", table, pipeline(LinearSVC()).fit(table, table["label"]), label="label")
    assert not (tmp_path / "home" / "none").exists()
