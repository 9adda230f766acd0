"""NumPy archives: images and tables, split or not, and wrong shapes by name."""

import numpy as np
import pytest

from attribution.datasets.load import import_data, preview
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 5, 4), dtype=np.uint8)
Y = np.arange(12) % 3


def save(tmp_path, **arrays):
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    return DataConfig(path=str(tmp_path / "a.npz"), val_fraction=0.0)


def load(tmp_path, **arrays):
    return import_data(save(tmp_path, **arrays), tmp_path / "data", "a")


def test_split_images_keep_their_values_and_get_ids_by_position(tmp_path):
    names = np.array(["cat", "dog", "emu"])
    dataset = load(tmp_path, X_train=IMAGES[:9], y_train=Y[:9], X_test=IMAGES[9:], y_test=Y[9:], classes=names)
    assert (dataset.inputs[:, :, :, 0] == IMAGES).all()
    assert dataset.info.shape == (1, 5, 4)
    assert dataset.info.classes == ("cat", "dog", "emu")
    assert dataset.ids[0] == "train-00000"
    assert dataset.ids[-1] == "test-00002"
    assert dataset.labels.tolist() == Y.tolist()


def test_one_array_is_split_by_the_seed(tmp_path):
    dataset = load(tmp_path, X=IMAGES, y=Y)
    assert dataset.info.counts == {"train": 9, "val": 0, "test": 3}
    for row, name in enumerate(dataset.ids):
        position = int(name.removeprefix("row-"))
        assert (dataset.inputs[row, :, :, 0] == IMAGES[position]).all()
        assert dataset.info.classes[dataset.labels[row]] == str(Y[position])


def test_floating_point_images_of_either_range(tmp_path):
    (tmp_path / "one").mkdir()
    ones = load(tmp_path / "one", X=IMAGES.astype(np.float32) / 255, y=Y)
    whole = load(tmp_path, X=IMAGES.astype(np.float64)[..., None], y=Y)
    assert (ones.inputs == whole.inputs).all()
    assert ones.hashes.tolist() == whole.hashes.tolist()


def test_colour_and_string_labels(tmp_path):
    dataset = load(tmp_path, X=np.repeat(IMAGES[..., None], 3, axis=3), y=np.array(["b", "a", "c"] * 4))
    assert dataset.info.shape == (3, 5, 4)
    assert dataset.info.classes == ("a", "b", "c")


def test_tables(tmp_path):
    values = RNG.normal(size=(12, 2))
    dataset = load(
        tmp_path,
        X_train=values[:8],
        y_train=Y[:8],
        X_val=values[8:10],
        y_val=Y[8:10],
        X_test=values[10:],
        y_test=Y[10:],
    )
    mean, std = values[:8].mean(0), values[:8].std(0)
    np.testing.assert_allclose(dataset.inputs, (values - mean) / std, rtol=1e-5, atol=1e-6)
    assert dataset.samples["col:x1"].tolist() == values[:, 1].tolist()


def test_number_classes_are_in_numerical_order(tmp_path):
    assert load(tmp_path, X=IMAGES, y=np.array([2, 10] * 6)).info.classes == ("2", "10")


def test_labels_in_a_column_and_one_hot_are_taken_and_said(tmp_path):
    column = load(tmp_path, X_train=IMAGES[:9], y_train=Y[:9, None], X_test=IMAGES[9:], y_test=Y[None, 9:])
    assert column.labels.tolist() == Y.tolist()
    assert [problem["what"] for problem in column.info.problems] == [
        "has shape (9, 1); its 9 values were taken as the labels",
        "has shape (1, 3); its 3 values were taken as the labels",
    ]
    (tmp_path / "hot").mkdir()
    hot = load(
        tmp_path / "hot",
        X_train=IMAGES[:9],
        y_train=np.eye(3)[Y[:9]],
        X_test=IMAGES[9:],
        y_test=np.eye(3, dtype=bool)[Y[9:]],
    )
    assert hot.labels.tolist() == Y.tolist()
    assert "one-hot labels of 3 classes" in hot.info.problems[0]["what"]


def test_samples_without_a_label_and_arrays_that_are_not_read_are_listed(tmp_path):
    y = np.where(np.arange(12) == 4, np.nan, Y)
    dataset = load(tmp_path, X=IMAGES, y=y, weights=np.ones(12))
    assert [(one["where"], one["kind"], one["count"]) for one in dataset.info.problems] == [
        ("array weights", "left out", 0),
        ("X[4]", "left out", 1),
    ]
    assert (dataset.info.seen, len(dataset)) == (12, 11)
    for row, name in enumerate(dataset.ids):
        assert (dataset.inputs[row, :, :, 0] == IMAGES[int(name.removeprefix("row-"))]).all()
    (tmp_path / "words").mkdir()
    words = load(tmp_path / "words", X=IMAGES, y=np.array([b"a", b"b", b" a", b""] * 3))
    assert words.info.classes == ("a", "b")
    assert len(words) == 9


def test_arrays_as_keras_saves_them(tmp_path):
    dataset = load(tmp_path, x_train=IMAGES[:9], y_train=Y[:9], x_test=IMAGES[9:], y_test=Y[9:])
    assert dataset.info.counts == {"train": 9, "val": 0, "test": 3}


def test_whole_numbers_keep_their_digits(tmp_path):
    steps = np.arange(12) % 5
    values = np.stack([2**60 + steps, steps], axis=1)
    dataset = load(tmp_path, X=values, y=Y)
    np.testing.assert_allclose(dataset.inputs[:, 0], dataset.inputs[:, 1], rtol=1e-6)
    huge = RNG.normal(size=(12, 1)) * 1e300
    (tmp_path / "huge").mkdir()
    inputs = np.asarray(load(tmp_path / "huge", X=np.concatenate([huge, huge / 1e300], axis=1), y=Y).inputs)
    np.testing.assert_allclose(inputs[:, 0], inputs[:, 1], rtol=1e-5)


def test_a_bomb_is_refused_by_its_headers(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", X=np.zeros((4, 2000, 2000), np.uint8), y=np.arange(4) % 2)
    assert (tmp_path / "bomb.npz").stat().st_size < 100_000
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(UserError, match=r"bomb\.npz would take about 0\.016 GB.*--max-gigabytes"):
        preview(DataConfig(path=str(tmp_path / "bomb.npz"), max_gigabytes=0.01))


@pytest.mark.parametrize(
    ("offset", "value", "match"),
    [(8, b"\x01\x00", "is encrypted"), (10, b"\x61\x00", "compressed in a way that is not known here \\(number 97\\)")],
)
def test_members_that_cannot_be_unpacked_are_named(tmp_path, offset, value, match):
    config = save(tmp_path, X=IMAGES, y=Y)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    entry = content.index(b"PK\x01\x02")  # in the directory: flags at 8, method at 10
    content[entry + offset : entry + offset + 2] = value
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=match):
        preview(config)


NAN = np.where(np.arange(12)[:, None, None] == 4, np.nan, IMAGES / 255)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"images": IMAGES, "y": Y}, "training samples are not among them"),
        ({"X": IMAGES}, "no array y"),
        ({"X_test": IMAGES, "y_test": Y}, "training samples are not among them"),
        ({"X": IMAGES, "y": Y[:5]}, r"y of a\.npz has shape \(5,\) for 12 samples"),
        ({"X": IMAGES, "y": np.eye(3)[Y] * 0.5}, r"y\[0\] of a\.npz is \[0\.5 0\.  0\. \], which is not one class"),
        ({"X": IMAGES, "y": np.ones((12, 3))}, r"y\[0\] of a\.npz is \[1\. 1\. 1\.\], which is not one class"),
        (
            {"X": IMAGES, "y": np.array(["2024-01-01", "2024-01-02"] * 6, dtype="datetime64[D]")},
            r"y of a\.npz holds dates",
        ),
        ({"X": IMAGES, "y": np.where(Y == 2, np.inf, Y)}, r"y\[2\] of a\.npz is inf"),
        ({"X": IMAGES, "y": np.array([b"a", b"\xff"] * 6)}, r"y\[1\] of a\.npz is b'\\xff'"),
        ({"X": IMAGES, "y": Y + 0.5}, r"3 different numbers from 0\.5 to 2\.5, some with fractions"),
        ({"X": IMAGES[:, None], "y": Y}, r"transpose\(0, 2, 3, 1\)"),
        ({"X": IMAGES[:, 0, 0], "y": Y}, "neither images nor a table"),
        ({"X": IMAGES[:0], "y": Y[:0]}, "neither images nor a table"),
        ({"X": IMAGES.astype(np.int32) * 2, "y": Y}, "values from 0 to"),
        ({"X": NAN, "y": Y}, r"X\[4\] of a\.npz has no number at position \(0, 0\)"),
        ({"X": IMAGES, "y": Y, "classes": np.array(["a", "b"])}, r"y\[2\] of a\.npz is 2, but there are 2 classes"),
        ({"X": IMAGES, "y": Y, "classes": np.array(["a", "b", "c", "d"])}, "Class 'd' of a.npz is empty"),
        ({"X": IMAGES, "y": Y * 0}, "at least two classes"),
        (
            {"X_train": IMAGES, "y_train": Y, "X_test": IMAGES[:, :4], "y_test": Y},
            r"X_test .* shape \(4, 4, 1\), X_train of \(5, 4, 1\)",
        ),
        (
            {"X_train": IMAGES, "y_train": Y, "X_test": IMAGES, "y_test": Y + 1},
            r"X_test\[2\] of a\.npz has the label '3', which no training",
        ),
        ({"X": np.array([{"a": 1}] * 12), "y": Y}, "Python objects"),
    ],
)
def test_wrong_archives_are_named(tmp_path, arrays, match):
    config = save(tmp_path, **arrays)
    with pytest.raises(UserError, match=match):
        preview(config)
    with pytest.raises(UserError, match=match):
        import_data(config, tmp_path / "data", "a")


def test_not_an_archive(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"hello")
    with pytest.raises(UserError, match="not a NumPy archive"):
        preview(DataConfig(path=str(tmp_path / "a.npz")))


def test_a_damaged_archive(tmp_path):
    config = save(tmp_path, X=IMAGES, y=Y)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[100:140] = bytes(40)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        preview(config)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.linspace(0, 1, 16).reshape(1, 4, 4), "taken as 0..1 and are kept in 256 steps"),
        (np.arange(200, 216, dtype=np.uint16).reshape(1, 4, 4), "uint16 values from 200 to 215 were taken as 0..255"),
        (np.arange(16, dtype=np.uint8).reshape(1, 4, 4), "under a tenth of the range"),
    ],
)
def test_what_became_of_the_values_of_pictures_is_said(tmp_path, values, said):
    np.savez(tmp_path / "x.npz", X=np.repeat(values, 20, axis=0), y=np.arange(20) % 2)
    problems = preview(DataConfig(path=str(tmp_path / "x.npz")))["problems"]
    assert any(said in one["what"] for one in problems), problems


def test_pictures_of_8_bits_need_no_note(tmp_path):
    np.savez(
        tmp_path / "x.npz",
        X=np.random.default_rng(0).integers(0, 256, (20, 4, 4)).astype(np.uint8),
        y=np.arange(20) % 2,
    )
    assert preview(DataConfig(path=str(tmp_path / "x.npz")))["problems"] == []
