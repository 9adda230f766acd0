"""CSV, TSV, JSONL and Parquet: round trips, encoding in closed form, and errors that name row and column."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.datasets.load import import_data, preview
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

PEOPLE = pd.DataFrame(
    {
        "age": [20, 30, 40, 50, 60, 70],
        "job": ["cook", "nurse", "cook", "judge", "nurse", "pilot"],
        "sex": ["f", "m", "f", "m", "f", "m"],
        "split": ["train", "train", "train", "train", "val", "test"],
        "label": ["yes", "no", "yes", "no", "yes", "no"],
    }
)


def save(frame, path):
    """Write a frame in the format that the suffix names."""
    writers = {
        ".csv": frame.to_csv,
        ".tsv": lambda target, index: frame.to_csv(target, index=index, sep="\t"),
        ".parquet": frame.to_parquet,
    }
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(record) for record in frame.to_dict("records")) + "\n\n")
    else:
        writers[path.suffix](path, index=False)
    return path


def load(path, out, **config):
    return import_data(DataConfig(path=str(path), **config), out, "people")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_dataset(tmp_path, suffix):
    dataset = load(save(PEOPLE, tmp_path / f"people{suffix}"), tmp_path / "data", group="sex")
    assert dataset.ids.tolist() == [f"row-{i:05d}" for i in range(1, 7)]
    assert dataset.samples["source"].tolist()[:2] == ["row 1", "row 2"]
    assert dataset.samples["group"].tolist() == PEOPLE["sex"].tolist()
    assert dataset.samples["col:age"].tolist() == PEOPLE["age"].tolist()
    assert dataset.info.classes == ("no", "yes")
    assert dataset.info.counts == {"train": 4, "val": 1, "test": 1}
    assert (
        dataset.info.base_hash
        == load(save(PEOPLE, tmp_path / "again.csv"), tmp_path / "again", group="sex").info.base_hash
    )


def test_numbers_are_standardised_on_training_and_words_are_one_hot(tmp_path):
    dataset = load(save(PEOPLE, tmp_path / "people.csv"), tmp_path / "data", group="sex")
    std = np.sqrt(125)  # of 20, 30, 40, 50
    assert [column.get("value", column["name"]) for column in dataset.info.preprocessing["columns"]] == [
        "age",
        "cook",
        "judge",
        "nurse",
    ]
    np.testing.assert_allclose(dataset.inputs[:, 0], (PEOPLE["age"] - 35) / std, rtol=1e-6)
    expected = [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]  # training saw no pilot
    assert dataset.inputs[:, 1:].tolist() == expected
    assert dataset.info.shape == (4,)


def test_a_constant_column_is_zero(tmp_path):
    dataset = load(save(PEOPLE.assign(age=7), tmp_path / "people.csv"), tmp_path / "data", features=("age",))
    assert (np.asarray(dataset.inputs) == 0).all()


def test_rare_categories_share_one_input(tmp_path):
    words = [f"w{i:02d}" for i in range(30)] * 3 + ["x1", "x2", "x3", "x4"] * 2
    frame = pd.DataFrame({"word": words, "label": [i % 2 for i in range(len(words))], "split": "train"})
    dataset = load(save(frame, tmp_path / "words.csv"), tmp_path / "data", val_fraction=0, test_fraction=0)
    values = [column["value"] for column in dataset.info.preprocessing["columns"]]
    assert values == [f"w{i:02d}" for i in range(30)] + ["x1", "x2", None]
    assert (dataset.inputs.sum(axis=1) == 1).all()
    assert dataset.inputs[:, 32].sum() == 4  # x3 and x4
    assert dataset.info.problems[-1]["where"] == "column word"  # lumping is always said, also of four of 98 rows
    assert "34 different values in training" in dataset.info.problems[-1]["what"]
    unlike = pd.DataFrame({"word": [f"u{i}" for i in range(80)], "label": [i % 2 for i in range(80)]})
    told = preview(DataConfig(path=str(save(unlike, tmp_path / "unlike.csv"))))["problems"]
    assert {"where": "column word", "kind": "note", "count": 0}.items() <= told[-1].items()  # the column is used


def test_hash_follows_features_and_group_not_the_label(tmp_path):
    frame = pd.concat(
        [PEOPLE, PEOPLE.assign(label="maybe"), PEOPLE.assign(age=PEOPLE["age"] + 1)], ignore_index=True
    ).assign(split="train")
    dataset = load(
        save(frame, tmp_path / "people.csv"), tmp_path / "data", group="sex", val_fraction=0, test_fraction=0
    )
    assert dataset.hashes[:6].tolist() == dataset.hashes[6:12].tolist()
    assert not set(dataset.hashes[:6]) & set(dataset.hashes[12:])


def test_features_id_and_named_split(tmp_path):
    frame = PEOPLE.rename(columns={"split": "part"}).assign(key=list("abcdef"))
    dataset = load(save(frame, tmp_path / "people.csv"), tmp_path / "data", features=("age",), id="key", split="part")
    assert dataset.ids.tolist() == list("abcdef")
    assert dataset.info.shape == (1,)


def test_parquet_categories_decimals_and_missing_values(tmp_path):
    frame = many(
        job=many()["job"].astype("category"), cost=[Decimal("0.5")] * 15 + [Decimal("1.5")] * 15, split="train"
    )
    dataset = load(save(frame, tmp_path / "people.parquet"), tmp_path / "data", val_fraction=0, test_fraction=0)
    kinds = {column["name"]: column["kind"] for column in dataset.info.preprocessing["columns"]}
    assert kinds == {"age": "number", "job": "category", "cost": "number"}
    assert set(dataset.inputs[:, -1]) == {-1.0, 1.0}
    holed = many(age=pd.array([1, None] * 15, dtype="Int64"))
    with pytest.raises(UserError, match=r"Row 2 of people\.parquet has no value in column age \(15 rows"):
        preview(DataConfig(path=str(save(holed, tmp_path / "people.parquet")), missing="refuse"))


def test_the_row_number_of_a_csv_file_is_no_feature(tmp_path):
    many().to_csv(tmp_path / "people.csv")
    seen = preview(DataConfig(path=str(tmp_path / "people.csv")))
    assert seen["shape"] == (4,)
    assert [problem["where"] for problem in seen["problems"] if problem["kind"] == "left out"] == ["column Unnamed: 0"]


def test_a_file_without_permission_is_a_user_error(tmp_path, monkeypatch):
    def refuse(self, config):
        raise PermissionError(13, "Permission denied", "people.csv")

    monkeypatch.setattr("attribution.datasets.readers.table.Table.read", refuse)
    with pytest.raises(UserError, match=r"people\.csv may not be read"):
        preview(DataConfig(path=str(save(many(), tmp_path / "people.csv"))))


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=8).map(
    lambda text: "w" + text
)


@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(st.tuples(names, st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6)), min_size=2, max_size=9),
    suffix=st.sampled_from([".csv", ".jsonl", ".parquet"]),
)
def test_raw_values_survive_the_round_trip(tmp_path_factory, rows, suffix):
    folder = tmp_path_factory.mktemp("table")
    frame = pd.DataFrame(rows, columns=["word", "whole", "real"]).assign(
        label=["a", "b"] * (len(rows) // 2) + ["a"] * (len(rows) % 2)
    )
    dataset = load(save(frame, folder / f"t{suffix}"), folder / "data", val_fraction=0, test_fraction=0)
    assert dataset.samples["col:word"].tolist() == frame["word"].tolist()
    assert dataset.samples["col:whole"].tolist() == frame["whole"].tolist()
    np.testing.assert_allclose(dataset.samples["col:real"], frame["real"], rtol=1e-14)
    assert np.isfinite(np.asarray(dataset.inputs)).all()
    labels = [dataset.info.classes[label] for label in dataset.labels]
    assert labels == frame["label"].tolist()


def many(**columns):
    """30 clean rows with some columns replaced."""
    frame = pd.DataFrame({"age": range(30), "job": ["cook", "nurse", "judge"] * 10, "label": ["a", "b"] * 15})
    return frame.assign(**columns)


def with_value(frame, row, name, value):
    frame = frame.astype({name: object})
    frame.loc[row - 1, name] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "config", "match"),
    [
        (
            with_value(many(), 17, "age", None),
            {"missing": "refuse"},
            r"Row 17 of people\.csv has no value in column age\.",
        ),
        (with_value(many(), 4, "job", " "), {"missing": "refuse"}, r"Row 4 of people\.csv has no value in column job"),
        (with_value(many(), 4, "job", "NA"), {"missing": "refuse"}, r"Row 4 .* no value in column job"),
        (with_value(many(), 9, "age", "old"), {}, "Row 9 .* has 'old' in column age, where 29 of 30 rows have numbers"),
        (with_value(many(age=0.5), 3, "age", np.inf), {}, "Row 3 .* has inf in column age"),
        (many(), {"label": "target"}, "no column 'target'.*age, job, label"),
        (many(), {"features": ("age", "height")}, "no column 'height'.*age, job, label"),
        (many(), {"features": ("age", "label")}, "both the label and a feature"),
        (many()[["label"]], {}, "no feature columns besides label"),
        (many(label="a"), {}, "label 'a'.*at least two classes"),
        (many(label=range(30)), {}, "30 different values in 30 samples"),
        (many(key=[*range(29), 3]), {"id": "key"}, r"Row 30 .* has the id '3', which Row 4 of people\.csv has too"),
        (many(part=["train"] * 29 + ["later"]), {"split": "part"}, "Row 30 .* has 'later' in column part"),
        (many(part=["test"] * 30), {"split": "part"}, "no training samples"),
        (
            with_value(many(split=["train"] * 29 + ["test"]), 30, "label", "c"),
            {},
            "Row 30 .* label 'c', which no training sample has .*test",
        ),
        (many().iloc[:0], {}, "header but no rows"),
    ],
)
def test_mistakes_are_named(tmp_path, frame, config, match):
    path = save(frame, tmp_path / "people.csv")
    for act in (lambda: preview(DataConfig(path=str(path), **config)), lambda: load(path, tmp_path / "data", **config)):
        with pytest.raises(UserError, match=match) as caught:
            act()
        assert caught.value.do
    assert not list(tmp_path.glob("data*"))


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"x,label\n1,a\n1,2,3,4\n", "not a table"),
        ("a.csv", b"x,label\n1,2,3\n1,2,3\n", "more values than its header"),
        ("a.csv", b"x,label\n\xff\xfe,a\n", "not UTF-8"),
        ("a.jsonl", b'{"x": 1, "label": "a"}\n{"x": \n', "Line 2 of a.jsonl is not JSON"),
        ("a.jsonl", b"[1, 2]\n", "Line 1 of a.jsonl is not an object"),
        (
            "a.jsonl",
            b'{"x": [1], "label": "a"}\n{"x": [2], "label": "b"}\n',
            "Row 1 of a.jsonl has a list or an object in column x",
        ),
        ("a.parquet", b"PAR0", "not a Parquet file"),
        ("a.ods", b"x", r"ends in '\.ods'"),
        ("a.npz", b"", "is empty"),
    ],
)
def test_broken_files_are_named(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=match):
        load(tmp_path / name, tmp_path / "data")


def test_no_path_is_a_user_error():
    with pytest.raises(UserError, match="No data was named"):
        preview(DataConfig())


def test_preview_agrees_with_the_import(tmp_path):
    path = save(many(), tmp_path / "people.csv")
    seen, dataset = preview(DataConfig(path=str(path))), load(path, tmp_path / "data")
    assert seen["counts"] == dataset.info.counts
    assert seen["shape"] == dataset.info.shape
    assert seen["examples"][0]["values"].keys() == {"age", "job"}
    assert seen["modality"] == "tabular"
