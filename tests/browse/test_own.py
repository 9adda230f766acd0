"""The user's own columns: all of them are found and shown, and what is learned from the data stays as it was."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.datasets.load import import_data

FEW = TrainConfig(epochs=1, batch_size=8, device="cpu", checkpoints=1)


@pytest.fixture
def texts(tmp_path):
    """40 texts with a region, a year that is missing here and there, whether it was checked, and a remark."""
    lines = [
        {
            "words": f"this is {'good' if i % 2 else 'bad'} number {i}",
            "mood": "up" if i % 2 else "down",
            "region": ("north", "south <b>")[i % 3 == 0],
            "year": None if i == 5 else 1990 + i,
            "checked": i < 10,
            "remark": f"remark {i}: fine",
        }
        for i in range(40)
    ]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def project_of(path, **more):
    return Project.create("own", DataConfig(path=str(path), **more), ModelConfig(name="auto"), FEW)


def test_columns_beside_a_text_are_kept_and_found(texts):
    project = project_of(texts, label="mood", text="words")
    assert project.dataset.own_names == ("region", "year", "checked", "remark")
    ids = project.dataset.ids
    numbers = np.array([int(name[4:]) - 1 for name in ids])  # row-00001 is the first
    assert set(project.find('region:"south <b>"')) == set(np.flatnonzero(numbers % 3 == 0))
    assert set(project.find("year:<2000")) == set(np.flatnonzero((numbers < 10) & (numbers != 5)))
    assert project.find("year:none").tolist() == np.flatnonzero(numbers == 5).tolist()
    assert set(project.find("checked:yes")) == set(np.flatnonzero(numbers < 10))
    assert len(project.find("remark:fine")) == 40  # long words of their own are looked into
    assert project.find("mood:up").tolist() == project.find("label:up").tolist()  # the user's own name for the label
    assert any("kept to look at" in one["what"] for one in project.info.problems)


def test_what_is_kept_beside_changes_no_hash(texts, tmp_path):
    config = DataConfig(path=str(texts), label="mood", text="words")
    with_more = import_data(config, tmp_path / "with", "same")
    plain = pd.read_json(texts, lines=True)[["words", "mood"]]
    plain.to_json(texts, orient="records", lines=True)
    without = import_data(config, tmp_path / "without", "same")
    assert with_more.info.base_hash == without.info.base_hash
    assert (tmp_path / "with" / "samples.parquet").read_bytes() == (
        tmp_path / "without" / "samples.parquet"
    ).read_bytes()
    assert without.own_names == ()


def test_columns_of_a_picture_folder_are_kept(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for i in range(24):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / f"{i}.png")
        lines.append(
            {"file_name": f"{i}.png", "label": "ab"[i % 2], "camera": "left" if i < 6 else "right", "lux": i / 2}
        )
    pd.DataFrame(lines).to_csv(folder / "metadata.csv", index=False)
    project = project_of(folder, label="label")
    assert project.dataset.own_names == ("camera", "lux")
    left = project.dataset.ids[project.find("camera:left")]
    assert sorted(left) == sorted(f"{i}.png" for i in range(6))
    assert len(project.find("lux:10..")) == 4


def test_features_and_columns_left_out_of_a_table_are_both_found(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "height": rng.normal(size=60),
            "loss": rng.normal(size=60),
            "town": ["here", "there", "far"] * 20,
            "y": ["a", "b"] * 30,
        }
    )
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    project = project_of(path, label="y", features=("height", "loss"))
    assert project.dataset.own_names == ("height", "loss", "town")
    assert len(project.find("town:far")) == 20
    assert len(project.find("height:>0")) == int((frame["height"] > 0).sum())
    theirs = int((frame["loss"] > 0).sum())
    assert len(project.find("loss:>0")) == len(project.find("data.loss:>0")) == theirs
    project.train()
    assert len(project.find("data.loss:>0")) == theirs
    assert len(project.find("loss:>=0")) == 60  # ours, which is called so, too
