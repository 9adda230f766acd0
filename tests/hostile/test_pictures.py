"""Broken, odd and merely unusual folders of pictures and their metadata.csv."""

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile.harness import Case, check, clear, fine
from PIL import Image

SIZE = 8


def pixels(at=0, mode="RGB", side=SIZE):
    values = np.random.default_rng(at).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def classes(root: Path, names=("cat", "dog"), n=12, ending=".png", under=""):
    for number, name in enumerate(names):
        folder = root / under / name
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(n):
            pixels(100 * number + i).save(folder / f"{i:02}{ending}")


def tree(change=lambda root: None, *flags, **settings):
    """Two classes of twelve pictures, and one thing that is different."""

    def make(folder: Path):
        root = folder / "in"
        root.mkdir()
        classes(root, **settings)
        change(root)
        return ["new", "x", "--path", root, *flags]

    return make


def added(name, content=b"", where="cat"):
    def change(root: Path):
        path = root / where / name if isinstance(name, str) else os.path.join(os.fsencode(root / where), name)
        if isinstance(content, bytes):
            Path(os.fsdecode(path)).parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(content)
        else:
            content(path)

    return change


def meta(lines, *flags, n=12, header="file_name,label"):
    """Pictures beside a metadata.csv."""

    def make(folder: Path):
        root = folder / "in"
        root.mkdir()
        for i in range(n):
            pixels(i).save(root / f"{i:02}.png")
        (folder / "secret").mkdir()
        pixels(99).save(folder / "secret" / "private.png")
        rows = lines(folder) if callable(lines) else lines
        (root / "metadata.csv").write_text("\n".join([header, *rows]) + "\n") if not isinstance(rows, bytes) else (
            root / "metadata.csv"
        ).write_bytes(rows)
        return ["new", "x", "--path", root, *flags]

    return make


LINES = [f"{i:02}.png,{'cat' if i % 2 else 'dog'}" for i in range(12)]


def huge_header(path):
    """A PNG of a few bytes that says it is a hundred thousand pixels wide and high."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    )
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def whole(name="x.png", mode="RGB", side=SIZE, **options):
    return added(name, lambda path: pixels(7, mode, side).save(path, **options))


def cut(path):
    pixels(3).resize((64, 64)).save(path)
    Path(path).write_bytes(Path(path).read_bytes()[:90])


def deep(root: Path):
    place = root / "cat" / "/".join("d" * 20 for _ in range(20))
    place.mkdir(parents=True)
    pixels(5).save(place / "deep.png")


def outside(root: Path):
    secret = root.parent / "secret"
    secret.mkdir()
    pixels(9).save(secret / "private.png")
    os.symlink(secret / "private.png", root / "cat" / "linked.png")


def class_outside(root: Path):
    secret = root.parent / "secret"
    classes(secret, ("cow",), 5)
    os.symlink(secret / "cow", root / "cow")


def hidden_copies(root: Path):
    shutil.copytree(root / "cat", root / "cat" / ".ipynb_checkpoints")


def splits(*names):
    def make(folder: Path):
        root = folder / "in"
        for name in names:
            classes(root, n=8, under=name)
        return ["new", "x", "--path", root]

    return make


ALL, MORE, TOLD = "18 train, 2 val, 4 test", "18 train, 2 val, 5 test", "left out"
CASES = [
    Case("plain", tree(), fine(ALL, "2 classes")),
    Case("columns named", tree(lambda root: None, "--group", "g"), fine(ALL, "--group g", "not used")),
    Case("no pictures at all", lambda f: [(f / "in").mkdir(), "new", "x", "--path", f / "in"][1:], clear("picture")),
    Case("one class", tree(names=("cat",)), clear("cat")),
    Case("an empty class", tree(lambda root: (root / "cow").mkdir()), clear("cow")),
    Case("a class of one picture", tree(lambda root: classes(root, ("cow",), 1)), fine("cow")),
    Case("notebook copies", tree(hidden_copies), fine(ALL)),
    Case("a Mac's leftovers", tree(added("._00.png", b"\0\5\x16\7", "__MACOSX/cat")), fine(ALL)),
    Case(
        "a desktop's leftovers",
        tree(lambda r: [added(n, b"x")(r) for n in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png")]),
        fine(ALL),
    ),
    Case("an empty picture", tree(added("x.png")), fine("24 taken", TOLD, "x.png")),
    Case("words named png", tree(added("x.png", b"hello there")), fine("24 taken", TOLD, "x.png")),
    Case("a cut picture", tree(added("x.png", cut)), fine("24 taken", TOLD, "x.png")),
    Case("all pictures broken", tree(lambda r: [p.write_bytes(b"no") for p in r.rglob("*.png")]), clear("picture")),
    Case("a PNG bomb", tree(added("x.png", huge_header)), fine("24 taken", TOLD, "x.png")),
    Case(
        "PostScript named png",
        tree(added("x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")),
        fine("24 taken", TOLD, "x.png"),
    ),
    Case("a PDF", tree(added("x.pdf", b"%PDF-1.4")), fine(ALL, TOLD, "x.pdf")),
    Case("a text beside the pictures", tree(added("notes.txt", b"words")), fine(ALL, TOLD, "notes.txt")),
    Case("a picture beside the classes", tree(lambda r: pixels(1).save(r / "loose.png")), fine(ALL, TOLD, "loose.png")),
    Case("a folder called x.png", tree(lambda r: (r / "cat" / "x.png").mkdir()), fine(ALL)),
    Case("a pipe called x.png", tree(added("x.png", os.mkfifo)), fine("24 taken", TOLD, "x.png")),
    Case(
        "a link to nothing",
        tree(lambda r: os.symlink("/no/such", r / "cat" / "x.png")),
        fine("24 taken", TOLD, "x.png"),
    ),
    Case(
        "a link to itself",
        tree(lambda r: os.symlink(r / "cat" / "x.png", r / "cat" / "x.png")),
        fine("24 taken", TOLD, "x.png"),
    ),
    Case("a link to the folder above", tree(lambda r: os.symlink(r, r / "cat" / "up")), fine(ALL)),
    Case("a link to a picture outside", tree(outside), fine(ALL, TOLD, "linked.png")),
    Case("a link to a class outside", tree(class_outside), fine(ALL, TOLD, "cow")),
    Case("a link to the whole machine", tree(lambda r: os.symlink("/", r / "world")), fine(ALL, TOLD, "world")),
    Case("a name that is no text", tree(added(b"\xff\xfe.png", b"x")), fine(ALL, TOLD)),
    Case(
        "a class whose name is no text",
        tree(lambda r: os.mkdir(os.path.join(os.fsencode(r), b"\xff\xfe"))),
        (fine(ALL, TOLD)),
    ),
    Case("a newline in a name", tree(whole("a\nb.png")), fine(MORE)),
    Case("a name of 244 signs", tree(whole("n" * 240 + ".png")), fine(MORE)),
    Case("Markdown in a name", tree(whole("![x](http:__host_a.png).png")), fine(MORE)),
    Case("twenty folders deep", tree(deep), fine(MORE)),
    Case(
        "grey, palette and alpha",
        tree(lambda r: [whole(f"{m}.png", m)(r) for m in ("L", "P", "LA", "RGBA", "1")]),
        fine("train"),
    ),
    Case("CMYK", tree(whole("x.jpg", "CMYK")), fine(MORE)),
    Case("one very large picture", tree(whole("x.png", side=1500)), fine(MORE)),
    Case("a picture of one pixel", tree(whole("x.png", side=1)), fine(MORE)),
    Case("wrong ending", tree(added("x.png", lambda p: pixels(2).save(p, "JPEG"))), fine(MORE)),
    Case(
        "16 bits that use few values",
        tree(added("x.png", lambda p: Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)).save(p))),
        fine("train"),
    ),
    Case(
        "floats",
        tree(added("x.tiff", lambda p: Image.fromarray(np.random.rand(8, 8).astype(np.float32)).save(p))),
        fine(MORE, "floating point"),
    ),
    Case("endings in capitals", tree(whole("x.PNG")), fine(MORE)),
    Case("size below nothing", tree(lambda r: None, "--image-size=-3"), clear("--image-size")),
    Case("size beyond everything", tree(lambda r: None, "--image-size=200000"), clear("--image-size")),
    Case("splits", splits("train", "val", "test"), fine("16 train, 16 val, 16 test")),
    Case("splits by other words", splits("training_set", "valid", "test_set"), fine("16 train, 16 val, 16 test")),
    Case("a class that is called train", tree(names=("bus", "car", "train")), fine("3 classes")),
    Case(
        "one folder around",
        lambda f: [classes(f / "in" / "mydata"), "new", "x", "--path", f / "in"][1:],
        fine("2 classes"),
    ),
    Case(
        "classes in test alone",
        lambda f: [splits("train", "test")(f), classes(f / "in" / "test", ("cow",)), "new", "x", "--path", f / "in"][
            2:
        ],
        clear("cow"),
    ),
    Case(
        "a table in the folder",
        lambda f: [
            (f / "in").mkdir(),
            (f / "in" / "t.csv").write_text("a,label\n1,2\n"),
            "new",
            "x",
            "--path",
            f / "in",
        ][2:],
        clear("t.csv"),
    ),
    Case(
        "a file as the folder",
        lambda f: [pixels(1).save(f / "x.png"), "new", "x", "--path", f / "x.png"][1:],
        clear("x.png"),
    ),
    Case("class names that are hard", tree(names=("a b", "*star*", "<b>", "שלום", "c" * 200)), fine("5 classes")),
    # metadata.csv
    Case("metadata", meta(LINES), fine("2 classes")),
    Case("metadata: lines for half", meta(LINES[:8]), fine(TOLD, "11.png")),
    Case("metadata: a path outside", meta([*LINES, "../secret/private.png,cat"]), fine(TOLD, "private.png")),
    Case(
        "metadata: an absolute path", meta(lambda f: [*LINES, f"{f}/secret/private.png,cat"]), fine(TOLD, "private.png")
    ),
    Case("metadata: the password file", meta([*LINES, "../../../../../../etc/passwd,cat"]), fine(TOLD, "passwd")),
    Case("metadata: a device", meta([*LINES, "/dev/zero,cat"]), fine(TOLD, "zero")),
    Case("metadata: a folder", meta([*LINES, ".,cat"]), fine(TOLD)),
    Case("metadata: no file", meta([*LINES, "none.png,cat"]), fine(TOLD, "none.png")),
    Case("metadata: none of the files", meta([f"no{i}.png,{'ab'[i % 2]}" for i in range(9)]), clear("no0.png")),
    Case("metadata: an empty name", meta([*LINES, ",cat"]), fine(TOLD)),
    Case("metadata: a name with NUL", meta([*LINES, "a\0b.png,cat"]), fine(TOLD)),
    Case("metadata: a name of 5,000 signs", meta([*LINES, "n" * 5000 + ".png,cat"]), fine(TOLD)),
    Case("metadata: a file twice", meta([*LINES, LINES[0]]), (clear("00.png"))),
    Case("metadata: no label", meta([*LINES[:-1], "11.png,"]), fine(TOLD)),
    Case("metadata: no column of names", meta(LINES, header="picture,label"), clear("file_name")),
    Case("metadata: no column of labels", meta(LINES, header="file_name,kind"), clear("label")),
    Case("metadata: empty", meta(b""), clear("metadata.csv")),
    Case("metadata: header alone", meta([]), clear("metadata.csv")),
    Case(
        "metadata: in another encoding",
        meta("file_name,label\n00.png,café\n01.png,thé\n".encode("cp1252")),
        clear("UTF-8"),
    ),
    Case(
        "metadata: from Windows", meta([f"pics\\{i:02}.png,{'ab'[i % 2]}" for i in range(12)]), clear("pics\\\\00.png")
    ),
    Case(
        "metadata: unknown split",
        meta([line + ",hold" for line in LINES], header="file_name,label,split"),
        clear("hold"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pictures(case, home, tmp_path):
    check(case.make(tmp_path), case.expected, home)
