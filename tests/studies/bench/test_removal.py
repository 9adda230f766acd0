"""Retraining without the most helpful samples: kept by content, and worse than without random ones when influence is
true."""

import numpy as np
import pandas as pd
from tiny_world import build_task
from training_data import table

from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.studies.bench.removal import Retrained, most_helpful, removal, said_of, summary
from attribution.tasks.classification import Classification

RECIPE = TrainConfig(epochs=4, batch_size=16, lr=0.1, device="cpu")


def retrained(tmp_path, dataset, **settings):
    return Retrained(
        tmp_path / "kept", dataset, dataset.base_version(), ModelConfig(name="logistic"), RECIPE, **settings
    )


def test_most_helpful_come_first_and_nan_last():
    assert most_helpful(np.array([0.1, np.nan, 3.0, 0.1]), 3).tolist() == [2, 0, 3]


def test_what_is_said_of_outputs_is_the_tasks():
    logits = np.log(np.array([[[0.25, 0.75], [0.5, 0.5]]]))
    found = said_of(Classification(("a", "b")), logits, np.array([1, 0]))
    np.testing.assert_allclose(found["loss"], -np.log([[0.75, 0.5]]))
    assert found["prediction"][0, 0] == 1


def test_a_number_gets_worse_without_what_taught_it_and_is_never_flipped(tmp_path):
    made = build_task(tmp_path, "regression")
    rows, query = made.dataset.rows("train"), int(made.dataset.rows("test")[0])
    kept = Retrained(tmp_path / "kept", made.dataset, made.labels, ModelConfig(name="logistic"), RECIPE)
    near = -np.square(np.asarray(made.dataset.inputs)[rows] - made.dataset.inputs[query]).sum(1)[:, None]
    found = removal({"near": near, "far": -near}, rows, [query], [20], kept, Progress()).set_index("estimator")
    assert np.isfinite(found["change"]).all()
    assert found["flipped"].isna().all()
    assert found.loc["near", "change"] != found.loc["far", "change"]


def test_leaving_out_a_class_breaks_its_predictions(tmp_path):
    dataset = table(tmp_path / "data")
    rows, test = dataset.rows("train"), dataset.rows("test")
    kept = retrained(tmp_path, dataset, seeds=(1000, 1001))
    whole = kept.outputs(rows[:0])[:, test].mean(0, keepdims=True)
    surest = said_of(dataset.task, whole, np.ones(len(test), dtype=int))["loss"][0].argmin()
    query = int(test[surest])  # predicted as class 1 most clearly
    own = (dataset.labels[rows] == 1).astype(float)[:, None]
    matrices = {"own class": own, "other classes": -own}
    k = int(own.sum())
    found = removal(matrices, rows, [query], [k], kept, Progress()).set_index("estimator")
    assert found.loc["own class", "change"] > found.loc["other classes", "change"]
    assert found.loc["own class", "flipped"] == 1
    files = {path: path.stat().st_mtime_ns for path in kept.folder.glob("*.npy")}
    assert len(files) == 6  # all samples, and each of two removals, with two seeds
    again = removal(matrices, rows, [query], [k], retrained(tmp_path, dataset, seeds=(1000, 1001)), Progress())
    assert again.set_index("estimator").loc["own class", "change"] == found.loc["own class", "change"]
    assert all(path.stat().st_mtime_ns == changed for path, changed in files.items())


def test_summary_is_the_mean_over_queries():
    lines = pd.DataFrame(
        {"estimator": "a", "k": 5, "query_row": [1, 2, 3], "change": [1.0, 2.0, 3.0], "flipped": [0.0, 1.0, 1.0]}
    )
    (line,) = summary(lines).to_dict("records")
    assert line["change"] == 2
    assert line["low"] < 2 < line["high"]
    assert line["flipped"] == 2 / 3
