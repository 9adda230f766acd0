"""Folders of pictures: layouts, partly bad folders, sizes, and what is refused."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.settings.configs import DataConfig


def picture(path, value, size=(6, 4), mode="L"):
    """Save a ``size`` (width, height) picture whose pixels all have ``value``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def class_folders(root, n=10, **options):
    for number, name in enumerate(("cat", "dog")):
        for i in range(n):
            picture(root / name / f"{i:02d}.png", 10 * number + i, **options)
    return root


def load(root, tmp_path, **config):
    return import_data(DataConfig(path=str(root), **config), tmp_path / "project" / "data", "pictures")


def test_class_folders(tmp_path):
    dataset = load(class_folders(tmp_path / "in"), tmp_path)
    assert dataset.info.classes == ("cat", "dog")
    assert dataset.info.shape == (1, 4, 6)
    assert dataset.info.counts == {"train": 14, "val": 2, "test": 4}
    assert dataset.inputs.shape == (20, 4, 6, 1)
    row = dataset.rows_of(["dog/03.png"])[0]
    assert (dataset.inputs[row] == 13).all()
    assert dataset.labels[row] == 1
    assert dataset.info.problems == ()


def test_mean_and_std_come_from_training_pictures(tmp_path):
    for split, value in (("train", 0), ("test", 255)):
        picture(tmp_path / "in" / split / "a" / "1.png", value)
        picture(tmp_path / "in" / split / "b" / "1.png", 51 if split == "train" else 255)
    dataset = load(tmp_path / "in", tmp_path, val_fraction=0.0)
    assert dataset.info.preprocessing["mean"] == pytest.approx([0.1])
    assert dataset.info.preprocessing["std"] == pytest.approx([0.1])
    assert dataset.tensor(dataset.rows("train")).flatten(1).mean(1).tolist() == pytest.approx([-1.0, 1.0])


def test_split_folders_with_other_spellings(tmp_path):
    for split, n in (("training", 3), ("validation", 2), ("test", 1)):
        class_folders(tmp_path / "in" / split, n)
    dataset = load(tmp_path / "in", tmp_path)
    assert dataset.info.counts == {"train": 6, "val": 4, "test": 2}
    assert dataset.ids[0] == "training/cat/00.png"


def test_metadata_with_split_and_group(tmp_path):
    root = tmp_path / "in"
    lines = ["file_name,kind,split,site"]
    for i in range(8):
        picture(root / "files" / f"{i}.png", i)
        lines.append(f"files/{i}.png,{'NA' if i % 2 else 'ok'},{'train' if i < 6 else 'test'},site{i % 3}")
    (root / "metadata.csv").write_text("\n".join(lines))
    dataset = load(root, tmp_path, label="kind", group="site", val_fraction=0.0)
    assert dataset.info.classes == ("NA", "ok")  # NA is a word here, not a missing value
    assert dataset.info.counts == {"train": 6, "val": 0, "test": 2}
    assert dataset.samples["group"].tolist()[:3] == ["site0", "site1", "site2"]


def test_metadata_in_each_split_folder(tmp_path):
    for split in ("train", "test"):
        for i in range(2):
            picture(tmp_path / "in" / split / f"{i}.png", i)
        (tmp_path / "in" / split / "metadata.csv").write_text("file_name,label\n0.png,a\n1.png,b\n")
    dataset = load(tmp_path / "in", tmp_path, val_fraction=0.0)
    assert dataset.ids.tolist() == ["train/0.png", "train/1.png", "test/0.png", "test/1.png"]
    (tmp_path / "in" / "test" / "metadata.csv").unlink()
    with pytest.raises(UserError, match=r"no metadata\.csv"):
        preview(DataConfig(path=str(tmp_path / "in")))


def test_partly_bad_folder_loads_the_good_and_lists_the_bad(tmp_path):
    root = class_folders(tmp_path / "in")
    (root / "cat" / "noise.png").write_bytes(b"not a picture")
    (root / "cat" / "nothing.jpg").write_bytes(b"")
    whole = root / "dog" / "00.png"
    (root / "dog" / "half.png").write_bytes(whole.read_bytes()[:45])
    (root / "dog" / "notes.txt").write_text("hello")
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}
    dataset = load(root, tmp_path)
    assert len(dataset) == len(dataset.inputs) == 20
    told = {problem["where"]: problem["what"] for problem in dataset.info.problems}
    assert set(told) == {"cat/noise.png", "cat/nothing.jpg", "dog/half.png", "dog/notes.txt"}
    assert "empty" in told["cat/nothing.jpg"]
    assert {problem["kind"] for problem in dataset.info.problems} == {"left out"}
    assert dataset.info.seen == 24 == len(dataset) + sum(problem["count"] for problem in dataset.info.problems)
    found = preview(DataConfig(path=str(root)))
    assert found["seen"] == 24
    assert (
        found["n"]
        == sum(found["counts"].values())
        == sum(sum(part.values()) for part in found["balance"].values())
        == 20
    )
    assert not [
        path
        for path in dataset.folder.iterdir()
        if path.name not in ("dataset.json", "samples.parquet", "inputs.npy", "origin.json")
    ]
    assert before == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}
    for row, name in enumerate(dataset.ids):
        kind, number = name.split("/")
        assert (dataset.inputs[row] == int(number[:2]) + 10 * (kind == "dog")).all()


def test_equal_pictures_have_equal_hashes_across_formats(tmp_path):
    root = class_folders(tmp_path / "in")
    picture(root / "cat" / "copy.bmp", 13)
    picture(root / "cat" / "larger.png", 13, size=(7, 4))
    dataset = load(root, tmp_path)
    one, same, larger = (
        dataset.hashes[dataset.rows_of([name])[0]] for name in ("dog/03.png", "cat/copy.bmp", "cat/larger.png")
    )
    assert one == same
    assert one != larger
    assert len(set(dataset.hashes)) == 20 + 1  # each value once, and the larger one


def test_sizes_and_colour(tmp_path):
    root = class_folders(tmp_path / "in", mode="RGB", size=(200, 100))
    picture(root / "cat" / "tiny.png", 7, size=(2, 2))
    dataset = load(root, tmp_path)
    assert dataset.info.shape == (3, 32, 64)
    square = import_data(DataConfig(path=str(root), image_size=16), tmp_path / "square", "s")
    assert square.info.shape == (3, 16, 16)
    assert (square.inputs[square.rows_of(["cat/tiny.png"])[0]] == 7).all()


def test_turned_transparent_and_sixteen_bit_pictures(tmp_path):
    root = class_folders(tmp_path / "in", mode="RGB", size=(8, 8))
    turned = Image.new("RGB", (8, 4), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(root / "cat" / "turned.jpg", exif=exif)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(root / "cat" / "clear.png")
    Image.fromarray(np.full((8, 8), 65535, dtype=np.uint16)).save(root / "cat" / "deep.png")
    dataset = load(root, tmp_path)
    for name in ("cat/clear.png", "cat/deep.png"):
        assert (dataset.inputs[dataset.rows_of([name])[0]] == 255).all()
    from attribution.datasets.pictures import read_header, read_pixels

    assert read_header(root / "cat" / "turned.jpg") == read_pixels(root / "cat" / "turned.jpg").shape == (8, 4, 3)


def test_same_source_same_bytes(tmp_path):
    root = class_folders(tmp_path / "in")
    first, second = (import_data(DataConfig(path=str(root)), tmp_path / name, "x") for name in ("one", "two"))
    for name in ("dataset.json", "inputs.npy", "samples.parquet"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_refusals_name_the_file_or_folder(tmp_path):
    def refused(root, match):
        with pytest.raises(UserError, match=match):
            import_data(DataConfig(path=str(root)), tmp_path / "out", "x")
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "out.tmp").exists()

    refused(tmp_path / "absent", "absent does not exist")
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "no labelled pictures")
    empty = class_folders(tmp_path / "empty")
    (empty / "bird").mkdir()
    refused(empty, "class folder bird of empty has no pictures")
    single = tmp_path / "single"
    picture(single / "cat" / "1.png", 1)
    refused(single, "'cat'.*at least two classes")
    bad = tmp_path / "bad"
    for name in ("cat", "dog"):
        (bad / name).mkdir(parents=True)
        (bad / name / "1.png").write_bytes(b"x")
    refused(bad, r"None of the 2 pictures.*cat/1\.png: is not a picture")
    with pytest.raises(UserError, match="None of the 2"):
        preview(DataConfig(path=str(bad)))
    half = class_folders(tmp_path / "half")
    for path in (half / "dog").iterdir():
        path.write_bytes(b"x")
    refused(half, "Class 'dog' of half is empty")
    stray = tmp_path / "stray"
    class_folders(stray / "train")
    picture(stray / "test" / "bird" / "1.png", 1)
    refused(stray, r"File test/bird/1\.png has the label 'bird', which no training sample has")
    twice = tmp_path / "twice"
    picture(twice / "1.png", 1)
    (twice / "metadata.csv").write_text("file_name,label\n1.png,a\n1.png,b\n")
    refused(twice, r"has the id '1\.png', which File 1\.png has too")
    (twice / "metadata.csv").write_text("file_name,kind\n1.png,a\n")
    refused(twice, "no column 'label'.*file_name, kind")


def test_missing_file_of_metadata_is_listed(tmp_path):
    root = class_folders(tmp_path / "in")
    lines = [f"cat/{i:02d}.png,a\ndog/{i:02d}.png,b" for i in range(10)]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *lines, "gone.png,a"]))
    dataset = load(root, tmp_path)
    assert dataset.info.problems == (
        {
            "where": "gone.png",
            "what": "metadata.csv names it, but the file does not exist",
            "kind": "left out",
            "count": 1,
        },
    )
    assert len(dataset) == 20


def test_preview_counts_all_and_shows_some(tmp_path):
    root = class_folders(tmp_path / "in", n=60)
    (root / "cat" / "000.png").write_bytes(b"x")
    seen = preview(DataConfig(path=str(root)))
    assert (seen["seen"], seen["n"]) == (121, 120)
    assert sum(seen["counts"].values()) == 120
    assert sum(seen["balance"]["train"].values()) == seen["counts"]["train"]
    assert seen["shape"] == (1, 4, 6)
    assert {example["label"] for example in seen["examples"]} == {"cat", "dog"}
    assert all(example["pixels"].shape == (4, 6, 1) for example in seen["examples"])
    dataset = load(root, tmp_path)
    assert seen["shape"] == dataset.info.shape
    assert seen["counts"] == dataset.info.counts
    assert seen["classes"] == list(dataset.info.classes)


def test_existing_dataset_is_not_overwritten_and_a_cancelled_one_leaves_nothing(tmp_path):
    root = class_folders(tmp_path / "in")
    load(root, tmp_path)
    with pytest.raises(UserError, match="already holds a dataset"):
        load(root, tmp_path)

    def stop(done, total, message):
        if "pictures" in message:
            raise Cancelled

    with pytest.raises(Cancelled):
        import_data(DataConfig(path=str(root)), tmp_path / "stopped", "x", Progress(stop, interval_s=0))
    assert not list(tmp_path.glob("stopped*"))
