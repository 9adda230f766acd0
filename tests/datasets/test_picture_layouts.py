"""Layouts of picture folders: nothing guessed silently, and every file that was met is taken or listed."""

import os
import socket
import unicodedata

import pytest
from PIL import Image

from attribution.datasets.load import read_source
from attribution.datasets.source import left_out_count
from attribution.datasets.targets import arrange
from attribution.errors import UserError
from attribution.settings.configs import DataConfig


def picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), value).save(path)


def classes(folder, names=("cat", "dog"), n=3):
    for name in names:
        for i in range(n):
            picture(folder / name / f"{i}.png", i)
    return folder


class Read:
    """A folder as it is read: samples per split and class, and the lines about the rest; files seen are taken or
    listed."""

    def __init__(self, root, **config):
        config = DataConfig(path=str(root), **{"val_fraction": 0.0, "test_fraction": 0.0, **config})
        source = read_source(config)
        self.classes = source.classes
        samples = arrange(source, config).samples
        self.n = len(samples)
        self.counts = samples.groupby(["split", "label"]).size().to_dict()
        self.ids = set(samples["id"])
        self.out = {line["where"]: line["what"] for line in source.problems if line["kind"] == "left out"}
        self.notes = {line["where"]: line["what"] for line in source.problems if line["kind"] == "note"}
        assert source.seen == self.n + left_out_count(source.problems)


def refused(root, match):
    with pytest.raises(UserError, match=match):
        Read(root)


@pytest.mark.parametrize(
    "place",
    ["cat/.ipynb_checkpoints", "__MACOSX/cat", "cat/@eaDir", "dog/deep/.thumbs", "$RECYCLE.BIN/S-1", "lost+found"],
)
def test_what_programs_leave_behind_is_no_data_at_any_depth(tmp_path, place):
    root = classes(tmp_path / "in")
    for i in range(5):
        picture(root / place / f"{i}-copy.png")
    for name in ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (root / "cat" / name).write_bytes(b"x" * 100)
    read = Read(root)
    assert read.classes == ("cat", "dog")
    assert read.counts == {("train", "cat"): 3, ("train", "dog"): 3}
    assert list(read.notes) == ["hidden files"]
    assert "9 files" in read.notes["hidden files"]
    assert not read.out


def test_pictures_without_a_line_and_lines_without_a_picture_are_listed(tmp_path):
    root = classes(tmp_path / "in", n=12)
    lines = [f"{name}/{i}.png,{name}" for name in ("cat", "dog") for i in range(8)]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *lines, "cat/99.png,cat"]))
    (root / "readme.txt").write_text("x")
    read = Read(root)
    assert read.n == 16
    unnamed = {f"{name}/{i}.png" for name in ("cat", "dog") for i in range(8, 12)}
    assert {name for name, why in read.out.items() if "no line" in why} == unnamed
    assert read.out["cat/99.png"].endswith("does not exist")
    assert read.out["readme.txt"] == "not a picture (.txt)"


def test_a_line_without_a_label_or_a_name_ends_nothing(tmp_path):
    root = classes(tmp_path / "in")
    lines = ["cat/0.png,a", "cat/1.png,a", "cat/2.png,", "dog/0.png,b", "dog/1.png,b ", ",b", "dog/2.png,b"]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    read = Read(root)
    assert read.classes == ("a", "b")
    assert read.n == 5
    assert read.out == {"cat/2.png": "has no label in metadata.csv", "row 6 of metadata.csv": "names no file"}
    (root / "metadata.csv").write_text("file_name,label\ncat/0.png,\ndog/0.png,\n")
    refused(root, r"No row of metadata\.csv has a value in column label")


def test_many_files_of_one_reason_share_a_line(tmp_path):
    root = classes(tmp_path / "in")
    for i in range(130):
        (root / f"{i:03d}.png").write_bytes(b"x")
    read = Read(root)
    assert len(read.out) == 101
    assert "100.png and 29 more" in read.out


def test_names_written_on_windows_and_whole_paths_are_found(tmp_path):
    root = classes(tmp_path / "in")
    lines = [
        r"cat\0.png,a",
        r".\cat\1.png,a",
        "CAT/2.PNG,a",
        "dog/../dog/0.png,b",
        f"{root}/dog/1.png,b",
        "dog/2.png,b",
    ]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    read = Read(root)
    assert read.ids == {f"{name}/{i}.png" for name in ("cat", "dog") for i in range(3)}
    assert "2 names with backslashes" in read.notes["metadata.csv"] or len(read.notes) == 1
    assert not read.out


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    secret = tmp_path / "secret"
    classes(secret, ("cat",))
    root = classes(tmp_path / "in")
    os.symlink(secret / "cat" / "0.png", root / "cat" / "link.png")
    os.symlink(secret / "cat", root / "cats")
    os.symlink("/", root / "dog" / "all")
    os.symlink(tmp_path / "gone.png", root / "dog" / "gone.png")
    os.symlink(root / "dog" / "nowhere.png", root / "dog" / "dead.png")
    os.symlink(root / "dog" / "0.png", root / "dog" / "again.png")
    read = Read(root)
    assert read.classes == ("cat", "dog")
    assert {"cat/link.png", "cats", "dog/all", "dog/gone.png", "dog/dead.png"} == set(read.out)
    assert "leads out of the folder" in read.out["cats"]
    assert "dog/again.png" in read.ids
    lines = [
        "cat/0.png,a",
        "dog/0.png,b",
        "../secret/cat/0.png,a",
        f"{secret}/cat/1.png,a",
        "/etc/passwd,b",
        "cat/link.png,a",
        r"C:\x\0.png,a",
    ]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    read = Read(root)
    assert read.ids == {"cat/0.png", "dog/0.png"}
    for name in ("../secret/cat/0.png", f"{secret}/cat/1.png", "/etc/passwd", r"C:\x\0.png"):
        assert "outside" in read.out[name]


def test_loops_end(tmp_path):
    root = classes(tmp_path / "in")
    os.symlink(root, root / "cat" / "up")
    os.symlink(root / "dog", root / "dog" / "self")
    os.symlink(root / "cat" / "loop", root / "cat" / "loop")
    for i in range(12):  # each followed once, or this takes 2 ** 12 visits
        (root / "cat" / f"d{i}").mkdir()
        for name in ("a", "b"):
            os.symlink(root / "cat" / f"d{i + 1}", root / "cat" / f"d{i}" / name)
    read = Read(root)
    assert read.n == 6
    assert "read already" in read.out["cat/up"]
    assert "cat/loop" in read.out


def test_only_regular_files_are_taken_and_nothing_is_opened(tmp_path):
    root = classes(tmp_path / "in")
    os.mkfifo(root / "cat" / "pipe.png")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(root / "cat" / "s.png"))
    read = Read(root)
    server.close()
    assert set(read.out) == {"cat/pipe.png", "cat/s.png"}
    assert "no regular file" in read.out["cat/pipe.png"]


def test_names_that_are_not_utf8_are_left_out_by_name(tmp_path):
    root = classes(tmp_path / "in")
    for name in (b"cat/caf\xe9.png", b"caf\xe9/1.png"):
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(b"x")
    read = Read(root)
    assert read.n == 6
    assert read.out == dict.fromkeys(("cat/caf\\xe9.png", "caf\\xe9"), "its name is not UTF-8")


def test_very_deep_folders_are_left_out(tmp_path):
    root = classes(tmp_path / "in")
    deep = root / "cat" / "/".join("d" for _ in range(70))
    picture(deep / "1.png")
    read = Read(root)
    assert read.n == 6
    assert len(read.out) == 1


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("training_set", "valid_set", "test_set"),
        ("train_set", "val-set", "Testing"),
        ("TrainSet", "Dev Set", "hold_out"),
        ("train2017", "val2017", "test2017"),
        ("Training", "Validation", "eval"),
    ],
)
def test_split_folders_by_many_names(tmp_path, train, val, test):
    for name, n in ((train, 4), (val, 2), (test, 1)):
        classes(tmp_path / "in" / name, n=n)
    read = Read(tmp_path / "in")
    assert read.classes == ("cat", "dog")
    assert {key: n for key, n in read.counts.items() if key[1] == "cat"} == {
        ("train", "cat"): 4,
        ("val", "cat"): 2,
        ("test", "cat"): 1,
    }
    assert f"{train} as train" in read.notes["split folders"]


def test_a_word_for_a_split_may_be_a_class(tmp_path):
    read = Read(classes(tmp_path / "vehicles", ("bus", "car", "train")))
    assert read.classes == ("bus", "car", "train")
    assert "taken as a class" in read.notes["train"]
    read = Read(classes(tmp_path / "lab", ("control", "test")))
    assert read.classes == ("control", "test")
    assert "test" in read.notes


def test_an_unlabelled_test_folder_is_said(tmp_path):
    root = tmp_path / "in"
    classes(root / "train", n=8)
    for i in range(6):
        picture(root / "test" / f"{i}.png")
    read = Read(root, test_fraction=0.25)
    assert read.n == 16
    assert set(read.out) == {f"test/{i}.png" for i in range(6)}
    assert "drawn from the training pictures" in read.notes["test"]


def test_loose_pictures_and_other_folders_are_listed(tmp_path):
    root = classes(tmp_path / "in")
    for i in range(4):
        picture(root / f"loose{i}.png")
    (root / "cat" / "phone.HEIC").write_bytes(b"x")
    read = Read(root)
    assert set(read.out) == {"cat/phone.HEIC", *(f"loose{i}.png" for i in range(4))}
    assert "save it as PNG" in read.out["cat/phone.HEIC"]
    split = tmp_path / "split"
    for name in ("train", "test"):
        classes(split / name)
        picture(split / name / "loose.png")
    picture(split / "unlabelled" / "1.png")
    read = Read(split)
    assert read.n == 12
    assert set(read.out) == {"train/loose.png", "test/loose.png", "unlabelled/1.png"}
    assert "no train, val or test folder" in read.out["unlabelled/1.png"]


def test_a_wrapper_folder_is_looked_through(tmp_path):
    for name in ("train", "test"):
        classes(tmp_path / "in" / "archive" / "mydata" / name)
    (tmp_path / "in" / "readme.md").write_text("x")
    read = Read(tmp_path / "in")
    assert read.classes == ("cat", "dog")
    assert read.counts[("test", "cat")] == 3
    assert "archive/mydata/train/cat/0.png" in read.ids
    assert "archive/mydata" in read.notes
    assert read.out == {"readme.md": "not a picture (.md)"}
    picture(tmp_path / "meta" / "inner" / "1.png")
    picture(tmp_path / "meta" / "inner" / "2.png")
    (tmp_path / "meta" / "inner" / "metadata.csv").write_text("file_name,label\n1.png,a\n2.png,b\n")
    assert Read(tmp_path / "meta").classes == ("a", "b")


def test_splits_inside_class_folders(tmp_path):
    for name in ("cat", "dog"):
        classes(tmp_path / "in" / name, ("train", "test"))
    read = Read(tmp_path / "in")
    assert read.classes == ("cat", "dog")
    assert read.counts == {(split, name): 3 for split in ("train", "test") for name in ("cat", "dog")}
    assert "every class folder" in read.notes["split folders"]
    picture(tmp_path / "in" / "cat" / "1.png")
    read = Read(tmp_path / "in")
    assert {split for split, _ in read.counts} == {"train"}
    assert any("not read as a split" in what for what in read.notes.values())


def test_what_looks_like_splits_and_cannot_be_is_refused(tmp_path):
    for name in ("val", "test"):
        classes(tmp_path / "no_train" / name)
    refused(tmp_path / "no_train", "test, val.*look like splits, but no folder holds the training pictures")
    for name in ("train", "test"):
        classes(tmp_path / "flat", (name,))
    refused(tmp_path / "flat", r"test, train.*look like splits, but hold pictures without class folders")
    for name in ("train_old", "train_new"):
        classes(tmp_path / "unknown" / name)
    refused(tmp_path / "unknown", "look like splits, but their names are not known")
    classes(tmp_path / "half" / "train")
    classes(tmp_path / "half" / "more")
    refused(tmp_path / "half", "cannot be told whether it is the training split or a class")
    classes(tmp_path / "part" / "test")
    classes(tmp_path / "part", ("cat", "dog"))
    refused(tmp_path / "part", "looks like a split.*cat, dog")


def test_folders_that_are_numbered_alike_are_classes(tmp_path):
    read = Read(classes(tmp_path / "in", ("test1", "test2", "test3")))
    assert read.classes == ("test1", "test2", "test3")
    assert "taken as a class" in read.notes["test1"]


def test_an_empty_split_folder_is_said(tmp_path):
    classes(tmp_path / "in" / "train")
    (tmp_path / "in" / "test").mkdir()
    read = Read(tmp_path / "in")
    assert read.n == 6
    assert "holds no pictures" in read.notes["test"]


def test_splits_of_folders_that_a_table_of_labels_does_not_name(tmp_path):
    root = tmp_path / "in"
    lines = []
    for split in ("train", "test"):
        for i in range(4):
            picture(root / split / f"{i}.png", i)
            lines.append(f"{split}/{i}.png,{'ab'[i % 2]}")
    (root / "METADATA.CSV").write_text("\n".join(["file_name,label", *lines]))
    read = Read(root)
    assert read.counts == {(split, label): 2 for split in ("train", "test") for label in "ab"}
    assert "those of the folders are taken: test, train" in read.notes["split folders"]
    picture(root / "more" / "1.png")
    (root / "METADATA.CSV").write_text("\n".join(["file_name,label", *lines, "more/1.png,a"]))
    read = Read(root)
    assert {split for split, _ in read.counts} == {"train"}
    assert "not read as splits" in read.notes["test, train"]


def test_a_folder_of_tables_or_of_unsorted_pictures_says_what_to_do(tmp_path):
    (tmp_path / "parts").mkdir()
    for i in range(2):
        (tmp_path / "parts" / f"part-{i}.csv").write_bytes(b"x")
    refused(tmp_path / "parts", r"2 tables \(part-0\.csv, part-1\.csv\).*Name one file")
    for i in range(2):
        picture(tmp_path / "kaggle" / "all" / f"{i}.png")
    (tmp_path / "kaggle" / "train.csv").write_text("id,label\n")
    refused(tmp_path / "kaggle", r"train\.csv lies beside.*metadata\.csv")
    picture(tmp_path / "loose" / "1.png")
    refused(tmp_path / "loose", "1 picture lies there, but in no class folder")


def test_one_name_in_two_unicode_forms_is_one_class(tmp_path):
    root = tmp_path / "in"
    for i, form in enumerate(("NFC", "NFD")):
        picture(root / unicodedata.normalize(form, "café") / f"{i}.png", i)
    picture(root / "thé" / "1.png")
    read = Read(root)
    assert read.classes == (unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFC", "thé"))
    assert read.n == 3
    assert any("Unicode form" in what for what in read.notes.values())


def test_class_folders_that_differ_by_case_or_by_nothing_that_can_be_seen_are_said(tmp_path):
    for i, name in enumerate(("cat", "cat\u200b", "Dog", "dog")):
        picture(tmp_path / "in" / name / f"{i}.png", i)
    read = Read(tmp_path / "in")
    assert read.classes == ("Dog", "cat", "dog")
    assert read.counts[("train", "cat")] == 2
    assert "differ only by case" in read.notes["labels"]


def test_a_folder_of_which_nothing_is_left_says_what_was_passed_over(tmp_path):
    classes(tmp_path / "elsewhere" / "train")
    (tmp_path / "in").mkdir()
    os.symlink(tmp_path / "elsewhere" / "train", tmp_path / "in" / "train")
    refused(tmp_path / "in", "was passed over: train: a link that leads out of the folder")
    classes(tmp_path / "hidden" / ".cache")
    refused(tmp_path / "hidden", r"was passed over: hidden files: 6 files")
