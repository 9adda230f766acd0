"""Tables in the formats that they lie on disk in: JSON, Arrow, databases, fastText, packed text, and patterns."""

import gzip
import json
import sqlite3
from contextlib import closing
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from attribution.datasets.address import absolute, address_of
from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.views import importing

N = 30
FRAME = pd.DataFrame({"age": np.arange(N) * 1.5, "job": ["cook", "nurse", "judge"] * 10, "label": [*"aab", *"bba"] * 5})


def look(path, **config):
    return preview(DataConfig(path=str(path), **config))


def table_of(dataset):
    names = [name for name in dataset.samples if name.startswith("col:")]
    return dataset.samples[names].rename(columns=lambda name: name[4:])


def same(path, tmp_path, reader, **config):
    """Whether the path is read as FRAME, by this reader, and its first rows are shown."""
    assert reader_of(path).name == reader
    assert list(importing.first_rows(str(path), 3)["age"].astype(float)) == [0.0, 1.5, 3.0]
    given = DataConfig(path=str(path), val_fraction=0, test_fraction=0, **config)
    dataset = import_data(given, tmp_path / f"data-{reader}-{len(list(tmp_path.iterdir()))}", "d")
    pd.testing.assert_frame_equal(table_of(dataset), FRAME[["age", "job"]], check_dtype=False)
    words = [dataset.info.classes[label] for label in dataset.labels]
    assert words == FRAME["label"].tolist()


def as_json(path, found):
    path.write_text(json.dumps(found))
    return path


def test_json_arrays_columns_and_wrapped_rows(tmp_path):
    records = FRAME.to_dict("records")
    same(as_json(tmp_path / "a.json", records), tmp_path, "json")
    same(as_json(tmp_path / "b.json", FRAME.to_dict("list")), tmp_path, "json")
    same(as_json(tmp_path / "c.json", {"version": "1", "data": records}), tmp_path, "json")
    FRAME.to_json(tmp_path / "d.json")
    same(tmp_path / "d.json", tmp_path, "json")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[1, 2]", "array of 2 values that are not all objects"),
        ("{}", "an object of nothing"),
        ('{"a": [1], "b": [1, 2]}', "an object of a, b"),
        ('[{"a": 1, "a": 2}]', "'a' twice"),
        ('{"a": 1}\n{"a": 2}', r"call the file \.jsonl"),
        ('[{"a": 1', "Line 1 of t.json is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("", "is empty|not JSON"),
        ('[{"a": ' + "9" * 5000 + "}]", "cannot be read"),
    ],
)
def test_what_is_no_json_table_is_said(tmp_path, text, match):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(UserError, match=match):
        look(tmp_path / "t.json", label="a")


def test_arrow_files_and_streams(tmp_path):
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    feather.write_feather(FRAME, tmp_path / "a.feather")
    with pa.ipc.new_file(tmp_path / "b.arrow", table.schema) as out:
        out.write_table(table)
    with pa.ipc.new_stream(tmp_path / "c.arrow", table.schema) as out:
        out.write_table(table, max_chunksize=7)
    for name in ("a.feather", "b.arrow", "c.arrow"):
        same(tmp_path / name, tmp_path, "arrow")
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes((tmp_path / name).read_bytes()[:200])
        with pytest.raises(UserError, match="not whole as an Arrow file"):
            look(cut)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.gz", "t.jsonl.gz", "t.tsv", "t.json.gz"])
def test_packed_text(tmp_path, name):
    kind = name.split(".")[1]
    text = {
        "csv": FRAME.to_csv(index=False),
        "tsv": FRAME.to_csv(index=False, sep="\t"),
        "jsonl": FRAME.to_json(orient="records", lines=True),
        "json": FRAME.to_json(orient="records"),
    }[kind]
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    same(tmp_path / name, tmp_path, "json" if kind == "json" else "table")
    assert importing.project_name(str(tmp_path / name)) == "t"
    if name.endswith(".gz"):
        (tmp_path / f"cut-{name}").write_bytes(content[:-12])
        with pytest.raises(UserError, match="cannot be unpacked"):
            look(tmp_path / f"cut-{name}")
        (tmp_path / f"plain-{name}").write_bytes(text.encode())
        with pytest.raises(UserError, match="cannot be unpacked"):
            look(tmp_path / f"plain-{name}")


def test_a_small_file_that_unpacks_to_very_much_is_refused_before(tmp_path):
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as out:
        out.write(b"a,label\n" + b"1,2\n" * 3_000_000)
    with pytest.raises(UserError, match=r"bomb\.csv\.gz would take about"):
        look(tmp_path / "bomb.csv.gz", max_gigabytes=0.005)


def database(path):
    with closing(sqlite3.connect(path)) as made:
        FRAME.to_sql("people", made, index=False)
        made.execute("CREATE TABLE more (x INTEGER)")
        made.commit()
    return path


def test_an_sqlite_table_and_a_query(tmp_path):
    path = database(tmp_path / "my data.db")
    same(f"sqlite:{path}?table=people", tmp_path, "sqlite")
    same(f"sqlite:{path}?sql=SELECT age, job, label FROM people WHERE 'http://a' <> '?'", tmp_path, "sqlite")
    found = look(f"sqlite:{path}?sql=SELECT * FROM people WHERE age < 20")
    assert found["n"] == 14
    assert importing.kind_of(f"sqlite:{path}?table=people") == "table"
    assert importing.project_name(f"sqlite:{path}?table=people") == "my-data"
    assert importing.stamp(f"sqlite:{path}?table=people")


@pytest.mark.parametrize(
    ("query", "match"),
    [
        ("", "Its tables: more, people"),
        ("?table=nobody", r"has no table 'nobody'.*more, people"),
        ("?sql=SELEKT 1", "does not answer.*syntax"),
        ("?sql=DELETE FROM people", "readonly|gives no rows|does not answer"),
        ("?sql=SELECT * FROM people; DROP TABLE people", "one statement|does not answer"),
        ("?sql=ATTACH '/tmp/other.db' AS other", "does not answer"),
        ("?sql=SELECT * FROM people WHERE age < 0", "no row"),
        ("?tables=people", "neither sql=... nor table=..."),
    ],
)
def test_queries_that_do_not_work_are_said_and_change_nothing(tmp_path, query, match):
    path = database(tmp_path / "d.db")
    before = path.read_bytes()
    with pytest.raises(UserError, match=match):
        look(f"sqlite:{path}{query}")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["d.db"]


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "d.db").write_bytes(b"not a database" * 100)
    with pytest.raises(UserError, match=r"d\.db does not answer"):
        look(tmp_path / "d.db")
    with pytest.raises(UserError, match="does not exist"):
        look(f"sqlite:{tmp_path}/gone.db?table=a")
    with pytest.raises(UserError, match="Nothing reads mysql"):
        look("mysql:host?table=a")
    with pytest.raises(UserError, match=r"another machine.*Download"):
        look("https://example.org/x.csv")


def test_fasttext(tmp_path):
    lines = [f"__label__{'spam' if i % 2 else 'ham'} dear friend{i} you {'won' if i % 2 else 'read'}" for i in range(N)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    assert reader_of(tmp_path / "t.txt").name == "fasttext"
    found = look(tmp_path / "t.txt")
    assert (found["modality"], found["classes"], found["n"]) == ("text", ["ham", "spam"], N)
    assert found["examples"][0]["text"].startswith("dear friend")
    (tmp_path / "s.txt").write_text("\n".join([f"__label__b {line}" for line in lines] + ["__label__b again"]))
    with pytest.raises(UserError, match=r"more than one label.*--task multilabel"):
        look(tmp_path / "s.txt")
    assert look(tmp_path / "s.txt", task="multilabel")["classes"] == ["b", "ham", "spam"]
    (tmp_path / "u.txt").write_text("just words\n")
    with pytest.raises(UserError, match="format is unknown"):
        look(tmp_path / "u.txt")


def test_a_pattern_of_csv_files(tmp_path):
    for place in range(3):
        FRAME.iloc[place * 10 : place * 10 + 10].to_csv(tmp_path / f"part-{place}.csv", index=False)
    same(str(tmp_path / "part-*.csv"), tmp_path, "table")
    same(str(tmp_path / "part-{0..2}.csv"), tmp_path, "table")
    assert look(tmp_path / "part-{0,2}.csv")["n"] == 20
    with pytest.raises(UserError, match=r"No file is named like .*part-0\.csv"):
        look(tmp_path / "p-*.csv")
    FRAME.drop(columns="age").to_csv(tmp_path / "part-3.csv", index=False)
    with pytest.raises(UserError, match="differ in the columns age"):
        look(tmp_path / "part-*.csv")


def test_addresses():
    assert absolute("sqlite:a.db?sql=SELECT 1").endswith("/a.db?sql=SELECT 1")
    assert absolute("~/x.csv").startswith("/")
    assert address_of("a{0..2}b{x,y}.csv").pattern
    assert not address_of("a{b}.csv").pattern
    with pytest.raises(UserError, match="At most"):
        address_of("{0..999}{0..999}{0..999}.csv").files()


@pytest.mark.parametrize("name", ["t.pkl", "t.npy", "t.h5", "t.zip", "t.dta", "t"])
def test_what_nobody_reads_names_the_nearest_door(tmp_path, name):
    (tmp_path / name).write_bytes(b"some bytes")
    with pytest.raises(UserError) as said:
        look(tmp_path / name)
    assert ".csv" in said.value.do
    assert ("np.savez" in said.value.do) == (name in ("t.pkl", "t.npy", "t.h5"))


def test_excel_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match="pip install openpyxl"):
        look(tmp_path / "t.xlsx")
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    (tmp_path / "t.duckdb").write_bytes(b"x")
    with pytest.raises(UserError, match="pip install duckdb"):
        look(tmp_path / "t.duckdb")


def test_dates_in_a_database_are_read(tmp_path):
    with closing(sqlite3.connect(tmp_path / "d.db")) as made:
        days = [str(date(2024, 1, 1 + i % 28)) for i in range(N)]
        FRAME.assign(day=days).to_sql("t", made, index=False)
    assert look(tmp_path / "d.db")["n"] == N
