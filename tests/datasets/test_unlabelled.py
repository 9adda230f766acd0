"""Rows without a label: left out and listed, or kept until Review gives them one; nothing trains on them meanwhile."""

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, FlagConfig, ModelConfig, Project, ScoreConfig, TrainConfig
from attribution.datasets.load import preview
from attribution.errors import UserError

BARE = (3, 20, 41)
RECIPE = TrainConfig(epochs=4, batch_size=16, lr=0.1, checkpoints=2, device="cpu")


def write(path, bare=BARE, n=120):
    chance = np.random.default_rng(0)
    y = np.arange(n) % 2
    words = np.where(y == 1, "yes", "no").astype(object)
    words[list(bare)] = ""
    pd.DataFrame({"x": y + chance.normal(0, 0.3, n), "z": chance.normal(size=n), "label": words}).to_csv(
        path, index=False
    )
    return path


@pytest.fixture
def project(tmp_path):
    data = DataConfig(path=str(write(tmp_path / "rows.csv")), unlabelled="keep")
    return Project.create(tmp_path / "kept", data, ModelConfig(name="logistic"), RECIPE)


def test_they_are_left_out_and_listed(tmp_path):
    project = Project.create(
        tmp_path / "p", DataConfig(path=str(write(tmp_path / "rows.csv"))), ModelConfig(name="logistic"), RECIPE
    )
    assert len(project.dataset) == 117
    lines = [one for one in project.info.problems if one["kind"] == "left out"]
    assert {one["where"] for one in lines} == {"row 4", "row 21", "row 42"}


def test_kept_ones_wait_outside_of_training(project):
    assert len(project.dataset) == 120
    bare = np.flatnonzero(project.dataset.labels < 0)
    assert sorted(project.dataset.samples["source"].iloc[bare]) == ["row 21", "row 4", "row 42"]
    assert set(project.dataset.samples["split"].iloc[bare]) == {"train"}
    assert not project.labels.active[bare].any()
    assert len(project.labels.train_rows(project.dataset)) == project.info.counts["train"] - 3
    assert any("wait on Review" in one["what"] for one in project.info.problems)


def test_nothing_learns_from_them_or_judges_them(project):
    project.train()
    bare = np.flatnonzero(project.dataset.labels < 0)
    said = project.predictions().loc[bare]
    assert said[["loss", "p_label", "margin"]].isna().all(axis=None)
    assert not said["correct"].any()
    assert said["confidence"].between(0.5, 1).all()
    flags = project.flag(FlagConfig(folds=3, cases=10, device="cpu"))
    assert not set(bare) & set(flags.queue(200)["row"])
    rows, _ = project.score(ScoreConfig(queries="test", device="cpu")).matrix()
    assert not set(bare) & set(rows)


def test_a_label_takes_one_into_training_and_undo_takes_it_out_again(project):
    bare = np.flatnonzero(project.dataset.labels < 0)
    before = project.labels.version
    project.relabel(bare[:1], "yes")
    assert project.labels.active[bare[0]]
    assert project.classes[project.labels.values[bare[0]]] == "yes"
    assert project.edits()["old"].tolist() == ["no label"]
    project.undo()
    assert project.labels.version == before
    assert not project.labels.active[bare[0]]


def test_there_is_no_label_to_keep(project):
    bare = np.flatnonzero(project.dataset.labels < 0)
    with pytest.raises(UserError, match="has no label to keep"):
        project.keep(bare[:1])
    assert project.edits().empty
    project.drop(bare[:1])
    assert not project.labels.active[bare[0]]


def test_held_out_rows_without_a_label_are_left_out(tmp_path):
    path = write(tmp_path / "rows.csv")
    frame = pd.read_csv(path, keep_default_na=False)
    frame["split"] = np.where(np.arange(120) < 30, "test", "train")
    frame.to_csv(path, index=False)
    found = preview(DataConfig(path=str(path), unlabelled="keep"))
    assert found["n"] == 118
    assert {one["where"] for one in found["problems"] if one["kind"] == "left out"} == {"row 4", "row 21"}
    assert found["balance"]["train"]["no label"] == 1


def test_pictures_and_arrays_without_a_label_wait_too(tmp_path):
    from PIL import Image

    lines = ["file_name,label"]
    for number in range(24):
        Image.new("L", (8, 8), 10 * number).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'' if number in (2, 7) else 'ab'[number % 2]}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    found = preview(DataConfig(path=str(tmp_path), unlabelled="keep"))
    assert (found["n"], found["balance"]["train"]["no label"]) == (24, 2)
    y = np.arange(40) % 2 * 1.0
    y[[4, 9]] = np.nan
    np.savez(tmp_path / "rows.npz", X=np.random.default_rng(0).normal(size=(40, 3)), y=y)
    found = preview(DataConfig(path=str(tmp_path / "rows.npz"), unlabelled="keep"))
    assert (found["n"], found["balance"]["train"]["no label"], found["classes"]) == (40, 2, ["0", "1"])


def test_a_project_whose_first_rows_have_no_label_is_made_corrected_and_previewed(tmp_path):
    data = DataConfig(path=str(write(tmp_path / "rows.csv", bare=tuple(range(12)))), unlabelled="keep")
    project = Project.create(tmp_path / "p", data, ModelConfig(name="mlp", width=8), RECIPE)
    assert {line["label"] for line in project.first_look["samples"]} <= {"no", "yes"}
    project.train()
    project.relabel([0, 1], "yes")
    assert len(project.labels.train_rows(project.dataset)) == project.info.counts["train"] - 10
    project.preview()
    assert project.train().config["n_train"] == project.info.counts["train"] - 10
    project.embed()
    project.find_leaks()
