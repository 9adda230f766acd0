"""Pictures in IDX files and in the binary versions of CIFAR and STL-10, made here by hand."""

import gzip
import struct

import numpy as np
import pytest

from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

RNG = np.random.default_rng(0)


def load(path, folder, **config):
    return import_data(DataConfig(path=str(path), val_fraction=0, test_fraction=0, **config), folder / "data", "d")


def idx(path, array, packed=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.with_name(path.name + ".gz" * packed).write_bytes(gzip.compress(data) if packed else data)


def mnist(folder, packed=False):
    made = {}
    for name, n in (("train", 20), ("t10k", 8)):
        made[name] = RNG.integers(0, 256, (n, 6, 5), dtype=np.uint8)
        idx(folder / f"{name}-images-idx3-ubyte", made[name], packed)
        idx(folder / f"{name}-labels-idx1-ubyte", np.arange(n) % 4, packed)
    return made


@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_with_their_splits(tmp_path, place, packed):
    made = mnist(tmp_path / "in" / place, packed)
    assert reader_of(tmp_path / "in").name == "idx"
    dataset = load(tmp_path / "in", tmp_path)
    assert dataset.info.counts == {"train": 20, "val": 0, "test": 8}
    assert np.array_equal(dataset.inputs[:20, :, :, 0], made["train"])
    assert np.array_equal(dataset.inputs[20:, :, :, 0], made["t10k"])
    assert dataset.labels.tolist() == [i % 4 for i in (*range(20), *range(8))]


def test_one_file_and_the_names_of_clothes(tmp_path):
    mnist(tmp_path / "FashionMNIST" / "raw")
    found = preview(DataConfig(path=str(tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte")))
    assert (found["n"], found["classes"]) == (20, ["T-shirt/top", "Trouser", "Pullover", "Dress"])


@pytest.mark.parametrize(
    ("break_it", "match"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), "no whole IDX file of 3 axes"),
        (lambda path: path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12), "header says 4294967295 x"),
        (lambda path: path.write_bytes(b"\0\0\x0d\x03" + b"\0" * 40), "its header is none"),
        (lambda path: path.write_bytes(b"ab"), "no whole IDX file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.with_name("train-labels-idx1-ubyte").unlink(), "does not lie beside"),
        (lambda path: idx(path.with_name("train-labels-idx1-ubyte"), np.zeros(3)), "20 pictures.*3 labels"),
    ],
)
def test_broken_idx_files_are_said(tmp_path, break_it, match):
    mnist(tmp_path)
    break_it(tmp_path / "train-images-idx3-ubyte")
    with pytest.raises(UserError, match=match):
        preview(DataConfig(path=str(tmp_path)))


def cifar(folder, hundred=False):
    folder.mkdir(parents=True)
    pixels = RNG.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(20, dtype=np.uint8) % 3
    rows = np.concatenate([labels[:, None], pixels.transpose(0, 3, 1, 2).reshape(20, -1)], 1)
    if hundred:
        rows = np.concatenate([np.full((20, 1), 7, np.uint8), rows], 1)
    names = ("train.bin", "test.bin") if hundred else ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")
    for name, part in zip(names, np.array_split(rows, len(names)), strict=True):
        (folder / name).write_bytes(part.tobytes())
    (folder / ("fine_label_names.txt" if hundred else "batches.meta.txt")).write_text("plane\ncar\nbird\ncat\n\n")
    return pixels, labels


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar(tmp_path, hundred):
    pixels, labels = cifar(tmp_path / "in" / ("cifar-100-binary" if hundred else "cifar-10-batches-bin"), hundred)
    dataset = load(tmp_path / "in", tmp_path)
    assert dataset.info.classes == ("plane", "car", "bird")
    assert dataset.info.counts == {"train": 10 if hundred else 14, "val": 0, "test": 10 if hundred else 6}
    assert np.array_equal(dataset.inputs[:], pixels)
    assert dataset.labels.tolist() == labels.tolist()


def test_stl10(tmp_path):
    pixels = RNG.integers(0, 256, (12, 96, 96, 3), dtype=np.uint8)
    for split, rows in (("train", slice(0, 8)), ("test", slice(8, 12))):
        (tmp_path / f"{split}_X.bin").write_bytes(pixels[rows].transpose(0, 3, 2, 1).tobytes())
        (tmp_path / f"{split}_y.bin").write_bytes((np.arange(12)[rows] % 2 + 1).astype(np.uint8).tobytes())
    (tmp_path / "class_names.txt").write_text("airplane\nbird\n")
    dataset = load(tmp_path, tmp_path, image_size=96)
    assert np.array_equal(dataset.inputs[:], pixels)
    assert dataset.info.classes == ("airplane", "bird")
    (tmp_path / "train_X.bin").write_bytes(b"\0" * 1000)
    with pytest.raises(UserError, match="not whole records"):
        preview(DataConfig(path=str(tmp_path)))


def test_the_pickled_version_is_refused_with_the_way_out(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "batches.meta"):
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    for path in (tmp_path, folder):
        with pytest.raises(UserError, match=r"Unpickling.*np\.savez"):
            preview(DataConfig(path=str(path)))
