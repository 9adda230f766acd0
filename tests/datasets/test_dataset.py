"""Rows, ids, tensors and labelled versions of a dataset."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
from attribution.errors import UserError


def write(folder, n=10, splits=None, inputs=None, **info):
    splits = splits or ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    samples = pd.DataFrame({"id": [f"s{i}" for i in range(n)], "split": splits, "label": [i % 2 for i in range(n)]})
    samples = samples.assign(source=[f"row {i + 1}" for i in range(n)], hash=[f"h{i}" for i in range(n)])
    values = {
        "name": "t",
        "modality": "tabular",
        "classes": ("a", "b"),
        "shape": (3,),
        "counts": {},
        "base_hash": "",
        **info,
    }
    return Dataset.write(
        folder,
        DatasetInfo(**values),
        samples,
        np.arange(n * 3, dtype=np.float32).reshape(n, 3) if inputs is None else inputs,
    )


@pytest.fixture
def dataset(tmp_path):
    return write(tmp_path / "data")


def test_rows_of_splits_and_ids(dataset):
    assert dataset.rows("train").tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.rows("val").tolist() == [6, 7]
    assert dataset.rows("test").tolist() == [8, 9]
    assert dataset.rows("all").tolist() == list(range(len(dataset)))
    assert dataset.rows_of(["s9", "s0"]).tolist() == [9, 0]
    assert dataset.labels.dtype == np.int64
    assert dataset.info.counts == {"train": 6, "val": 2, "test": 2}


def test_unknown_ids_and_splits_are_named(dataset):
    with pytest.raises(UserError, match="nope, 7"):
        dataset.rows_of(["s1", "nope", 7])
    with pytest.raises(UserError, match="'dev'"):
        dataset.rows("dev")


def test_no_dataset_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no dataset"):
        Dataset.open(tmp_path)


def test_reopened_dataset_equals_the_written_one(dataset):
    again = Dataset.open(dataset.folder)
    assert again.info == dataset.info
    pd.testing.assert_frame_equal(again.samples, dataset.samples)
    assert not again.inputs.flags.writeable


def test_problems_of_older_projects_were_left_out(dataset):
    path = dataset.folder / "dataset.json"
    older = {**json.loads(path.read_text()), "problems": [{"where": "a.txt", "what": "not a picture"}]}
    older.pop("seen")
    path.write_text(json.dumps(older))
    info = Dataset.open(dataset.folder).info
    assert info.problems == ({"where": "a.txt", "what": "not a picture", "kind": "left out", "count": 1},)
    assert info.seen == 0


def test_image_tensor_is_standardised_channels_first(tmp_path):
    pixels = np.zeros((10, 4, 5, 3), dtype=np.uint8)
    pixels[3, 1, 2] = (255, 51, 0)
    preprocessing = {"mean": [0.5, 0.1, 0.0], "std": [0.25, 0.1, 1.0]}
    images = write(tmp_path / "data", inputs=pixels, modality="image", shape=(3, 4, 5), preprocessing=preprocessing)
    batch = images.tensor([3, 0])
    assert batch.shape == (2, 3, 4, 5)
    assert batch.dtype == torch.float32
    assert batch[0, :, 1, 2].tolist() == pytest.approx([2.0, 1.0, 0.0])
    assert batch[1, :, 0, 0].tolist() == pytest.approx([-2.0, -1.0, 0.0])


def test_text_tensor_is_int64(tmp_path):
    tokens = write(tmp_path / "data", inputs=np.ones((10, 3), dtype=np.int32), modality="text").tensor(np.array([1]))
    assert tokens.dtype == torch.int64


def test_rows_must_be_ordered_and_ids_unique(tmp_path):
    with pytest.raises(ValueError, match="ordered"):
        write(tmp_path / "data", n=3, splits=["val", "train", "test"])


def test_undoing_every_edit_gives_the_base_version(dataset):
    base = dataset.base_version()
    values, active = base.values.copy(), base.active.copy()
    values[2], active[0] = 1, False
    edited = Labels.of(dataset, values, active)
    assert edited.version != base.version
    assert edited.train_rows(dataset).tolist() == [1, 2, 3, 4, 5]
    values[2], active[0] = base.values[2], True
    assert Labels.of(dataset, values, active).version == base.version


@settings(max_examples=50, deadline=None)
@given(
    labels=st.lists(st.integers(0, 1), min_size=10, max_size=10),
    other=st.lists(st.integers(0, 1), min_size=10, max_size=10),
)
def test_versions_are_equal_exactly_when_the_labels_are(tmp_path_factory, labels, other):
    folder = tmp_path_factory.getbasetemp() / "versions"
    dataset = Dataset.open(folder) if (folder / "dataset.json").exists() else write(folder)
    active = np.ones(10, dtype=bool)
    same = Labels.of(dataset, np.array(labels), active).version == Labels.of(dataset, np.array(other), active).version
    assert same == (labels == other)


def test_labels_cannot_be_changed_in_place_or_be_no_class(dataset):
    base = dataset.base_version()
    with pytest.raises(ValueError, match="read-only"):
        base.values[0] = 1
    with pytest.raises(UserError, match="the label 2"):
        Labels.of(dataset, np.full(10, 2), base.active)


def test_base_hash_follows_labels_and_content(tmp_path):
    first = write(tmp_path / "a")
    assert write(tmp_path / "b").info.base_hash == first.info.base_hash
    assert write(tmp_path / "c", classes=("a", "c")).info.base_hash != first.info.base_hash
    assert write(tmp_path / "d", splits=["train"] * 7 + ["val"] + ["test"] * 2).info.base_hash != first.info.base_hash


def test_columns_lines_and_ids_are_read_without_the_rest(dataset, monkeypatch):
    whole = Dataset.open(dataset.folder).samples
    monkeypatch.setattr("attribution.datasets.dataset.LINES", 3)
    Dataset.write(dataset.folder, dataset.info, whole)  # in blocks of three lines
    opened = Dataset.open(dataset.folder)
    assert opened.column("hash").tolist() == whole["hash"].tolist()
    for row in (0, 2, 3, len(whole) - 1, 0):
        assert opened.line(row).fillna("").to_dict() == whole.iloc[row].fillna("").to_dict()
    assert "samples" not in opened.__dict__
    assert [opened.row_of(name) for name in opened.ids] == list(range(len(whole)))
    assert opened.row_of("nobody") is None
