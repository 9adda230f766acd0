"""What leaves a project, read by the programs that it is for: run by ``make consumers`` in an environment of theirs,
on what ``write.py`` wrote. Nothing of Datablame is imported here."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import fiftyone.core.labels as fol
import fiftyone.core.odm as foo
import numpy as np
import pandas as pd
import polars
import pytest
from cleanlab.classification import CleanLearning
from datasets import ClassLabel, Image, List, Value, load_dataset, load_from_disk
from fiftyone.utils.data.importers import FiftyOneDatasetImporter
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from label_studio_sdk.label_interface import LabelInterface
from sklearn.linear_model import LogisticRegression

HERE = Path(os.environ["DATABLAME_EXPORTS"])
WORLDS = ("pictures", "numbers", "sets", "archive", "moons", "fashion")


# --- Hugging Face datasets


@pytest.mark.parametrize("world", WORLDS)
def test_datasets_loads_every_split_and_row(world):
    data = load_from_disk(str(HERE / world / "huggingface"))
    table = pd.read_json(HERE / world / "dataset.jsonl", lines=True)
    assert sum(part.num_rows for part in data.values()) == len(table)
    assert set(data) <= {"train", "validation", "test"}
    for part in data.values():
        assert len(set(part["id"])) == part.num_rows
        assert part[0]["id"] == part["id"][0]
        assert part.select(range(2)).to_pandas().shape[0] == 2
        assert part.info.features == part.features


def test_datasets_decodes_pictures_and_names_classes():
    data = load_from_disk(str(HERE / "fashion" / "huggingface"))
    features = data["train"].features
    assert isinstance(features["image"], Image)
    assert isinstance(features["label"], ClassLabel)
    first = data["train"][0]
    assert first["image"].size == (28, 28)
    assert features["label"].int2str(first["label"]) in features["label"].names
    assert len(features["label"].names) == 10
    given = data["train"].to_pandas()["datablame_given"]
    assert set(given) <= set(features["label"].names)
    own = load_from_disk(str(HERE / "pictures" / "huggingface"))
    assert own["train"][0]["image"].size == (9, 9)


def test_datasets_knows_numbers_and_sets():
    numbers = load_from_disk(str(HERE / "numbers" / "huggingface"))["train"]
    assert numbers.features["label"] == Value("float64")
    assert 7.25 in numbers["label"]
    sets = load_from_disk(str(HERE / "sets" / "huggingface"))["train"]
    assert isinstance(sets.features["label"], List)
    assert isinstance(sets.features["label"].feature, ClassLabel)
    assert all(isinstance(one, list) for one in sets["label"])


def test_datasets_loads_the_tables_as_well():
    for suffix, kind in ((".csv", "csv"), (".jsonl", "json"), (".parquet", "parquet")):
        found = load_dataset(kind, data_files=str(HERE / "moons" / f"dataset{suffix}"), split="train")
        assert "datablame_given" in found.column_names
        assert found.num_rows > 100


# --- tables


@pytest.mark.parametrize("world", WORLDS)
def test_tables_read_alike_everywhere(world):
    names = {path.name for path in (HERE / world).glob("*.csv")}
    assert {"dataset.csv", "ledger.csv", "changed.csv"} <= names
    for name in names - {"moves.csv"}:
        with open(HERE / world / name, newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        parquet = str(HERE / world / name.replace(".csv", ".parquet"))
        assert duckdb.sql(f"select count(*) from read_parquet('{parquet}')").fetchall()[0][0] == len(rows)
        assert polars.read_parquet(parquet).columns == list(pd.read_parquet(parquet).columns)
        if rows:
            assert polars.read_csv(HERE / world / name, infer_schema=False).height == len(rows)
            assert list(rows[0]) == list(pd.read_parquet(parquet).columns)


def test_findings_say_sign_and_unit_in_their_schema():
    import pyarrow.parquet as pq

    folder = HERE / "fashion" / "findings"
    schema = pq.read_schema(folder / "samples.parquet")
    assert b"higher = the label is more likely wrong" in schema.field("suspicion").metadata[b"description"]
    assert b"lowered" in pq.read_schema(folder / "influence.parquet").field("influence").metadata[b"description"]
    readme = (folder / "README.md").read_text()
    for file in folder.glob("*.parquet"):
        assert file.name in readme
        assert duckdb.sql(f"select * from read_parquet('{file}') limit 1").fetchall()


# --- cleanlab


def test_cleanlab_trains_without_the_issues():
    columns = ["is_label_issue", "label_quality", "given_label", "predicted_label"]
    issues = pd.read_csv(HERE / "fashion" / "cleanlab.csv").set_index("id")
    with np.load(HERE / "fashion" / "npz.npz") as archive:
        ids = [f"train-{place:05d}" for place in archive["datablame_index_train"][:800]]
        pixels = archive["X_train"][:800, ::4, ::4].reshape(800, -1) / 255.0
    own = issues.loc[ids, columns].reset_index(drop=True)
    assert own["is_label_issue"].dtype == bool
    assert 0 < own["is_label_issue"].sum() < 200
    model = CleanLearning(LogisticRegression(max_iter=50))
    model.fit(pixels, own["given_label"].to_numpy(), label_issues=own)
    kept = model.get_label_issues()
    assert (kept["is_label_issue"] == own["is_label_issue"]).all()
    assert (kept["given_label"] == own["given_label"]).all()
    worst = own[own["is_label_issue"]]
    assert (worst["given_label"] != worst["predicted_label"]).any()


# --- Label Studio


@pytest.mark.parametrize("world", WORLDS)
def test_label_studio_takes_the_page_the_tasks_and_the_predictions(world):
    folder = HERE / world / "label-studio"
    text = (folder / "config.xml").read_text()
    assert parse_config(text)["label"]["to_name"] == ["sample"]
    page = LabelInterface(text)
    page.validate()
    tasks = json.loads((folder / "tasks.json").read_text())
    assert tasks
    for task in tasks[:200]:
        assert page.validate_task({"data": task["data"]})
        for prediction in task["predictions"]:
            assert page.validate_prediction(prediction)


# --- FiftyOne (its importer; a whole dataset needs MongoDB)


@pytest.mark.parametrize("world", ["pictures", "archive", "fashion"])
def test_fiftyone_imports_every_sample(world):
    folder = HERE / world / "fiftyone"
    importer = FiftyOneDatasetImporter(str(folder))
    assert importer._is_legacy_format_data()
    with importer._to_legacy_importer() as samples:
        for field in samples.get_sample_field_schema().values():
            assert foo.get_field_kwargs(field)["ftype"]
        found = list(samples)
    classes = set(json.loads((folder / "metadata.json").read_text())["info"]["classes"])
    assert len(found) == len(json.loads((folder / "samples.json").read_text())["samples"])
    assert all(Path(sample.filepath).is_file() for sample in found)
    assert all(isinstance(sample.ground_truth, fol.Classification) for sample in found)
    assert {sample.ground_truth.label for sample in found} <= classes
    assert {"train", "test", "dropped"} & {tag for sample in found for tag in sample.tags}


# --- MLflow

WRITE = """
import sys
sys.path.append(sys.argv[1])  # what Datablame needs and MLflow does not
from attribution import Project
Project.open(sys.argv[2]).export("mlflow", sys.argv[3])
assert "torch" not in sys.modules
"""


def test_mlflow_reads_the_run(tmp_path):
    from mlflow import MlflowClient

    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", WRITE, os.environ["DATABLAME_SITE"], HERE / "data" / "fashion", tmp_path / "runs"]
    subprocess.run([str(word) for word in command], check=True, env={**os.environ, "PYTHONPATH": str(root)})
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("datablame").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["n_train"] == "6000"
    found = run.data.metrics
    assert found["test.accuracy_low"] < found["test.accuracy"] < found["test.accuracy_high"]
    names = {one.path for one in client.list_artifacts(run.info.run_id)}
    assert {"edits.jsonl", "report.html"} <= names
    report = client.download_artifacts(run.info.run_id, "report.html", str(tmp_path))
    assert "</html>" in Path(report).read_text()
