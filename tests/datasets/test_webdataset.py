"""WebDataset shards, written here by tarfile alone; hostile ones as well."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig


def png(value):
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 5), value, dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def shard(path, members):
    """A tar file of these names and their bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def samples(start, count, words=lambda i: {"cls": str(i % 2)}):
    """Members of ``count`` samples, pictures of the shades start, start + 1, ..."""
    found = []
    for i in range(start, start + count):
        found.append((f"{i:06d}.png", png(i)))
        found += [(f"{i:06d}.{ending}", value.encode()) for ending, value in words(i).items()]
    return found


def load(path, folder, **config):
    return import_data(DataConfig(path=str(path), val_fraction=0, test_fraction=0, **config), folder / "data", "d")


def shades(dataset):
    return [int(dataset.inputs[row].max()) for row in range(len(dataset))]


def test_shards_with_classes_and_splits_of_their_names(tmp_path):
    shard(tmp_path / "in" / "train-000000.tar", samples(0, 5))
    shard(tmp_path / "in" / "train-000001.tar", samples(5, 5))
    shard(tmp_path / "in" / "test-000000.tar", samples(10, 4))
    for place, words in enumerate(("*.tar", "{train,test}-{000000..000001}.tar", "")):
        path = f"{tmp_path}/in/{words}"
        assert reader_of(path).name == "webdataset"
        dataset = load(path, tmp_path / f"out{place}")
        assert dataset.info.counts == {"train": 10, "val": 0, "test": 4}
        assert shades(dataset) == list(range(14))
        assert dataset.labels.tolist() == [i % 2 for i in range(14)]
    assert dataset.line(7)["source"] == "000007 of train-000001.tar"


def test_labels_in_json_with_other_columns(tmp_path):
    path = shard(tmp_path / "t.tar", samples(0, 8, lambda i: {"json": json.dumps({"kind": "ab"[i % 2], "size": i})}))
    assert list(reader_of(path).first_rows(str(path), 3)["kind"]) == ["a", "b", "a"]
    dataset = load(path, tmp_path, label="kind")
    assert (dataset.info.classes, dataset.own_names) == (("a", "b"), ("size",))


def test_texts(tmp_path):
    members = []
    for i in range(20):
        members += [
            (f"d/{i}.txt", f"some words{i}, {'good' if i % 2 else 'bad'}".encode()),
            (f"d/{i}.cls", b"01"[i % 2 :][:1]),
        ]
    found = preview(DataConfig(path=str(shard(tmp_path / "t.tar", members))))
    assert (found["modality"], found["n"], found["classes"]) == ("text", 20, ["0", "1"])


def test_samples_without_a_picture_or_a_label_are_left_out(tmp_path):
    members = [*samples(0, 8), ("9.cls", b"1"), ("a.png", png(9)), ("b.npy", b"x"), ("b.png", png(3)), ("b.cls", b"0")]
    dataset = load(shard(tmp_path / "t.tar", members), tmp_path)
    assert len(dataset) == 9
    said = {one["where"]: one["what"] for one in dataset.info.problems}
    assert said["9 of t.tar"] == "has no picture"
    assert said["a of t.tar"] == "has no label"
    assert said["members that end in npy"]


def test_names_links_and_devices_reach_nothing(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(200))
    path = shard(
        tmp_path / "t.tar",
        [("../../x.png", png(1)), ("../../x.cls", b"0"), ("/etc/y.png", png(2)), ("/etc/y.cls", b"1")],
    )
    with tarfile.open(path, "a") as tar:
        for kind, name in ((tarfile.SYMTYPE, "l.png"), (tarfile.LNKTYPE, "h.png"), (tarfile.CHRTYPE, "c.png")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(tmp_path / "secret.png")
            tar.addfile(member)
            tar.addfile(tarfile.TarInfo(f"{name[0]}.cls"))
    before = sorted(one.name for one in tmp_path.iterdir())
    dataset = load(path, tmp_path / "out")
    assert shades(dataset) == [1, 2]
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([*before, "out"])


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda whole: whole[:1300], "damaged or no plain tar"),
        (lambda whole: b"\x1f\x8b" + whole, "no plain tar"),
        (lambda whole: b"", "no plain tar|empty"),
        (lambda whole: whole[:124] + b"7" * 11 + whole[135:], "no plain tar"),
    ],
)
def test_damaged_shards_are_said(tmp_path, spoil, match):
    path = shard(tmp_path / "t.tar", samples(0, 8))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match=match):
        preview(DataConfig(path=str(path)))


def test_words_that_cannot_be_read_are_said(tmp_path):
    path = shard(tmp_path / "t.tar", [("1.png", png(1)), ("1.json", b"{")])
    with pytest.raises(UserError, match=r"1\.json of t\.tar cannot be read"):
        preview(DataConfig(path=str(path)))
    path = shard(tmp_path / "u.tar", [("1.png", png(1)), ("1.cls", b"1" * (1 << 21))])
    with pytest.raises(UserError, match=r"1\.cls of u\.tar has 2,097,152 bytes"):
        preview(DataConfig(path=str(path)))
