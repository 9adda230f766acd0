"""Tables with pictures in them: Parquet and JSON lines as Hugging Face writes them, bytes, and paths beside a table."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FEATURES = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}


def png(value, side=6):
    stream = io.BytesIO()
    Image.fromarray(np.full((side, side), value, dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def written(path, start, count, features=FEATURES, kind=IMAGE, **columns):
    """A Parquet file of pictures of the shades start, start + 1, ... as datasets writes it, four rows a group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [png(start + i) for i in range(count)]
    values = [{"bytes": one, "path": None} for one in found] if kind == IMAGE else found
    table = pa.table({"image": pa.array(values, kind), "label": [i % 2 for i in range(count)], **columns})
    said = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if features else {}
    parquet.write_table(table.replace_schema_metadata(said), path, row_group_size=4)
    return path


def load(path, folder, **config):
    return import_data(DataConfig(path=str(path), val_fraction=0, test_fraction=0, **config), folder / "data", "d")


def shades(dataset):
    return [int(dataset.inputs[row].max()) for row in range(len(dataset))]


def test_pictures_and_class_names_of_a_parquet_file(tmp_path):
    dataset = load(written(tmp_path / "t.parquet", 10, 11, width=list(range(11))), tmp_path)
    assert (dataset.info.modality, dataset.info.classes) == ("image", ("cat", "dog"))
    assert shades(dataset) == list(range(10, 21))
    assert dataset.own_names == ("width",)
    assert dataset.labels.tolist() == [i % 2 for i in range(11)]


def test_a_pattern_of_parts_has_the_splits_of_their_names(tmp_path):
    for name, start, count in (
        ("train-00000-of-00002", 0, 6),
        ("train-00001-of-00002", 6, 5),
        ("test-00000-of-00001", 20, 4),
    ):
        written(tmp_path / "data" / f"{name}.parquet", start, count)
    pattern = tmp_path / "data" / "*.parquet"
    assert reader_of(pattern).name == "table"
    assert list(reader_of(pattern).first_rows(str(pattern), 3).columns) == ["label"]
    dataset = load(pattern, tmp_path / "one")
    assert dataset.info.counts == {"train": 11, "val": 0, "test": 4}
    assert shades(dataset) == [*range(11), *range(20, 24)]
    folder = load(tmp_path / "data", tmp_path / "two")
    assert shades(folder) == shades(dataset)
    only = load(tmp_path / "data" / "train-*.parquet", tmp_path / "three")
    assert shades(only) == list(range(11))


def test_raw_bytes_are_pictures_and_other_bytes_are_not(tmp_path):
    dataset = load(written(tmp_path / "t.parquet", 0, 8, {}, pa.binary()), tmp_path)
    assert (dataset.info.modality, dataset.info.classes, shades(dataset)) == ("image", ("0", "1"), list(range(8)))
    frame = pd.DataFrame({"code": [b"a", b"b", b"b"] * 10, "label": [0, 1] * 15})
    frame.to_parquet(tmp_path / "words.parquet")
    assert preview(DataConfig(path=str(tmp_path / "words.parquet"), features=("code",)))["modality"] == "tabular"


def test_named_features_keep_a_table_a_table(tmp_path):
    path = written(tmp_path / "t.parquet", 0, 20, width=[float(i) for i in range(20)])
    found = preview(DataConfig(path=str(path), features=("width",)))
    assert found["modality"] == "tabular"
    assert any("not looked at" in one["what"] for one in found["problems"])


def test_json_lines_and_csv_with_paths(tmp_path):
    (tmp_path / "img").mkdir()
    for i in range(8):
        (tmp_path / "img" / f"{i}.png").write_bytes(png(i))
    lines = [{"image": {"path": f"img/{i}.png", "bytes": None}, "label": "ab"[i % 2]} for i in range(8)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    dataset = load(tmp_path / "t.jsonl", tmp_path / "one")
    assert (shades(dataset), dataset.ids[3]) == (list(range(8)), "img/3.png")
    pd.DataFrame({"image_id": range(8), "breed": list("abababab")}).astype({"image_id": str}).to_csv(
        tmp_path / "train.csv", index=False
    )
    frame = pd.DataFrame({"image_id": [f"{i}" for i in range(8)], "breed": list("abababab")})
    frame.to_json(tmp_path / "k.jsonl", orient="records", lines=True)
    assert shades(load(tmp_path / "k.jsonl", tmp_path / "two", label="breed")) == list(range(8))


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd.png", "img/../../secret.png", "\0.png", "x" * 5000 + ".png"]
)
def test_no_path_leads_out_of_the_folder(tmp_path, name):
    (tmp_path / "secret.png").write_bytes(png(1))
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.png").write_bytes(png(2))
    (inside / "b.png").write_bytes(png(3))
    rows = [("a.png", "x"), ("b.png", "y"), (name, "x")]
    (inside / "t.jsonl").write_text("\n".join(json.dumps({"file": file, "label": label}) for file, label in rows))
    dataset = load(inside / "t.jsonl", tmp_path)
    assert dataset.ids.tolist() == ["a.png", "b.png"]


def test_broken_pictures_are_left_out_and_a_broken_file_is_said(tmp_path):
    values = [{"bytes": b"no picture" if i == 3 else png(i), "path": None} for i in range(8)]
    parquet.write_table(pa.table({"image": pa.array(values, IMAGE), "label": list("abababab")}), tmp_path / "t.parquet")
    dataset = load(tmp_path / "t.parquet", tmp_path)
    assert len(dataset) == 7
    assert any(one["where"] == "row 4" for one in dataset.info.problems)
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-20])
    with pytest.raises(UserError, match=r"cut\.parquet"):
        load(tmp_path / "cut.parquet", tmp_path / "again")


def test_whole_paths_are_taken_below_the_table_and_refused_beside_with_advice_that_works(tmp_path):
    (tmp_path / "img").mkdir()
    (tmp_path / "labels").mkdir()
    for i in range(8):
        (tmp_path / "img" / f"{i}.png").write_bytes(png(i))
    frame = pd.DataFrame({"path": [str(tmp_path / "img" / f"{i}.png") for i in range(8)], "label": list("abababab")})
    frame.to_csv(tmp_path / "labels" / "t.csv", index=False)
    with pytest.raises(UserError, match="outside of the table's folder") as said:
        load(tmp_path / "labels" / "t.csv", tmp_path / "one")
    assert f"Save the table in {tmp_path}," in said.value.do
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert shades(load(tmp_path / "t.csv", tmp_path / "two")) == list(range(8))


def test_pictures_that_parquet_names_only_by_path(tmp_path):
    for i in range(8):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    values = [{"bytes": None, "path": f"{i}.png"} for i in range(8)]
    parquet.write_table(pa.table({"image": pa.array(values, IMAGE), "label": list("abababab")}), tmp_path / "t.parquet")
    assert shades(load(tmp_path / "t.parquet", tmp_path / "out")) == list(range(8))
