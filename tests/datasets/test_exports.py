"""What labelling programs and competitions hand out: COCO, Label Studio, and a folder of pictures with a table."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.views import importing


def pictures(folder, count, name="{}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.fromarray(np.full((6, 5), i, dtype=np.uint8)).save(folder / name.format(i))
    return folder


def load(path, folder, **config):
    return import_data(DataConfig(path=str(path), val_fraction=0, test_fraction=0, **config), folder / "out", "d")


def shades(dataset):
    return [int(dataset.inputs[row].max()) for row in range(len(dataset))]


@pytest.mark.parametrize("suffix", ["", ".png"])
@pytest.mark.parametrize("place", ["train", "train_images", "images", "."])
def test_a_flat_folder_with_a_table_beside_it(tmp_path, place, suffix):
    root = tmp_path / "kaggle"
    pictures(root / place, 10)
    frame = pd.DataFrame({"image_id": [f"{i}{suffix}" for i in range(10)], "breed": list("ababababab")})
    frame.to_csv(root / "train.csv", index=False)
    frame.head(2).to_csv(root / "sample_submission.csv", index=False)
    assert reader_of(root).name == "pictures-and-table"
    assert importing.columns_of(str(root)) == ["image_id", "breed"]
    dataset = load(root, tmp_path, label="breed")
    assert (shades(dataset), dataset.info.classes) == (list(range(10)), ("a", "b"))
    assert any(one["where"] == "sample_submission.csv" for one in dataset.info.problems)
    assert shades(load(root / "train.csv", tmp_path / "again", label="breed")) == list(range(10))


def test_class_folders_with_a_table_stay_class_folders(tmp_path):
    for label in "ab":
        pictures(tmp_path / "in" / label, 5)
    pd.DataFrame({"file": ["0.png"] * 5, "size": range(5)}).to_csv(tmp_path / "in" / "sizes.csv", index=False)
    assert reader_of(tmp_path / "in").name == "folder"
    assert len(load(tmp_path / "in", tmp_path)) == 10


def coco(folder, several=()):
    found = {
        "images": [{"id": 100 + i, "file_name": f"{i}.png", "width": 5, "height": 6} for i in range(10)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
        "annotations": [{"id": i, "image_id": 100 + i, "category_id": (7, 3)[i % 2]} for i in range(9)]
        + [{"id": 50 + i, "image_id": 100 + i, "category_id": 7} for i in several],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(found))
    return folder / "instances.json"


@pytest.mark.parametrize("place", [".", "annotations"])
def test_coco_categories_of_whole_pictures(tmp_path, place):
    pictures(tmp_path / "in" / "images", 10)
    path = coco(tmp_path / "in" / place)
    assert reader_of(path).name == "coco"
    dataset = load(path, tmp_path)
    assert shades(dataset) == list(range(9))
    assert [dataset.info.classes[label] for label in dataset.labels] == ["cat", "dog"] * 4 + ["cat"]
    assert any("has no label" in one["what"] for one in dataset.info.problems)


def test_coco_with_several_categories_is_refused_with_advice_that_works(tmp_path):
    pictures(tmp_path / "in", 10)
    path = coco(tmp_path / "in", several=(1, 3))
    with pytest.raises(UserError, match=r"more than one label.*--task multilabel"):
        preview(DataConfig(path=str(path)))
    assert preview(DataConfig(path=str(path), task="multilabel"))["classes"] == ["cat", "dog"]


def test_coco_without_its_pictures_or_parts_is_said(tmp_path):
    path = coco(tmp_path / "in")
    with pytest.raises(UserError, match="do not lie below"):
        preview(DataConfig(path=str(path)))
    path.write_text(path.read_text().replace('"image_id"', '"image"'))
    with pytest.raises(UserError, match=r"not whole as a COCO export.*image_id"):
        preview(DataConfig(path=str(path)))


def task(data, choices, **more):
    results = [{"type": "choices", "from_name": "label", "value": {"choices": choices}}] if choices else []
    return {"id": 1, "data": data, "annotations": [{"result": results, **more}]}


def test_label_studio_pictures_and_texts(tmp_path):
    pictures(tmp_path / "in", 10)
    names = [
        "/data/upload/1/1a2b3c4d-{}.png",
        "/data/local-files/?d=in/../in/{}.png",
        "s3://bucket/set/{}.png",
        "{}.png",
    ]
    tasks = [task({"image": names[i % 4].replace("in/../in/", "").format(i)}, ["ab"[i % 2]]) for i in range(10)]
    (tmp_path / "in" / "export.json").write_text(json.dumps(tasks))
    assert reader_of(tmp_path / "in" / "export.json").name == "label-studio"
    dataset = load(tmp_path / "in" / "export.json", tmp_path)
    assert (shades(dataset), dataset.info.classes) == (list(range(10)), ("a", "b"))
    texts = [task({"text": f"words number{i} {'yes' if i % 2 else 'no'}"}, ["ab"[i % 2]]) for i in range(20)]
    texts.append(task({"text": "skipped"}, ["a"], was_cancelled=True))
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    found = preview(DataConfig(path=str(tmp_path / "texts.json")))
    assert (found["modality"], found["n"], found["seen"]) == ("text", 20, 21)


def test_label_studio_with_several_choices_or_parts_missing(tmp_path):
    tasks = [task({"text": f"words number{i}"}, ["a", "b"][: 1 + i % 2]) for i in range(20)]
    (tmp_path / "t.json").write_text(json.dumps(tasks))
    with pytest.raises(UserError, match="more than one label"):
        preview(DataConfig(path=str(tmp_path / "t.json")))
    assert preview(DataConfig(path=str(tmp_path / "t.json"), task="multilabel"))["kind"] == "set"
    (tmp_path / "u.json").write_text(json.dumps([{"data": 1, "annotations": [{"result": []}]}]))
    with pytest.raises(UserError, match="not whole as a Label Studio export"):
        preview(DataConfig(path=str(tmp_path / "u.json")))
