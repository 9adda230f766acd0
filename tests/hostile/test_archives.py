"""Broken, odd and merely unusual NPZ archives."""

import io
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile.harness import Case, check, clear, fine

N = 40
CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=(N, 3)).astype(np.float32)
Y = np.arange(N) % 2
PICTURES = CHANCE.integers(0, 256, (N, 8, 8), dtype=np.uint8)


def npz(flags=(), **arrays):
    def make(folder: Path):
        np.savez(folder / "a.npz", **arrays)
        return ["new", "x", "--path", folder / "a.npz", *flags]

    return make


def raw(content):
    def make(folder: Path):
        path = folder / "a.npz"
        path.write_bytes(content) if isinstance(content, bytes) else content(path)
        return ["new", "x", "--path", path]

    return make


def member(name, data, shape=(N, 3), kind="<f4", method=zipfile.ZIP_STORED):
    """An archive whose member ``name`` has a header that promises ``shape`` and ``kind`` and holds ``data``."""

    def write(path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": False, "shape": shape})
        labels = io.BytesIO()
        np.save(labels, Y)
        with zipfile.ZipFile(path, "w", method) as packed:
            packed.writestr(f"{name}.npy", header.getvalue() + data)
            packed.writestr("y.npy", labels.getvalue())

    return write


def bomb(path):
    """A few hundred kilobytes that unpack to gigabytes of zeros, by its header."""
    member("X", bytes(300_000_000), (25_000_000, 3), method=zipfile.ZIP_DEFLATED)(path)


def twice(path):
    """One name for two members."""
    member("X", X.tobytes())(path)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as packed:
        warnings.simplefilter("ignore")
        packed.writestr("X.npy", packed.read("X.npy"))


def encrypted(path):
    """The bit that says a member is encrypted, in both of its headers."""
    member("X", X.tobytes())(path)
    content = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(sign) + offset] |= 1
    path.write_bytes(content)


def unknown_method(path):
    member("X", X.tobytes())(path)
    content = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.find(sign) + offset, 99)
    path.write_bytes(content)


def flipped(path):
    member("X", X.tobytes(), method=zipfile.ZIP_DEFLATED)(path)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x03\x04") + 100
    content[at : at + 20] = bytes(255 - byte for byte in content[at : at + 20])
    path.write_bytes(content)


def objects(path):
    np.savez(path, X=np.array([{"a": 1}] * N, dtype=object), y=Y)


def with_value(value):
    x = X.astype(np.float64)
    x[7, 1] = value
    return x


ALL = f"{N * 7 // 10} train"
CASES = [
    Case("plain", npz(X=X, y=Y), fine(ALL, "2 classes")),
    Case("pictures", npz(X=PICTURES, y=Y), fine(ALL, "image")),
    Case("nothing", raw(b""), clear("a.npz")),
    Case("no archive", raw(b"not a zip at all" * 9), clear("a.npz")),
    Case("cut", raw(lambda p: (np.savez(p, X=X, y=Y), p.write_bytes(p.read_bytes()[:-30]))), clear("a.npz")),
    Case(
        "cut in the middle", raw(lambda p: (np.savez(p, X=X, y=Y), p.write_bytes(p.read_bytes()[:300]))), clear("a.npz")
    ),
    Case("flipped bits", raw(flipped), clear("a.npz")),
    Case("an empty archive", raw(b"PK\x05\x06" + bytes(18)), clear("a.npz")),
    Case("encrypted", raw(encrypted), clear("a.npz")),
    Case("a method nobody knows", raw(unknown_method), clear("a.npz")),
    Case("objects", raw(objects), clear("a.npz")),
    Case("a bomb", lambda folder: [*raw(bomb)(folder), "--max-gigabytes", "0.1"], clear("a.npz", "GB")),
    Case("a header that promises more", raw(member("X", b"abc")), clear("a.npz")),
    Case("a header of a negative size", raw(member("X", b"", (-1, 3))), clear("a.npz")),
    Case("a header of an endless size", raw(member("X", b"", (2**62, 2**62))), clear("a.npz")),
    Case(
        "a member that is no array", raw(lambda p: zipfile.ZipFile(p, "w").writestr("X.npy", "words")), clear("a.npz")
    ),
    Case("only other names", npz(a=X, b=Y), clear("a.npz")),
    Case("no labels", npz(X=X), clear("y")),
    Case("no inputs", npz(y=Y), clear("X")),
    Case("lengths differ", npz(X=X, y=Y[:-1]), clear(str(N), str(N - 1))),
    Case("no samples", npz(X=X[:0], y=Y[:0]), clear("a.npz")),
    Case("one sample", npz(X=X[:1], y=Y[:1]), clear()),
    Case("a number alone", npz(X=np.float32(3), y=Y), clear("X")),
    Case("one number per sample", npz(X=X[:, 0], y=Y), clear("X")),
    Case("five axes", npz(X=np.zeros((N, 2, 2, 2, 2), np.float32), y=Y), fine(ALL, "they have 4 dimensions")),
    Case("seven channels", npz(X=np.zeros((N, 8, 8, 7), np.uint8), y=Y), fine(ALL, "they have 7 channels")),
    Case("no columns", npz(X=X[:, :0], y=Y), clear("X")),
    Case("pictures without pixels", npz(X=PICTURES[:, :0], y=Y), clear("X")),
    Case("not a number", npz(X=with_value(np.nan), y=Y), fine(ALL, "note: column x1: has no value in some rows (1)")),
    Case("infinity", npz(X=with_value(np.inf), y=Y), clear("X")),
    Case("1e300", npz(X=with_value(1e300), y=Y), fine(ALL, "note: column x1")),
    Case("minus 1e300", npz(X=with_value(-1e300), y=Y), fine(ALL, "note: column x1")),
    Case("1e39 fits no float32", npz(X=with_value(1e39), y=Y), fine(ALL, "note: column x1")),
    Case("complex", npz(X=X + 1j, y=Y), clear("X")),
    Case("words as inputs", npz(X=np.array([["a", "b"]] * N), y=Y), clear("X")),
    Case("dates as inputs", npz(X=np.zeros((N, 2), "M8[s]"), y=Y), clear("X")),
    Case("half precision", npz(X=X.astype(np.float16), y=Y), fine(ALL)),
    Case("booleans as inputs", npz(X=X > 0, y=Y), fine(ALL)),
    Case("big-endian", npz(X=X.astype(">f4"), y=Y.astype(">i8")), fine(ALL)),
    Case("Fortran order", npz(X=np.asfortranarray(X), y=Y), fine(ALL)),
    Case("labels in a column", npz(X=X, y=Y[:, None]), fine("2 classes")),
    Case("labels in a row", npz(X=X, y=Y[None]), fine("2 classes", "note: array y")),
    Case("one-hot labels", npz(X=X, y=np.eye(2)[Y]), fine("2 classes", "note: array y")),
    Case("several labels per sample", npz(X=X, y=np.ones((N, 3), int)), clear("y")),
    Case("labels with fractions", npz(X=X, y=np.linspace(0, 9.7, N)), clear()),
    Case("labels that are whole floats", npz(X=X, y=Y.astype(float)), fine("2 classes")),
    Case("labels not a number", npz(X=X, y=np.where(np.arange(N) == 3, np.nan, Y)), fine("left out")),
    Case("labels endless", npz(X=X, y=np.where(np.arange(N) == 3, np.inf, Y)), clear("inf")),
    Case("labels that are dates", npz(X=X, y=Y.astype("M8[D]")), clear("y", "dates")),
    Case("labels complex", npz(X=X, y=Y + 1j), clear("y")),
    Case("labels true and false", npz(X=X, y=Y > 0), fine("2 classes")),
    Case("labels negative", npz(X=X, y=Y - 1), fine("2 classes")),
    Case("labels huge", npz(X=X, y=Y + 2**62), fine("2 classes")),
    Case("labels unsigned beyond int64", npz(X=X, y=Y.astype(np.uint64) + np.uint64(2**63)), fine("2 classes")),
    Case("labels of bytes", npz(X=X, y=np.array([b"cat", b"dog"] * 20)), fine("cat", "dog")),
    Case("labels of bytes that are no text", npz(X=X, y=np.array([b"\xff\xfe", b"dog"] * 20)), clear("y")),
    Case("labels of words", npz(X=X, y=np.array(["cat", "dog"] * 20)), fine("cat", "dog")),
    Case("names for fewer classes", npz(X=X, y=Y, classes=np.array(["a"])), clear("classes")),
    Case("names twice", npz(X=X, y=Y, classes=np.array(["a", "a"])), clear("a")),
    Case("names that are numbers", npz(X=X, y=Y, classes=np.array([3, 4])), fine("2 classes")),
    Case(
        "names of objects",
        raw(lambda p: np.savez(p, X=X, y=Y, classes=np.array([None, {}], dtype=object))),
        clear("a.npz"),
    ),
    Case("a test part without labels", npz(X_train=X, y_train=Y, X_test=X), clear("y_test")),
    Case("a test part of another shape", npz(X_train=X, y_train=Y, X_test=X[:, :2], y_test=Y), clear("X_test")),
    Case("a class in test alone", npz(X_train=X, y_train=Y, X_test=X, y_test=Y + 1), clear("2")),
    Case("parts and the whole", npz(X=X, y=Y, X_train=X, y_train=Y), fine("left out: array X_train")),
    Case("pictures of floats beyond 255", npz(X=PICTURES.astype(np.float32) * 40, y=Y), clear("X", "10200")),
    Case("pictures below zero", npz(X=PICTURES.astype(np.int16) - 128, y=Y), fine(ALL, "run from -128 to 127")),
    Case("16-bit pictures that use few values", npz(X=(PICTURES // 4).astype(np.uint16), y=Y), fine(ALL)),
    Case("pictures of floats a little beyond 1", npz(X=PICTURES / 212, y=Y), clear("X", "1.2", "/ X.max()")),
    Case("pictures of floats from 0 to 16", npz(X=(PICTURES // 16).astype(float), y=Y), fine(ALL)),
    Case("samples on the last axis", npz(X=PICTURES.transpose(1, 2, 0), y=Y), clear("np.moveaxis(X, 2, 0)")),
    Case("numbers wider than 64 bits", npz(X=np.where(X > 1, np.longdouble("1e400"), X), y=Y), clear("X[", "x")),
    Case("a member twice", raw(twice), clear("X.npy", "twice")),
    Case("columns named", npz(("--id", "key", "--group", "g"), X=X, y=Y), fine(ALL, "--id key, --group g", "not used")),
    Case("a single pixel", npz(X=PICTURES[:, :1, :1], y=Y), clear("1x1")),
    Case("pictures all alike", npz(X=np.zeros_like(PICTURES), y=Y), fine(ALL)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_archives(case, home, tmp_path):
    check(case.make(tmp_path), case.expected, home)
