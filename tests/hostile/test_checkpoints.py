"""Broken, odd and dangerous files of weights."""

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hostile.harness import check, clear, fine


def known(finished):
    (path,) = finished.glob("runs/*/checkpoints/epoch-004.safetensors")
    return safetensors.torch.load_file(path)


class Evil:
    """What a pickle runs when it is opened carelessly."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def saved(change, name="w.pt"):
    """The finished run's weights, changed, in a file of torch's."""

    def make(folder: Path, weights):
        torch.save(change(weights), folder / name)
        return folder / name

    return make


def written(content, name="w.safetensors"):
    def make(folder: Path, weights):
        (folder / name).write_bytes(content(weights, folder) if callable(content) else content)
        return folder / name

    return make


def safe(weights):
    return safetensors.torch.save({key: value.contiguous() for key, value in weights.items()})


def header(text, data=b""):
    raw = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def first(weights, value):
    key = next(iter(weights))
    return {**weights, key: value(weights[key])}


def poked(weights, value):
    key = next(iter(weights))
    tensor = weights[key].clone()
    tensor.view(-1)[0] = value
    return {**weights, key: tensor}


def pickled(thing):
    def make(folder: Path, weights):
        path = folder / "w.pt"
        path.write_bytes(pickle.dumps(thing(folder)))
        return path

    return make


def zipped(folder: Path, weights):
    """A zip with a pickle inside, in the layout of torch.save."""
    path = folder / "w.pt"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("archive/data.pkl", pickle.dumps(Evil(folder / "ran")))
        packed.writestr("archive/version", "3\n")
    return path


def circle(weights):
    found: dict = dict(weights)
    found["self"] = found
    return found


def deep(weights):
    found = weights
    for _ in range(100):
        found = {"state_dict": found}
    return found


def cut(weights, folder):
    stream = io.BytesIO()
    torch.save(weights, stream)
    return stream.getvalue()[:-100]


def a_folder(folder: Path, weights):
    (folder / "w").mkdir()
    return folder / "w"


def a_pipe(folder: Path, weights):
    os.mkfifo(folder / "w.pt")
    return folder / "w.pt"


LOADED = "loaded weights"
CASES = [
    ("plain safetensors", written(lambda w, _: safe(w)), fine(LOADED)),
    ("plain torch", saved(lambda w: w), fine(LOADED)),
    ("wrapped in state_dict", saved(lambda w: {"state_dict": w, "epoch": 3}), fine(LOADED)),
    ("prefixes of DataParallel", saved(lambda w: {"module." + k: v for k, v in w.items()}), fine(LOADED)),
    ("half precision", saved(lambda w: {k: v.half() for k, v in w.items()}), fine(LOADED)),
    ("double precision", saved(lambda w: {k: v.double() for k, v in w.items()}), fine(LOADED)),
    ("parameters", saved(lambda w: {k: torch.nn.Parameter(v) for k, v in w.items()}), fine(LOADED)),
    ("nothing", written(b""), clear("w.safetensors")),
    ("nothing, torch", written(b"", "w.pt"), clear("w.pt")),
    ("words", written(b"hello" * 50, "w.pt"), clear("w.pt")),
    ("words as safetensors", written(b"hello" * 50), clear("w.safetensors")),
    ("cut", written(cut, "w.pt"), clear("w.pt")),
    ("cut safetensors", written(lambda w, _: safe(w)[:-3]), clear("w.safetensors")),
    ("a header without end", written(struct.pack("<Q", 2**62) + b"{}"), clear("w.safetensors")),
    ("a header of no JSON", written(header(b"{nope")), clear("w.safetensors")),
    ("a header of a list", written(header([1, 2])), clear("w.safetensors")),
    (
        "offsets outside",
        written(header({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}, b"1234")),
        clear("w.safetensors"),
    ),
    (
        "offsets backwards",
        written(header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"1234")),
        clear("w.safetensors"),
    ),
    (
        "an unknown type",
        written(header({"a": {"dtype": "F7", "shape": [1], "data_offsets": [0, 4]}}, b"1234")),
        clear("w.safetensors"),
    ),
    (
        "a shape beyond everything",
        written(header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"1234")),
        clear("w.safetensors"),
    ),
    ("no such file", lambda folder, w: folder / "none.pt", clear("none.pt")),
    ("a folder", a_folder, clear("w")),
    ("a pipe", a_pipe, clear("w.pt")),
    ("a device", lambda folder, w: "/dev/zero", clear("/dev/zero")),
    ("a name of 5,000 signs", lambda folder, w: folder / ("n" * 5000), clear()),
    ("a pickle that would run", pickled(lambda folder: Evil(folder / "ran")), clear("w.pt")),
    ("a pickle in a zip", zipped, clear("w.pt")),
    (
        "a pickle inside the weights",
        lambda folder, w: saved(lambda w: {**w, "x": Evil(folder / "ran")})(folder, w),
        clear("w.pt"),
    ),
    ("a whole model", saved(lambda w: torch.nn.Linear(2, 2)), clear("w.pt")),
    ("a list", saved(lambda w: list(w.values())), clear("w.pt")),
    ("a tensor", saved(lambda w: torch.ones(3)), clear("w.pt")),
    ("a number", saved(lambda w: 3), clear("w.pt")),
    ("None", saved(lambda w: None), clear("w.pt")),
    ("an empty state", saved(lambda w: {}), clear("w.pt")),
    ("a circle", saved(circle), fine(LOADED)),
    ("a hundred deep", saved(deep), clear("w.pt")),
    ("words as values", saved(lambda w: dict.fromkeys(w, "word")), clear("w.pt")),
    ("numbers as names", saved(lambda w: dict(enumerate(w.values()))), clear("w.pt")),
    ("a missing key", saved(lambda w: dict(list(w.items())[1:])), clear("missing")),
    ("an unexpected key", saved(lambda w: {**w, "more.weight": torch.ones(2)}), clear("more.weight")),
    ("another shape", saved(lambda w: first(w, lambda v: torch.ones(7, 7))), clear("shape")),
    (
        "transposed",
        saved(lambda w: {k: v.T if v.dim() == 2 and v.shape[0] != v.shape[1] else v[..., None] for k, v in w.items()}),
        clear("shape"),
    ),
    ("not a number", saved(lambda w: poked(w, float("nan"))), clear("NaN")),
    ("infinity", saved(lambda w: poked(w, float("inf"))), clear("infinite")),
    ("beyond float32", saved(lambda w: {k: v.double() * 1e300 for k, v in w.items()}), clear()),
    ("sparse", saved(lambda w: first(w, lambda v: v.to_sparse())), clear("sparse")),
    ("on meta", saved(lambda w: first(w, lambda v: v.to("meta"))), clear("w.pt")),
    ("float8", saved(lambda w: first(w, lambda v: v.to(torch.float8_e4m3fn))), clear("float8")),
    ("complex", saved(lambda w: first(w, lambda v: v + 1j)), clear("complex")),
    (
        "quantized",
        saved(lambda w: first(w, lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8))),
        clear("w.pt"),
    ),
    ("whole numbers", saved(lambda w: first(w, lambda v: v.to(torch.int64))), clear("w.pt")),
    ("an onnx", written(b"\x08\x07\x12\x07pytorch", "w.onnx"), clear("w.onnx")),
    ("an h5", written(b"\x89HDF\r\n\x1a\n", "w.h5"), clear("w.h5")),
    ("a NumPy array named pt", written(b"\x93NUMPY" + bytes(50), "w.pt"), clear("w.pt", "no file of weights")),
    ("words named pt", written(b"hello there", "w.pt"), clear("w.pt", "no file of weights")),
    (
        "two, the second broken",
        lambda folder, w: f"{saved(lambda w: w)(folder, w)},{written(b'no', 'v.pt')(folder, w)}",
        clear("v.pt"),
    ),
]


@pytest.mark.parametrize(("name", "make", "expected"), CASES, ids=[name for name, _, _ in CASES])
def test_checkpoints(name, make, expected, finished, home, tmp_path):
    path = make(tmp_path, known(finished))
    words = [
        "new",
        "x",
        "--path",
        finished.parent / "people.csv",
        "--split",
        "split",
        "--model",
        "logistic",
        "--checkpoints",
        path,
    ]
    check(words, expected, home)
    assert not (tmp_path / "ran").exists(), "something in the file was run"


def test_every_case_is_one(tmp_path):
    assert len({name for name, _, _ in CASES}) == len(CASES)
