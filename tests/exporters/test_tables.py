"""The corrected table: the user's columns as they stand in the file, today's labels, and what is known beside."""

import json

import numpy as np
import pandas as pd
import pytest
from exported import numbers_project, sets_project
from hypothesis import given
from hypothesis import strategies as st

from attribution import Project
from attribution.datasets.guard import guarded, unguarded
from attribution.datasets.load import import_data
from attribution.settings.configs import DataConfig


def test_columns_order_and_cells_of_the_own_file_stay(tmp_path):
    lines = [
        "Note;Städte;n;left",
        "=1+1;Köln;007;no",
        "x;Ulm;1.50;yes",
        ";Bonn;2;",
        *[f"t{n};Ulm;{n};{'yes' if n % 2 else 'no'}" for n in range(40)],
    ]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    config = DataConfig(path=str(tmp_path / "own.csv"), label="left", features=("Städte", "n"))
    project = Project.create(tmp_path / "home" / "own", config)
    project.relabel(project.dataset.rows_of(["row-00001"]), "yes")
    project.drop(project.dataset.rows_of(["row-00002"]))
    found = pd.read_csv(project.export("dataset", tmp_path / "out.csv"), dtype=str, keep_default_na=False)
    assert list(found.columns[:4]) == ["Note", "Städte", "n", "left"]
    assert found.iloc[0, :4].tolist() == ["'=1+1", "Köln", "007", "yes"]
    assert found["datablame_given"].iloc[0] == "no"
    assert found["datablame_verdict"].iloc[0] == "relabel"
    assert found.iloc[1, :4].tolist() == ["", "Bonn", "2", ""]  # the import left it out: it stays as it is
    assert len(found) == 42
    assert set(found["split"][2:]) == {"train", "val", "test"}
    bare = pd.read_csv(project.export("dataset", tmp_path / "bare.csv", datablame_columns=False, dropped_too=True))
    assert list(bare.columns) == ["Note", "Städte", "n", "left", "split", "datablame_guarded"]
    assert len(bare) == 43


def test_a_changed_file_is_not_taken_for_the_imported_one(tmp_path):
    project, table = numbers_project(tmp_path)
    table.assign(a=table["a"] + 1).to_csv(tmp_path / "prices.csv", index=False)
    found = pd.read_csv(project.export("dataset", tmp_path / "out.csv"))
    assert list(found.columns[:3]) == ["datablame_id", "price", "split"]
    assert sorted(found["a"]) == pytest.approx(sorted(project.samples["col:a"].drop(1)))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_numbers_are_read_again_to_the_last_bit(tmp_path, suffix):
    project, _ = numbers_project(tmp_path)
    path = project.export("dataset", tmp_path / f"out{suffix}")
    config = DataConfig(**{**vars(project.data_config), "path": str(path)})
    again = import_data(config, tmp_path / "again", "again")
    assert again.info.counts == {**project.info.counts, "train": project.info.counts["train"] - 1}
    now = dict(zip(project.dataset.hashes, project.labels.values, strict=True))
    assert all(now[content] == value for content, value in zip(again.hashes, again.labels, strict=True))
    assert "datablame_given" not in {name.removeprefix("col:") for name in again.samples}


def test_sets_stay_lists_and_other_columns_stay(tmp_path):
    project, lines = sets_project(tmp_path)
    path = project.export("dataset", tmp_path / "out.jsonl")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    number = int(project.samples["text"].iloc[0].split()[0])
    mine = next(line for line in found if line["more"]["n"] == number)
    assert mine["label"] == ["bird", "dog"]
    assert mine["datablame_verdict"] == "relabel"
    assert len(found) == 59
    assert all(line["label"] == lines[line["more"]["n"]]["label"] for line in found if line is not mine)


def test_a_table_without_its_file_says_the_same(tmp_path):
    project, _ = sets_project(tmp_path)
    (tmp_path / "pets.jsonl").unlink()
    found = pd.read_csv(project.export("dataset", tmp_path / "out.csv"))
    assert len(found) == 59
    assert found.set_index("datablame_id")["label"][project.dataset.ids[0]] == "bird;dog"


@given(st.text())
def test_guarded_cells_are_no_formulas_and_can_be_given_back(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell.startswith(("=", "@", "\t", "\r", "\n"))
    if cell[:1] in ("+", "-"):
        assert any(sign.isdigit() for sign in cell)
        assert not any(sign.isalpha() and sign not in "eE" for sign in cell)


@pytest.mark.parametrize("number", ["-5", "+3.25", "-1e-5", "-1,5", "-.5", "-12 %"])
def test_numbers_survive_the_guard(number):
    assert guarded(number) == number


def test_parquet_says_what_its_columns_are(tmp_path):
    import pyarrow.parquet as pq

    project, _ = numbers_project(tmp_path)
    schema = pq.read_schema(project.export("dataset", tmp_path / "out.parquet"))
    assert b"as imported" in schema.field("datablame_given").metadata[b"description"]
    assert "datablame_given" in json.loads(schema.metadata[b"datablame"])["columns"]
    assert np.array_equal(pd.read_parquet(tmp_path / "out.parquet").columns[:3], ["a", "b", "price"])


TEXTS = ["=1+1", "@ann hi", "- a list", "'=quoted", "''-twice", "-5", 'plain, "quoted"', "+49 30", "\u202etext"]


def test_texts_that_a_spreadsheet_would_run_are_read_again_as_they_were(tmp_path):
    chance = np.random.default_rng(5)
    texts = [f"{text} {number} words" for number, text in enumerate(TEXTS * 6)]
    table = pd.DataFrame({"text": texts, "label": chance.choice(["=a", "b"], len(texts))})
    table.to_csv(tmp_path / "own.csv", index=False)
    project = Project.create(tmp_path / "home" / "own", DataConfig(path=str(tmp_path / "own.csv"), text="text"))
    project.relabel([0], "b" if project.dataset.word(project.labels.values[0]) == "=a" else "=a")
    path = project.export("dataset", tmp_path / "out.csv")
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert not raw["text"].str.startswith(("=", "@", "- ")).any()
    assert not raw["label"].str.startswith("=").any()
    again = import_data(DataConfig(path=str(path), text="text"), tmp_path / "again", "again")
    words = dict(zip(again.samples["text"], again.task.targets.words(again.labels), strict=True))
    now = project.dataset.task.targets.words(project.labels.values)
    assert words == dict(zip(project.samples["text"], now, strict=True))
    assert set(again.hashes) == set(project.dataset.hashes)
