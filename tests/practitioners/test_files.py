"""Files written by the real libraries are read as these libraries read them."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.settings.configs import DataConfig

RNG = np.random.default_rng(0)
N = 24
PIXELS = RNG.integers(0, 256, (N, 8, 9, 3), dtype=np.uint8)
FRAME = pd.DataFrame({"age": np.arange(N) * 1.5, "job": ["cook", "nurse"] * 12, "label": ["a", "b", "b"] * 8})


def load(path, folder, **config):
    return import_data(DataConfig(path=str(path), val_fraction=0, test_fraction=0, **config), folder / "data", "d")


def is_frame(dataset):
    assert dataset.samples["col:age"].tolist() == FRAME["age"].tolist()
    assert dataset.samples["col:job"].tolist() == FRAME["job"].tolist()
    assert [dataset.info.classes[label] for label in dataset.labels] == FRAME["label"].tolist()


def hugging():
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as Picture

    values = {"image": [Image.fromarray(one) for one in PIXELS], "label": [0, 1] * 12}
    return Dataset.from_dict(values, Features({"image": Picture(), "label": ClassLabel(names=["zebra", "ant"])}))


def test_datasets_to_parquet_with_pictures(tmp_path):
    hugging().to_parquet(str(tmp_path / "train-00000-of-00001.parquet"))
    hugging().select(range(6)).to_parquet(str(tmp_path / "test-00000-of-00001.parquet"))
    dataset = load(tmp_path / "*.parquet", tmp_path / "out")
    assert dataset.info.classes == ("zebra", "ant")
    assert dataset.info.counts == {"train": N, "val": 0, "test": 6}
    assert np.array_equal(dataset.inputs[:N], PIXELS)
    assert dataset.labels[:N].tolist() == [0, 1] * 12


def test_datasets_image_folder_with_metadata_json_lines(tmp_path):
    from datasets import load_dataset

    (tmp_path / "in").mkdir()
    lines = pd.DataFrame({"file_name": [f"{i}.png" for i in range(N)], "label": [f"c{i % 2}" for i in range(N)]})
    lines.to_json(tmp_path / "in" / "metadata.jsonl", orient="records", lines=True)
    for name, one in zip(lines["file_name"], PIXELS, strict=True):
        Image.fromarray(one).save(tmp_path / "in" / name)
    theirs = load_dataset("imagefolder", data_dir=str(tmp_path / "in"), cache_dir=str(tmp_path / "cache"))["train"]
    dataset = load(tmp_path / "in", tmp_path / "out")
    by_id = {name: row for row, name in enumerate(dataset.ids)}
    rows = [by_id[name] for name in lines["file_name"]]
    assert np.array_equal(dataset.inputs[rows], PIXELS)
    assert sorted(theirs["label"]) == sorted(dataset.info.classes[label] for label in dataset.labels)


def test_polars_writes_feather_parquet_and_csv(tmp_path):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(FRAME.to_dict("list"))
    frame.write_ipc(tmp_path / "a.feather")
    frame.write_ipc(tmp_path / "b.arrow", compression="zstd")
    frame.write_ipc_stream(tmp_path / "c.arrow")
    frame.write_parquet(tmp_path / "d.parquet")
    frame.write_json(tmp_path / "e.json")
    frame.write_ndjson(tmp_path / "f.ndjson")
    for place, path in enumerate(sorted(tmp_path.glob("?.*"))):
        is_frame(load(path, tmp_path / f"out{place}"))


def test_an_excel_workbook(tmp_path):
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame().to_excel(book, sheet_name="empty")
        FRAME.to_excel(book, sheet_name="people", index=False)
    dataset = load(tmp_path / "book.xlsx", tmp_path)
    is_frame(dataset)
    assert any("'people' was read" in one["what"] for one in dataset.info.problems)
    assert list(reader_of(tmp_path / "book.xlsx").first_rows(str(tmp_path / "book.xlsx"), 2)["age"]) == [0.0, 1.5]


def test_a_duckdb_table_and_a_query_which_can_write_nothing(tmp_path):
    import duckdb

    from attribution.errors import UserError

    path = tmp_path / "d.duckdb"
    with duckdb.connect(str(path)) as made:
        made.register("frame", FRAME)
        made.execute("CREATE TABLE people AS SELECT * FROM frame")
    is_frame(load(path, tmp_path / "one"))
    is_frame(load(f"duckdb:{path}?sql=SELECT age, job, label FROM people", tmp_path / "two"))
    assert preview(DataConfig(path=f"duckdb:{path}?sql=SELECT * FROM people WHERE age < 15"))["n"] == 10
    for sql in ("DROP TABLE people", "COPY people TO 'out.csv'", "SELECT * FROM read_csv('/etc/passwd')", "SELEKT"):
        with pytest.raises(UserError, match="does not answer"):
            preview(DataConfig(path=f"duckdb:{path}?sql={sql}"))
    assert not (tmp_path / "work" / "out.csv").exists()


def test_webdataset_shards(tmp_path):
    import webdataset

    for place in range(2):
        with webdataset.TarWriter(str(tmp_path / f"shard-{place:06d}.tar")) as out:
            for i in range(place * 12, place * 12 + 12):
                out.write({"__key__": f"s{i:04d}", "png": PIXELS[i], "cls": i % 3, "json": {"size": i}})
    pattern = f"{tmp_path}/shard-{{000000..000001}}.tar"
    dataset = load(pattern, tmp_path)
    theirs = webdataset.WebDataset(pattern, shardshuffle=False).decode("rgb8").to_tuple("png", "cls")
    pixels, labels = zip(*theirs, strict=True)
    assert np.array_equal(dataset.inputs[:], np.stack(pixels))
    assert [int(dataset.info.classes[label]) for label in dataset.labels] == list(labels)


def test_torchvision_reads_the_same_files_alike(tmp_path):
    from torchvision import datasets

    def idx(name, array):
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (tmp_path / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
        (tmp_path / "MNIST" / "raw" / name).write_bytes(head + array.tobytes())

    for name in ("train", "t10k"):
        idx(f"{name}-images-idx3-ubyte", RNG.integers(0, 256, (N, 28, 28), dtype=np.uint8))
        idx(f"{name}-labels-idx1-ubyte", (np.arange(N) % 5).astype(np.uint8))
    dataset = load(tmp_path, tmp_path / "out")
    for train, rows in ((True, dataset.rows("train")), (False, dataset.rows("test"))):
        theirs = datasets.MNIST(str(tmp_path), train=train)
        assert np.array_equal(dataset.inputs[rows][..., 0], theirs.data.numpy())
        assert dataset.labels[rows].tolist() == theirs.targets.tolist()


def test_torchvision_image_folder_and_stl10(tmp_path):
    from torchvision import datasets

    for i, one in enumerate(PIXELS):
        (tmp_path / "in" / f"c{i % 2}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(tmp_path / "in" / f"c{i % 2}" / f"{i:02d}.png")
    theirs = datasets.ImageFolder(str(tmp_path / "in"))
    dataset = load(tmp_path / "in", tmp_path / "one")
    assert np.array_equal(dataset.inputs[:], np.stack([np.asarray(image) for image, _ in theirs]))
    assert dataset.labels.tolist() == theirs.targets
    stl = tmp_path / "stl10_binary"
    stl.mkdir()
    stl.joinpath("train_X.bin").write_bytes(RNG.integers(0, 256, (6, 3, 96, 96), dtype=np.uint8).tobytes())
    stl.joinpath("train_y.bin").write_bytes(bytes([1, 2, 1, 2, 1, 2]))
    stl.joinpath("class_names.txt").write_text("airplane\nbird\n")
    dataset = load(stl, tmp_path / "two", image_size=96)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.STL10, "_check_integrity", lambda self: True)
        patch.setattr(datasets.STL10, "_load_folds", lambda self, folds: None, raising=False)
        patch.setattr(datasets.STL10, "_STL10__load_folds", lambda self, folds: None)
        theirs = datasets.STL10(str(tmp_path), split="train")
    assert np.array_equal(dataset.inputs[:], theirs.data.transpose(0, 2, 3, 1))
    assert dataset.labels.tolist() == theirs.labels.tolist()


def test_the_advice_for_pickled_cifar_works_when_it_is_followed(tmp_path, monkeypatch):
    import pickle

    from torchvision.datasets import cifar

    from attribution.errors import UserError

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for place, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        data = {"data": RNG.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [place % 3, 0, 1, 2]}
        (folder / name).write_bytes(pickle.dumps(data))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["plane", "car", "bird"]}))
    with pytest.raises(UserError) as said:
        preview(DataConfig(path=str(tmp_path)))
    monkeypatch.setattr(cifar, "check_integrity", lambda *_: True)
    exec(said.value.do.partition('python -c "')[2].rstrip('"'))
    dataset = load("cifar.npz", tmp_path)
    theirs = cifar.CIFAR10(str(tmp_path))
    assert np.array_equal(dataset.inputs[:20], theirs.data)
    assert dataset.info.classes == ("plane", "car", "bird")
