"""Pictures that a project refers to: the same samples as copies, read from their files, refused when they changed."""

import io
import pickle
import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from attribution.datasets import referenced
from attribution.datasets.dataset import Dataset
from attribution.datasets.load import import_data
from attribution.errors import UserError
from attribution.modalities import modality_of
from attribution.settings.configs import DataConfig

RNG = np.random.default_rng(0)
N = 14


def encoded(deep=False, side=9):
    """The bytes of pictures of several sizes."""
    found = []
    for i in range(N):
        if deep:
            picture = Image.fromarray(RNG.integers(0, 900 + i, (side, 7)).astype(np.uint16))
        else:
            picture = Image.fromarray(RNG.integers(0, 256, (side + i % 2, 7, 3), dtype=np.uint8))
        stream = io.BytesIO()
        picture.save(stream, format="PNG")
        found.append(stream.getvalue())
    return found


def as_folder(folder, pictures):
    for i, content in enumerate(pictures):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (folder / "ab"[i % 2] / f"{i:02d}.png").write_bytes(content)
    return folder


def as_parquet(folder, pictures):
    folder.mkdir()
    for name, rows in (("train", slice(0, 10)), ("test", slice(10, N))):
        column = pa.array([{"bytes": one, "path": None} for one in pictures[rows]])
        table = pa.table({"image": column, "label": ["ab"[i % 2] for i in range(N)][rows]})
        parquet.write_table(table, folder / f"{name}.parquet", row_group_size=3)
    return folder


def as_tar(folder, pictures):
    with tarfile.open(folder.with_suffix(".tar"), "w") as tar:
        for i, content in enumerate(pictures):
            for name, data in ((f"{i}.png", content), (f"{i}.cls", str(i % 2).encode())):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return folder.with_suffix(".tar")


def both(path, folder, **config):
    """The data set copied and referred to."""
    made = [DataConfig(path=str(path), reference=how, **config) for how in ("copy", "reference")]
    return [import_data(one, folder / f"data-{one.reference}", "d") for one in made]


@pytest.mark.parametrize("source", [as_folder, as_parquet, as_tar])
@pytest.mark.parametrize("deep", [False, True])
def test_references_are_the_same_data_as_copies(tmp_path, source, deep):
    copied, referred = both(source(tmp_path / "in", encoded(deep)), tmp_path)
    assert referred.info.base_hash == copied.info.base_hash
    assert referred.info.preprocessing == copied.info.preprocessing
    assert not (referred.folder / "inputs.npy").exists()
    assert referred.inputs.shape == copied.inputs.shape
    assert np.array_equal(referred.inputs[:], copied.inputs)
    assert any("holds no copies" in one["what"] for one in referred.info.problems)
    rows = np.array([7, 2, 2, 11])
    np.testing.assert_array_equal(referred.tensor(rows).numpy(), copied.tensor(rows).numpy())
    for row in (0, N - 1):
        assert modality_of(referred).thumbnail(referred, row) == modality_of(copied).thumbnail(copied, row)
        np.testing.assert_array_equal(referred.originals.pixels(row), copied.originals.pixels(row))


def test_it_is_indexed_like_the_array(tmp_path):
    copied, referred = both(as_folder(tmp_path / "in", encoded()), tmp_path)
    theirs, ours = np.asarray(copied.inputs), referred.inputs
    mask = np.arange(N) % 3 == 0
    for key in (
        3,
        -1,
        slice(2, 9, 3),
        [4, 1],
        np.array([[1, 2], [3, 4]]),
        mask,
        (slice(0, 2), 1),
        (2, 0),
        np.array([], int),
    ):
        np.testing.assert_array_equal(ours[key], theirs[key])
    np.testing.assert_array_equal(np.asarray(ours, dtype=np.float32), theirs.astype(np.float32))
    assert (len(ours), ours.dtype, ours.nbytes, ours.ndim) == (N, theirs.dtype, theirs.nbytes, 4)
    with pytest.raises(IndexError):
        ours[N]
    with pytest.raises(ValueError, match="read-only"):
        ours[0][0] = 1
    again = pickle.loads(pickle.dumps(referred))
    np.testing.assert_array_equal(again.inputs[5], theirs[5])


def test_few_decoded_pictures_are_kept(tmp_path, monkeypatch):
    _, referred = both(as_folder(tmp_path / "in", encoded()), tmp_path)
    monkeypatch.setattr(referenced, "CACHED_BYTES", 3 * referred.inputs[0].nbytes)
    whole = referred.inputs[:]
    assert len(referred.inputs._cache) == 3
    np.testing.assert_array_equal(referred.inputs[:], whole)


def test_automatic_references_begin_where_copies_take_much(tmp_path, monkeypatch):
    path = as_folder(tmp_path / "in", encoded())
    small = import_data(DataConfig(path=str(path)), tmp_path / "small", "d")
    assert isinstance(small.inputs, np.ndarray)
    monkeypatch.setattr(referenced, "FROM_BYTES", small.inputs.nbytes)
    large = import_data(DataConfig(path=str(path)), tmp_path / "large", "d")
    assert isinstance(large.inputs, referenced.Referenced)


def test_a_picture_that_moved_or_changed_is_refused_with_the_way_out(tmp_path):
    path = as_folder(tmp_path / "in", encoded())
    _, referred = both(path, tmp_path)
    name = referred.ids[3]
    other = encoded()[5]
    kept = (path / name).read_bytes()
    (path / name).write_bytes(other)
    with pytest.raises(UserError, match=f"{name}: it has changed since the data were imported.*--reference copy"):
        referred.inputs[[2, 3]]
    (path / name).unlink()
    with pytest.raises(UserError, match="does not exist"):
        referred.inputs[3]
    (path / name).write_bytes(kept)
    assert referred.inputs[3].shape == referred.inputs.shape[1:]
    shutil.move(path, tmp_path / "elsewhere")
    with pytest.raises(UserError, match="does not exist"):
        Dataset.open(referred.folder).inputs[0]


def test_unreadable_pictures_are_left_out_of_both(tmp_path):
    pictures = encoded()
    pictures[4] = pictures[4][:50]
    copied, referred = both(as_folder(tmp_path / "in", pictures), tmp_path)
    assert len(copied) == len(referred) == N - 1
    assert np.array_equal(referred.inputs[:], copied.inputs)
