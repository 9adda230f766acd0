"""What is written for other programs, looked at without them; ``tests/consumers`` reads it with them."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import numbers_project, picture_project, sets_project

from attribution import Project
from attribution.errors import UserError


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    """The picture sample with its finished results, and some decisions."""
    project = Project.sample("fashion", tmp_path_factory.mktemp("fashion") / "fashion")
    top = project.flags().order[:3]
    project.relabel(top[:2], "Bag")
    project.drop(top[2:])
    project.tag(top[:1], "=ask")
    return project


def split_of(folder, name):
    with pa.OSFile(str(folder / name / "data-00000-of-00001.arrow")) as stream:
        return pa.ipc.open_stream(stream).read_all()


def test_hugging_face_folders_hold_arrow_streams_with_their_features(tmp_path):
    project, source = picture_project(tmp_path)
    out = project.export("huggingface", tmp_path / "hf")
    names = json.loads((out / "dataset_dict.json").read_text())["splits"]
    assert names == ["train", "validation", "test"]
    tables = {name: split_of(out, name) for name in names}
    assert sum(table.num_rows for table in tables.values()) == len(project.dataset) - 1
    train = tables["train"].to_pylist()
    assert train[0]["image"]["bytes"] == (source / train[0]["id"]).read_bytes()
    features = json.loads((out / "train" / "dataset_info.json").read_text())["features"]
    assert list(features) == tables["train"].schema.names
    assert json.loads(tables["train"].schema.metadata[b"huggingface"])["info"]["features"] == features
    first = next(line for line in train if line["id"] == project.dataset.ids[0])
    assert features["label"]["names"][first["label"]] == "shoes"
    assert first["datablame_given"] == "boots"
    assert json.loads((out / "train" / "state.json").read_text())["_split"] == "train"
    assert "1 relabelled" in (out / "README.md").read_text()


def test_hugging_face_labels_are_of_the_task(tmp_path):
    numbers, _ = numbers_project(tmp_path)
    table = split_of(numbers.export("huggingface", tmp_path / "n"), "train")
    assert table.schema.field("label").type == pa.float64()
    assert 7.25 in table["label"].to_pylist()
    assert {"a", "b"} <= set(table.schema.names)
    sets, _ = sets_project(tmp_path)
    table = split_of(sets.export("huggingface", tmp_path / "s"), "train").to_pylist()
    names = sets.dataset.task.targets.names()
    first = next(line for line in table if line["id"] == sets.dataset.ids[0])
    assert [names[place] for place in first["label"]] == ["bird", "dog"]


def test_fiftyone_samples_name_their_files_labels_and_tags(fashion, tmp_path):
    out = fashion.export("fiftyone", tmp_path / "fo")
    samples = json.loads((out / "samples.json").read_text())["samples"]
    fields = json.loads((out / "metadata.json").read_text())["sample_fields"]
    assert len(samples) == len(fashion.dataset)
    assert {name for sample in samples for name in sample} == set(fields)
    assert all((out / sample["filepath"]).is_file() for sample in samples[:50])
    top = fashion.flags().order[:3]
    by_id = {sample["datablame_id"]: sample for sample in samples}
    changed = by_id[fashion.dataset.ids[top[0]]]
    assert changed["ground_truth"]["label"] == "Bag"
    assert changed["given"]["label"] != "Bag"
    assert "=ask" in changed["tags"]
    assert "dropped" in by_id[fashion.dataset.ids[top[2]]]["tags"]
    assert (
        len(
            json.loads((fashion.export("fiftyone", tmp_path / "b", dropped_too=False) / "samples.json").read_text())[
                "samples"
            ]
        )
        == len(samples) - 1
    )


def test_cleanlab_has_its_columns_for_every_searched_sample(fashion, tmp_path):
    found = pd.read_csv(fashion.export("cleanlab", tmp_path / "issues.csv"))
    assert list(found.columns) == ["id", "is_label_issue", "label_quality", "given_label", "predicted_label"]
    flags = fashion.flags()
    assert len(found) == len(flags.detectors)
    assert found["is_label_issue"].sum() == round(flags.estimate["mid"])
    assert (
        found.loc[found["is_label_issue"], "label_quality"].max()
        <= found.loc[~found["is_label_issue"], "label_quality"].min() + 1e-9
    )
    named = pd.read_parquet(fashion.export("cleanlab", tmp_path / "named.parquet", names=True))
    classes = np.array(fashion.classes)
    assert (classes[found["given_label"]] == named["given_label"]).all()
    with pytest.raises(UserError, match="about classes"):
        numbers_project(tmp_path)[0].export("cleanlab", tmp_path / "no.csv")


def test_findings_are_tables_that_say_what_they_hold(fashion, tmp_path):
    out = fashion.export("findings", tmp_path / "found")
    readme = (out / "README.md").read_text()
    files = sorted(path.name for path in out.glob("*.parquet"))
    assert {"samples.parquet", "detectors.parquet", "leaks.parquet", "influence.parquet"} <= set(files)
    for name in files:
        assert f"## {name}" in readme
        schema = pq.read_schema(out / name)
        said = [field.name for field in schema if b"description" in (field.metadata or {})]
        assert said
        assert set(json.loads(schema.metadata[b"datablame"])["columns"]) == set(said)
    samples = pd.read_parquet(out / "samples.parquet")
    assert samples["id"].tolist() == list(fashion.dataset.ids)
    pairs = pd.read_parquet(out / "leaks.parquet")
    leaked = samples.set_index("id")["leak"].map(json.loads)
    likely = pairs[pairs["likely"]].iloc[0]
    assert likely["other"] in leaked[likely["sample"]]


def test_mlflow_is_an_extra_and_said_to_be_one(fashion, tmp_path):
    with pytest.raises(UserError, match="MLflow is not installed"):
        fashion.export("mlflow", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_what_is_not_there_is_said(tmp_path):
    project, _ = numbers_project(tmp_path)
    for name in ("folders", "moves", "fiftyone", "npz", "scores"):
        from attribution.exporters.base import made

        assert made(name).missing(project)
