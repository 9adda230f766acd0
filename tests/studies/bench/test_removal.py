"""Retraining without the most helpful samples: kept by content, and worse than without random ones when influence is
true."""

import numpy as np
import pandas as pd
from training_data import table

from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.studies.bench.removal import Retrained, losses, most_helpful, removal, summary

RECIPE = TrainConfig(epochs=4, batch_size=16, lr=0.1, device="cpu")


def retrained(tmp_path, dataset, **settings):
    return Retrained(
        tmp_path / "kept", dataset, dataset.base_version(), ModelConfig(name="logistic"), RECIPE, **settings
    )


def test_most_helpful_come_first_and_nan_last():
    assert most_helpful(np.array([0.1, np.nan, 3.0, 0.1]), 3).tolist() == [2, 0, 3]


def test_losses_are_cross_entropy():
    logits = np.log(np.array([[[0.25, 0.75], [0.5, 0.5]]]))
    np.testing.assert_allclose(losses(logits, np.array([1, 0])), -np.log([[0.75, 0.5]]))


def test_leaving_out_a_class_breaks_its_predictions(tmp_path):
    dataset = table(tmp_path / "data")
    rows, test = dataset.rows("train"), dataset.rows("test")
    kept = retrained(tmp_path, dataset, seeds=(1000, 1001))
    surest = losses(kept.logits(rows[:0])[:, test].mean(0), np.ones(len(test), dtype=int)).argmin()
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
