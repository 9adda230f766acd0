"""Folders as Hugging Face's save_to_disk writes them, made here by hand with pyarrow alone."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

CLASSES = {"_type": "ClassLabel", "names": ["cat", "dog"]}
TEXT = {"_type": "Value", "dtype": "string"}
NUMBER = {"_type": "Value", "dtype": "float64"}


def saved(folder, columns, features, shards=1):
    """One split as save_to_disk lays it out."""
    folder.mkdir(parents=True)
    table = pa.table(columns)
    size = -(-len(table) // shards)
    names = [f"data-{shard:05d}-of-{shards:05d}.arrow" for shard in range(shards)]
    for shard, name in enumerate(names):
        part = table.slice(shard * size, size)
        with pa.ipc.new_stream(str(folder / name), part.schema) as stream:
            stream.write_table(part, max_chunksize=7)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def split(folder, parts, features):
    """Several splits, and the file that names them."""
    for name, columns in parts.items():
        saved(folder / name, columns, features)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(parts)}))
    return folder


def png(value, side=6):
    stream = io.BytesIO()
    Image.fromarray(np.full((side, side), value, dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def pictures(count, broken=()):
    """A column of pictures as datasets stores it; a broken one has bytes that are no picture."""
    stored = [{"bytes": b"no picture" if i in broken else png(8 * i), "path": None} for i in range(count)]
    return pa.array(stored, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def test_pictures_with_class_names_and_splits(tmp_path):
    parts = {
        "train": {"image": pictures(20), "label": [0, 1] * 10},
        "validation": {"image": pictures(4), "label": [0, 1] * 2},
        "test": {"image": pictures(6), "label": [1, 0] * 3},
    }
    folder = split(tmp_path / "pets", parts, {"image": {"_type": "Image"}, "label": CLASSES})
    assert reader_of(folder).name == "hugging-face"
    assert list(reader_of(folder).first_rows(folder, 3)["label"]) == ["cat", "dog", "cat"]
    found = preview(DataConfig(path=str(folder)))
    assert (found["modality"], found["n"], found["seen"]) == ("image", 30, 30)
    dataset = import_data(DataConfig(path=str(folder)), tmp_path / "data", "pets")
    assert dataset.info.counts == {"train": 20, "val": 4, "test": 6}
    assert dataset.info.classes == ("cat", "dog")
    assert dataset.inputs[3].max() == 24
    assert dataset.labels[dataset.rows("test")].tolist() == [1, 0] * 3
    assert dataset.line(25)["source"] == "row 2 of test"


def test_rows_without_a_label_and_broken_pictures_are_left_out_and_counted(tmp_path):
    columns = {"image": pictures(20, broken=(4,)), "label": [-1, None, *[0, 1] * 9]}
    folder = saved(tmp_path / "pets", columns, {"image": {"_type": "Image"}, "label": CLASSES})
    dataset = import_data(DataConfig(path=str(folder)), tmp_path / "data", "pets")
    assert len(dataset) == 17
    assert dataset.info.seen == 20
    gone = {one["where"]: one["what"] for one in dataset.info.problems if one["kind"] == "left out"}
    assert gone["row 1"] == gone["row 2"] == "has no label"
    assert "not a picture" in gone["row 5"]


def test_texts_in_several_files(tmp_path):
    columns = {"text": [f"word{i} and more" for i in range(40)], "label": [0, 1] * 20}
    folder = saved(tmp_path / "reviews", columns, {"text": TEXT, "label": CLASSES}, shards=3)
    dataset = import_data(DataConfig(path=str(folder), text="text"), tmp_path / "data", "reviews")
    assert (dataset.info.modality, len(dataset)) == ("text", 40)
    assert "word39 and more" in set(dataset.samples["text"])


def test_a_table(tmp_path):
    columns = {"age": [float(i) for i in range(40)], "label": [0, 1] * 20}
    folder = saved(tmp_path / "people", columns, {"age": NUMBER, "label": CLASSES})
    dataset = import_data(DataConfig(path=str(folder)), tmp_path / "data", "people")
    assert (dataset.info.modality, dataset.info.classes) == ("tabular", ("cat", "dog"))


def test_lists_of_classes_are_several_labels(tmp_path):
    columns = {"age": [float(i) for i in range(40)], "label": [[0], [0, 1], [], [1]] * 10}
    features = {"age": NUMBER, "label": {"_type": "Sequence", "feature": CLASSES}}
    folder = saved(tmp_path / "pets", columns, features)
    found = preview(DataConfig(path=str(folder), task="multilabel"))
    assert (found["kind"], found["classes"]) == ("set", ["cat", "dog"])


def test_splits_of_other_names_are_read_as_one(tmp_path):
    part = {"age": [float(i) for i in range(20)], "label": [0, 1] * 10}
    folder = split(tmp_path / "d", {"train": part, "unsupervised": part}, {"age": NUMBER, "label": CLASSES})
    found = preview(DataConfig(path=str(folder)))
    assert found["n"] == 40
    assert any("unsupervised" in one["where"] for one in found["problems"])


@pytest.mark.parametrize("name", ["../outside", "/etc", "a/b", "..", ""])
def test_nothing_outside_of_the_folder_is_reached(tmp_path, name):
    folder = saved(tmp_path / "d", {"age": [1.0, 2.0], "label": [0, 1]}, {"age": NUMBER, "label": CLASSES})
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(UserError, match="names the files"):
        preview(DataConfig(path=str(folder)))
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(UserError, match="names the splits"):
        preview(DataConfig(path=str(folder)))


def test_a_path_in_place_of_bytes_is_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(9))
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    stored = [{"bytes": None, "path": str(tmp_path / "secret.png")}, *pictures(19).to_pylist()]
    columns = {"image": pa.array(stored, kind), "label": [0, 1] * 10}
    folder = saved(tmp_path / "d", columns, {"image": {"_type": "Image"}, "label": CLASSES})
    dataset = import_data(DataConfig(path=str(folder)), tmp_path / "data", "d")
    assert len(dataset) == 19
    assert dataset.info.problems[0]["where"] == "row 1"


def test_what_is_broken_is_named(tmp_path):
    columns = {"age": [1.0, 2.0], "label": [0, 1]}
    folder = saved(tmp_path / "d", columns, {"age": NUMBER, "label": CLASSES})
    data = next(folder.glob("*.arrow"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(UserError, match=r"arrow cannot be read"):
        preview(DataConfig(path=str(folder)))
    (folder / "state.json").write_text("[")
    with pytest.raises(UserError, match=r"state\.json cannot be read"):
        preview(DataConfig(path=str(folder)))


def test_the_real_library_writes_what_is_read(tmp_path):
    pytest.importorskip("datasets.arrow_dataset", reason="the library itself is not installed")
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    some = [Image.fromarray(np.full((6, 6), 8 * i, dtype=np.uint8)) for i in range(20)]
    made = datasets.Dataset.from_dict({"image": some, "label": [0, 1] * 10}, features=features)
    datasets.DatasetDict({"train": made, "test": made}).save_to_disk(str(tmp_path / "d"))
    dataset = import_data(DataConfig(path=str(tmp_path / "d")), tmp_path / "data", "d")
    assert dataset.info.counts["test"] == 20
    assert dataset.inputs[3].max() == 24


def test_pictures_are_referred_to_in_the_arrow_files(tmp_path):
    parts = {name: {"image": pictures(n), "label": [0, 1] * (n // 2)} for name, n in (("train", 20), ("test", 6))}
    path = str(split(tmp_path / "pets", parts, {"image": {"_type": "Image"}, "label": CLASSES}))
    copied = import_data(DataConfig(path=path, reference="copy"), tmp_path / "copied", "pets")
    referred = import_data(DataConfig(path=path, reference="reference"), tmp_path / "referred", "pets")
    assert referred.info.base_hash == copied.info.base_hash
    assert np.array_equal(referred.inputs[:], copied.inputs)
    assert not (tmp_path / "referred" / "inputs.npy").exists()
