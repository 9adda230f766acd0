"""Broken, odd and merely unusual tables: CSV, TSV, JSONL and Parquet."""

import json
import os
from pathlib import Path

import pytest
from hostile.harness import Case, check, clear, fine

N = 40
ROWS = [(round(0.37 * i % 5, 2), round(1.7 * i % 3, 2), "cat" if i * 7 % 11 < 5 else "dog") for i in range(N)]
HEADER = "x1,x2,label"


def csv(rows=ROWS, header=HEADER, separator=",", end="\n"):
    return header + end + end.join(separator.join(map(str, row)) for row in rows) + end


def swap(at, column, value):
    """The rows with one value replaced."""
    return [tuple(value if (i, j) == (at, column) else old for j, old in enumerate(row)) for i, row in enumerate(ROWS)]


def jsonl(change=lambda i, record: record):
    return "".join(json.dumps(change(i, {"x1": a, "x2": b, "label": c})) + "\n" for i, (a, b, c) in enumerate(ROWS))


def file(name, content, *flags):
    def make(folder: Path):
        path = folder / name
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        return ["new", "x", "--path", path, *flags]

    return make


def parquet(build):
    def write(path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        base = {"x1": [row[0] for row in ROWS], "x2": [row[1] for row in ROWS], "label": [row[2] for row in ROWS]}
        pq.write_table(build(pa, base), path)

    return write


def replaced(**columns):
    return parquet(lambda pa, base: pa.table({**base, **{name: make(pa) for name, make in columns.items()}}))


def bomb(path):
    """Three million rows in a few kilobytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    many = 3_000_000
    pq.write_table(pa.table({"x1": pa.repeat(pa.scalar(1.0), many), "label": pa.repeat(pa.scalar("a"), many)}), path)


def texts(change=lambda i, text: text):
    words = ["good fine nice", "bad poor sad"]
    return "".join(
        json.dumps({"body": change(i, f"{words[i % 2]} w{i}"), "label": "ab"[i % 2]}) + "\n" for i in range(N)
    )


def link_loop(folder):
    os.symlink(folder / "loop.csv", folder / "loop.csv")
    return ["new", "x", "--path", folder / "loop.csv"]


def link_to_table(folder):
    (folder / "real.csv").write_text(csv())
    os.symlink(folder / "real.csv", folder / "link.csv")
    return ["new", "x", "--path", folder / "link.csv"]


def pipe(folder):
    os.mkfifo(folder / "pipe.csv")
    return ["new", "x", "--path", folder / "pipe.csv"]


ALL = f"{N * 7 // 10} train"
BIG = "1" + "0" * 5000

CASES = [
    Case("plain", file("t.csv", csv()), fine(ALL, "cat", "dog")),
    Case("nothing", file("t.csv", ""), clear("t.csv", "empty")),
    Case("blanks only", file("t.csv", "\n \n\n"), clear("t.csv")),
    Case("header only", file("t.csv", HEADER + "\n"), clear("t.csv", "no rows")),
    Case("one row", file("t.csv", csv(ROWS[:1])), clear()),
    Case("one class", file("t.csv", csv([(a, b, "cat") for a, b, _ in ROWS])), clear("cat")),
    Case("a class per row", file("t.csv", csv([(a, b, f"c{i}") for i, (a, b, _) in enumerate(ROWS)])), clear()),
    Case("no label column", file("t.csv", csv(header="x1,x2,kind")), clear("label", "kind")),
    Case("label only", file("t.csv", csv([(c,) for _, _, c in ROWS], "label")), clear()),
    Case("a row is short", file("t.csv", csv().replace("0.37,1.7,dog", "0.37,1.7")), fine("39 taken", "has no label")),
    Case("a row is long", file("t.csv", csv() + "1,2,cat,4,5\n"), clear("t.csv")),
    Case("label empty in one row", file("t.csv", csv(swap(3, 2, ""))), fine("left out", "39")),
    Case("label empty in all", file("t.csv", csv([(a, b, "") for a, b, _ in ROWS])), clear("label")),
    Case("a gap in a number", file("t.csv", csv(swap(3, 0, ""))), fine(ALL, "x1", "stands in")),
    Case("a word among numbers", file("t.csv", csv(swap(3, 0, "n.a."))), clear("x1", "n.a.")),
    Case("infinity", file("t.csv", csv(swap(3, 0, "inf"))), clear("x1", "inf")),
    Case("minus infinity", file("t.csv", csv(swap(3, 0, "-inf"))), clear("x1", "inf")),
    Case("not a number", file("t.csv", csv(swap(3, 0, "nan"))), fine(ALL, "x1", "stands in")),
    Case("near the largest float", file("t.csv", csv(swap(3, 0, "1e308"))), clear("x1")),
    Case("more than the largest float", file("t.csv", csv(swap(3, 0, "1e400"))), clear("x1")),
    Case("a number of thousands of digits", file("t.csv", csv(swap(3, 0, BIG))), clear("x1")),
    Case("semicolons", file("t.csv", csv(separator=";", header="x1;x2;label")), fine(ALL, "cat")),
    Case("tabs in a csv", file("t.csv", csv(separator="\t", header="x1\tx2\tlabel")), fine(ALL, "cat")),
    Case("tsv", file("t.tsv", csv(separator="\t", header="x1\tx2\tlabel")), fine(ALL, "cat")),
    Case("commas in a tsv", file("t.tsv", csv()), fine(ALL, "cat")),
    Case(
        "trailing comma everywhere",
        file("t.csv", csv(header=HEADER + ",").replace("cat\n", "cat,\n").replace("dog\n", "dog,\n")),
        fine(ALL),
    ),
    Case("blanks in the header", file("t.csv", csv(header=" x1 , x2 , label ")), fine(ALL, "cat")),
    Case("two columns of one name", file("t.csv", csv(header="x1,x1,label")), clear("x1")),
    Case("label twice", file("t.csv", csv(header="label,x2,label")), clear("label")),
    Case("column without a name", file("t.csv", csv(header=",x2,label")), fine(ALL)),
    Case("old Mac line ends", file("t.csv", csv(end="\r")), fine(ALL)),
    Case("Windows line ends", file("t.csv", csv(end="\r\n")), fine(ALL)),
    Case("byte order mark", file("t.csv", "\ufeff" + csv()), fine(ALL, "cat")),
    Case("gzip named csv", file("t.csv", b"\x1f\x8b\x08" + bytes(30)), clear("t.csv", "gzip", ".csv.gz", "unpack")),
    Case("Excel named csv", file("t.csv", b"PK\x03\x04" + bytes(300)), clear("t.csv", "Excel")),
    Case("a web page named csv", file("t.csv", "\n<!DOCTYPE html><html>Not found</html>"), clear("t.csv", "web page")),
    Case(
        "a pointer named csv",
        file("t.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:ab\n"),
        clear("git lfs pull"),
    ),
    Case(
        "commas between lakhs",
        file("t.csv", csv([(a, f'"{i},23,456"', c) for i, (a, _, c) in enumerate(ROWS, 1)])),
        fine(ALL, "'1,23,456' is 123456"),
    ),
    Case(
        "a group is missing",
        file("t.csv", csv([(*row, "g" if i else "") for i, row in enumerate(ROWS)], HEADER + ",g"), "--group", "g"),
        clear("Row 1", "holds the groups", "another column"),
    ),
    Case("UTF-16", file("t.csv", csv().encode("utf-16")), (fine(ALL))),
    Case("Windows-1252", file("t.csv", csv(swap(3, 2, "café")).encode("cp1252")), clear("UTF-8")),
    Case("bytes of nothing", file("t.csv", bytes(range(256)) * 8), clear("t.csv")),
    Case("NUL bytes only", file("t.csv", bytes(4000)), clear("t.csv")),
    Case("NUL in a label", file("t.csv", csv(swap(3, 2, "do\0g"))), fine("2 classes", "taken as 'dog'")),
    Case("quote that never ends", file("t.csv", csv(swap(3, 2, '"dog'))), clear("t.csv")),
    Case("a JPEG named csv", file("t.csv", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 4), clear("t.csv")),
    Case("a zip named csv", file("t.csv", b"PK\x03\x04" + os.urandom(400)), clear("t.csv")),
    Case("a constant column", file("t.csv", csv([(5, b, c) for _, b, c in ROWS])), fine(ALL)),
    Case(
        "a column that repeats the label",
        file("t.csv", csv([(c.upper(), b, c) for _, b, c in ROWS])),
        clear("x1", "label"),
    ),
    Case(
        "labels that are a quantity",
        file("t.csv", csv([(a, b, a * 1.01 + i) for i, (a, b, _) in enumerate(ROWS)])),
        clear("label"),
    ),
    Case(
        "labels 1 and 1.0",
        file("t.csv", csv([(a, b, ("1", "1.0", "2")[i % 3]) for i, (a, b, _) in enumerate(ROWS)])),
        fine("2 classes"),
    ),
    Case("zero-width space in a label", file("t.csv", csv(swap(3, 2, "dog\u200b"))), (fine("2 classes"))),
    Case(
        "two Unicode forms",
        file("t.csv", csv([(a, b, ("caf\u00e9", "cafe\u0301", "the")[i % 3]) for i, (a, b, _) in enumerate(ROWS)])),
        fine("2 classes"),
    ),
    Case(
        "case differs",
        file("t.csv", csv([(a, b, ("Cat", "cat", "dog")[i % 3]) for i, (a, b, _) in enumerate(ROWS)])),
        fine(("note", "classes")),
    ),
    Case("complex numbers", file("t.csv", csv([(f"{a}+2j", b, c) for a, b, c in ROWS])), fine(ALL)),
    Case(
        "unknown split word",
        file(
            "t.csv",
            csv([(*row, ("train", "hold")[i % 2]) for i, row in enumerate(ROWS)], HEADER + ",split"),
            "--split",
            "split",
        ),
        clear("hold"),
    ),
    Case(
        "no test rows",
        file("t.csv", csv([(*row, "train") for row in ROWS], HEADER + ",split"), "--split", "split"),
        fine(ALL, "splits: train as given; val drawn from train"),
    ),
    Case(
        "no training rows",
        file("t.csv", csv([(*row, "test") for row in ROWS], HEADER + ",split"), "--split", "split"),
        clear("train"),
    ),
    Case(
        "class seen in test only",
        file(
            "t.csv",
            csv([(*row, "train") for row in ROWS] + [(1, 1, "cow", "test")], HEADER + ",split"),
            "--split",
            "split",
        ),
        clear("cow"),
    ),
    Case(
        "ids twice",
        file("t.csv", csv([(*row, i // 2) for i, row in enumerate(ROWS)], HEADER + ",key"), "--id", "key"),
        clear("id '0'", "Row 2"),
    ),
    Case(
        "an id is missing",
        file("t.csv", csv([(*row, i or "") for i, row in enumerate(ROWS)], HEADER + ",key"), "--id", "key"),
        clear("key"),
    ),
    Case("unknown id column", file("t.csv", csv(), "--id", "nope"), clear("nope")),
    Case("unknown feature", file("t.csv", csv(), "--features", "x1,nope"), clear("nope")),
    Case("features hold the label", file("t.csv", csv(), "--features", "x1,label"), clear("label")),
    Case("unknown group column", file("t.csv", csv(), "--group", "nope"), clear("nope")),
    Case("unknown text column", file("t.csv", csv(), "--text", "nope"), clear("nope")),
    Case("empty file name", lambda folder: ["new", "x", "--path", ""], clear("data")),
    Case("no such file", lambda folder: ["new", "x", "--path", folder / "none.csv"], clear("none.csv", "not")),
    Case(
        "through a file",
        lambda folder: [(folder / "f").write_text("") and 0, *["new", "x", "--path", folder / "f" / "t.csv"]][1:],
        clear("t.csv"),
    ),
    Case("a path of 5,000 letters", lambda folder: ["new", "x", "--path", "p" * 5000 + ".csv"], clear("path")),
    Case("a path that holds NUL", lambda folder: ["new", "x", "--path", "a\0b.csv"], clear("NUL")),
    Case("a link to itself", link_loop, clear("loop.csv")),
    Case("a link to a table", link_to_table, fine(ALL)),
    Case("a pipe", pipe, clear("pipe.csv")),
    Case("a device", lambda folder: ["new", "x", "--path", "/dev/zero"], clear("/dev/zero")),
    Case("unknown ending", file("t.xlsx", b"PK"), clear(".xlsx")),
    Case("no ending", file("t", csv()), clear("ends in")),
    Case("packed", file("t.csv.gz", b"\x1f\x8b\x08"), clear(".gz")),
    Case(
        "an empty folder of nothing",
        lambda folder: [(folder / "e").mkdir(), *["new", "x", "--path", folder / "e"]][1:],
        clear("picture"),
    ),
    # JSON lines
    Case("jsonl", file("t.jsonl", jsonl()), fine(ALL)),
    Case("jsonl: nothing", file("t.jsonl", ""), clear("t.jsonl")),
    Case("jsonl: UTF-16", file("t.jsonl", jsonl().encode("utf-16")), fine(ALL)),
    Case(
        "jsonl: Windows-1252",
        file(
            "t.jsonl",
            jsonl(lambda i, r: {**r, "label": "café" if i % 2 else "the"})
            .encode()
            .decode("unicode_escape")
            .encode("cp1252"),
        ),
        clear("UTF-8"),
    ),
    Case("jsonl: a line is cut", file("t.jsonl", jsonl()[:-20]), clear("Line 40")),
    Case("jsonl: a line is no object", file("t.jsonl", jsonl() + "[1, 2]\n"), clear("Line 41")),
    Case("jsonl: one array", file("t.jsonl", json.dumps([{"x1": 1, "label": "a"}] * 9)), clear("t.jsonl")),
    Case(
        "jsonl: a name twice",
        file("t.jsonl", jsonl() + '{"x1": 1, "x1": 2, "x2": 1, "label": "cat"}\n'),
        clear("x1", "twice"),
    ),
    Case(
        "jsonl: NaN and Infinity",
        file("t.jsonl", jsonl() + '{"x1": NaN, "x2": Infinity, "label": "cat"}\n'),
        clear("x2", "inf"),
    ),
    Case("jsonl: nested too deeply", file("t.jsonl", jsonl() + "[" * 100000 + "\n"), clear("Line 41")),
    Case(
        "jsonl: thousands of digits", file("t.jsonl", jsonl() + f'{{"x1": {BIG}, "x2": 1, "label": "cat"}}\n'), clear()
    ),
    Case(
        "jsonl: half a surrogate in a label",
        file("t.jsonl", jsonl() + '{"x1": 1, "x2": 1, "label": "c\\ud800"}\n'),
        fine("half a surrogate"),
    ),
    Case(
        "jsonl: half a surrogate in a text",
        file("t.jsonl", texts(lambda i, t: t + "\ud800" if i == 3 else t), "--text", "body"),
        fine(ALL),
    ),
    Case(
        "jsonl: labels are lists",
        file("t.jsonl", jsonl(lambda i, r: {**r, "label": [r["label"], "x"]})),
        clear("label"),
    ),
    Case(
        "jsonl: labels are objects",
        file("t.jsonl", jsonl(lambda i, r: {**r, "label": {"a": r["label"]}})),
        clear("label"),
    ),
    Case("jsonl: a feature is a list", file("t.jsonl", jsonl(lambda i, r: {**r, "x1": [1, 2]})), clear("x1")),
    Case("jsonl: numbers as text", file("t.jsonl", jsonl(lambda i, r: {**r, "x1": str(r["x1"])})), fine(ALL)),
    Case(
        "jsonl: true and false as labels",
        file("t.jsonl", jsonl(lambda i, r: {**r, "label": bool(i % 3)})),
        fine("2 classes"),
    ),
    Case(
        "jsonl: null labels",
        file("t.jsonl", jsonl(lambda i, r: {**r, "label": None if i == 2 else r["label"]})),
        fine("left out"),
    ),
    Case(
        "jsonl: some lines lack a column",
        file("t.jsonl", jsonl(lambda i, r: r if i != 5 else {"x1": 1, "label": "cat"})),
        fine(ALL, "x2", "stands in"),
    ),
    # texts
    Case("texts", file("t.jsonl", texts(), "--text", "body"), fine(ALL, "text")),
    Case(
        "texts: one is empty",
        file("t.jsonl", texts(lambda i, t: "" if i == 4 else t), "--text", "body"),
        clear("body", "5"),
    ),
    Case(
        "texts: one zero-width space",
        file("t.jsonl", texts(lambda i, t: "\u200b" if i == 4 else t), "--text", "body"),
        clear("Row 5", "body"),
    ),
    Case(
        "texts: one is null",
        file("t.jsonl", texts(lambda i, t: None if i == 4 else t), "--text", "body"),
        clear("body"),
    ),
    Case(
        "texts: one is a number", file("t.jsonl", texts(lambda i, t: 5 if i == 4 else t), "--text", "body"), fine(ALL)
    ),
    Case(
        "texts: one is a list",
        file("t.jsonl", texts(lambda i, t: [1] if i == 4 else t), "--text", "body"),
        clear("body"),
    ),
    Case(
        "texts: a million signs",
        file("t.jsonl", texts(lambda i, t: "x" * 1000000 if i == 4 else t), "--text", "body"),
        fine(ALL),
    ),
    Case(
        "texts: every sign there is",
        file("t.jsonl", texts(lambda i, t: t + " " + "".join(map(chr, range(1, 3000)))), "--text", "body"),
        fine(ALL),
    ),
    Case("texts: text and label are one column", file("t.jsonl", texts(), "--text", "label"), clear("label")),
    # Parquet
    Case("parquet", file("t.parquet", replaced()), fine(ALL)),
    Case("parquet: nothing", file("t.parquet", b""), clear("t.parquet")),
    Case(
        "parquet: cut",
        file("t.parquet", lambda p: (replaced()(p), p.write_bytes(p.read_bytes()[:-50]))),
        clear("t.parquet"),
    ),
    Case(
        "parquet: flipped bits",
        file(
            "t.parquet",
            lambda p: (replaced()(p), p.write_bytes(p.read_bytes()[:60] + b"\xff" * 40 + p.read_bytes()[100:])),
        ),
        clear("t.parquet"),
    ),
    Case("parquet: a csv", file("t.parquet", csv()), clear("t.parquet")),
    Case(
        "parquet: labels of bytes",
        file("t.parquet", replaced(label=lambda pa: pa.array([b"cat", b"dog"] * 20))),
        fine("2 classes"),
    ),
    Case(
        "parquet: labels of bytes that are no text",
        file("t.parquet", replaced(label=lambda pa: pa.array([b"\xff\xfe", b"dog"] * 20))),
        clear("label"),
    ),
    Case(
        "parquet: a feature of bytes that are no text",
        file("t.parquet", replaced(x1=lambda pa: pa.array([bytes([255, i]) for i in range(40)]))),
        clear("Row 1", "x1", "not UTF-8"),
    ),
    Case(
        "parquet: dates as labels",
        file("t.parquet", replaced(label=lambda pa: pa.array([0, 1] * 20, pa.timestamp("s")))),
        fine("2 classes"),
    ),
    Case(
        "parquet: lists in a feature",
        file("t.parquet", replaced(x1=lambda pa: pa.array([[1.0, 2.0]] * 40))),
        clear("x1"),
    ),
    Case(
        "parquet: decimals",
        file("t.parquet", replaced(x1=lambda pa: pa.array([i / 4 for i in range(40)]).cast(pa.decimal128(10, 3)))),
        fine(ALL),
    ),
    Case(
        "parquet: nulls in a feature",
        file("t.parquet", replaced(x1=lambda pa: pa.array([None, *[1.0, 2.0, 3.0] * 13]))),
        fine(ALL, "x1", "stands in"),
    ),
    Case(
        "parquet: all null",
        file("t.parquet", replaced(x1=lambda pa: pa.nulls(40))),
        fine("x1: has no value in any row"),
    ),
    Case(
        "parquet: dictionary labels",
        file("t.parquet", replaced(label=lambda pa: pa.array(["cat", "dog"] * 20).dictionary_encode())),
        fine("2 classes"),
    ),
    Case("parquet: struct", file("t.parquet", replaced(x1=lambda pa: pa.array([{"a": 1}] * 40))), clear("x1")),
    Case(
        "parquet: column twice",
        file("t.parquet", parquet(lambda pa, b: pa.table([b["x1"], b["x2"], b["label"]], names=["x1", "x1", "label"]))),
        clear("x1"),
    ),
    Case("parquet: no rows", file("t.parquet", parquet(lambda pa, b: pa.table(b).slice(0, 0))), clear("t.parquet")),
    Case(
        "parquet: millions of rows in a small file",
        file("t.parquet", bomb, "--max-gigabytes", "0.01"),
        clear("t.parquet", "GB"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tables(case, home, tmp_path):
    check(case.make(tmp_path), case.expected, home)
