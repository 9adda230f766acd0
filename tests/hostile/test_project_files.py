"""Files of a project that are gone, empty, cut, changed or something else: said with the file's name, or the answer is
the same as ever."""

import json
import os
import re
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from hostile.harness import check, clear, fine, leftovers, run

FILES = {
    "project.json": ("status", "list", "train"),
    "project.db": ("status", "list", "train"),
    "first_look.json": ("status",),
    "data/dataset.json": ("status", "val", "leaks"),
    "data/inputs.npy": ("val", "leaks"),
    "data/samples.parquet": ("status", "val"),
    "runs/*/config.json": ("status", "val", "train"),
    "runs/*/probabilities.npy": ("wrong", "flag", "train"),
    "runs/*/representation.npy": ("leaks", "map"),
    "runs/*/dynamics.parquet": ("aum",),
    "runs/*/metrics.parquet": ("train",),
    "runs/*/checkpoints/epoch-004.safetensors": ("val", "train"),
    "runs/*/log.txt": ("status", "train"),
    "flags/*/config.json": ("flag", "status"),
    "flags/*/cases.parquet": ("flag",),
    "flags/*/detectors.parquet": ("flag",),
    "flags/*/neighbors.npy": ("flag",),
    "flags/*/out_of_fold.npy": ("flag",),
    "maps/*/config.json": ("map",),
    "maps/*/coordinates.npy": ("map",),
    "scores/*/config.json": ("score", "status"),
    "scores/*/summary.parquet": ("score",),
    "scores/*/shards/part-00000.safetensors": ("score",),
    "scores/*/moments.parquet": ("score",),
}
VERBS = {
    "status": ["status"],
    "list": ["edit", "list"],
    "train": ["train"],
    "score": ["score", "--queries", "test", "--top", 3, "--device", "cpu"],
    "val": ["score", "--queries", "val", "--top", 3, "--device", "cpu"],
    "wrong": ["score", "--queries", "wrong", "--estimator", "cosine", "--top", 3, "--device", "cpu"],
    "flag": ["flag", "--detectors", "loss,aum", "--cases", 5, "--device", "cpu"],
    "aum": ["flag", "--detectors", "aum", "--cases", 0, "--device", "cpu"],
    "map": ["map", "--method", "pca", "--device", "cpu"],
    "leaks": ["leaks", "--influence", 0, "--device", "cpu"],
}
ESSENTIAL = ("project.json", "project.db", "data/dataset.json", "data/samples.parquet")


def flipped(path):
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 2, min(len(content) // 2 + 8, len(content))):
        content[at] ^= 0xFF
    path.write_bytes(content)


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_loop(path):
    path.unlink()
    os.symlink(path, path)


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut by little": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "other bytes": lambda path: path.write_bytes(bytes(range(256)) * 20),
    "flipped": flipped,
    "a folder": a_folder,
    "a loop": a_loop,
}


def settled(said: str) -> list[str]:
    """What was said, without progress, times and the place."""
    lines = [line for line in said.splitlines() if not re.match(r"\s*\d+\.\d %", line)]
    return [
        re.sub(r"\d[\d.,]* (s|ms|seconds|MB|MiB|GB)\b|/\S+", "*", line) for line in lines if not line.startswith("Took")
    ]


@pytest.fixture(scope="module")
def usual(finished, tmp_path_factory):
    """What each verb says of the whole project."""
    said = {}
    for name, words in VERBS.items():
        copy = tmp_path_factory.mktemp(name) / "people"
        shutil.copytree(finished, copy)
        status, text = run(*words, "-p", copy)
        assert status == 0, text
        said[name] = settled(text)
    return said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_damage_is_said_or_changes_nothing(file, damage, people, usual):
    (path,) = people.glob(file)
    DAMAGES[damage](path)
    statuses = []
    for name in FILES[file]:
        status, said = run(*VERBS[name], "-p", people)
        assert "Traceback" not in said, said
        assert status in (0, 2), said
        statuses.append(status)
        if status == 0 and "damaged: " not in said:
            assert settled(said) == usual[name], f"{name} answers something else without a word"
        else:
            assert path.name in said or path.parent.name in said or "people" in said, said
    if file in ESSENTIAL and damage != "flipped":
        assert 2 in statuses, "nothing was said"
    assert [left for left in leftovers(people) if not left.endswith(".lock")] == []


def edited(file, change):
    def make(people):
        (path,) = people.glob(file)
        found = json.loads(path.read_text())
        path.write_text(json.dumps(change(found)))

    return make


def put(*keys, value):
    def change(found):
        at = found
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value
        return found

    return change


def without(key):
    return lambda found: {name: value for name, value in found.items() if name != key}


def sql(*statements):
    def make(people):
        db = sqlite3.connect(people / "project.db")
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()

    return make


JOB = (
    "INSERT INTO jobs (id, kind, title, config, state, created_s, error) VALUES ('j1', '{}', 'A job', '{}', "
    "'{}', 1, {})"
)
FREE = ("DROP TRIGGER edits_never_change", "DROP TRIGGER edits_in_words")

CASES = [
    ("project.json: a list", lambda p: (p / "project.json").write_text("[]"), "status", clear("project.json")),
    ("project.json: null", lambda p: (p / "project.json").write_text("null"), "status", clear("project.json")),
    ("project.json: a word", lambda p: (p / "project.json").write_text('"x"'), "status", clear("project.json")),
    (
        "project.json: UTF-16",
        lambda p: (p / "project.json").write_bytes((p / "project.json").read_text().encode("utf-16")),
        "status",
        clear("project.json"),
    ),
    ("project.json: no train", edited("project.json", without("train")), "train", clear("train")),
    ("project.json: no model", edited("project.json", without("model")), "train", clear("model")),
    ("project.json: train is a list", edited("project.json", put("train", value=[1])), "train", clear("train")),
    (
        "project.json: epochs many",
        edited("project.json", put("train", "epochs", value="many")),
        "train",
        clear("epochs"),
    ),
    ("project.json: epochs none", edited("project.json", put("train", "epochs", value=0)), "train", clear("epochs")),
    ("project.json: epochs null", edited("project.json", put("train", "epochs", value=None)), "train", clear("epochs")),
    ("project.json: unknown setting", edited("project.json", put("train", "magic", value=1)), "train", clear("magic")),
    (
        "project.json: unknown network",
        edited("project.json", put("model", "name", value="magic")),
        "train",
        clear("magic"),
    ),
    (
        "project.json: code of nobody",
        edited("project.json", put("model", "name", value="/no/net.py:build")),
        "train",
        clear("net.py"),
    ),
    ("project.json: of the future", edited("project.json", put("format", value=99)), "status", clear("99")),
    ("project.json: a format of words", edited("project.json", put("format", value="new")), "status", clear("new")),
    ("project.json: more beside", edited("project.json", put("colour", value="red")), "status", fine("people")),
    ("project.db: of the future", sql("PRAGMA user_version=99"), "status", clear("99")),
    (
        "project.db: another program's",
        lambda p: [(p / "project.db").unlink(), sql("CREATE TABLE pets (a)")(p)],
        "status",
        clear("project.db"),
    ),
    ("project.db: no edits", sql("DROP TABLE edits"), "status", clear("project.db")),
    ("project.db: no jobs", sql("DROP TABLE jobs"), "status", clear("project.db")),
    ("project.db: other columns", sql("ALTER TABLE edits DROP COLUMN evidence"), "list", clear("project.db")),
    ("project.db: a state that is no JSON", sql(*FREE, "UPDATE edits SET new='no json'"), "list", clear()),
    (
        "project.db: a state with more",
        sql(*FREE, """UPDATE edits SET new=json_set(new, '$.mood', 'good')"""),
        "list",
        clear("mood"),
    ),
    (
        "project.db: evidence that is no JSON",
        sql(*FREE, "UPDATE edits SET evidence='{'"),
        "list",
        fine("row-00001  drop"),
    ),
    (
        "project.db: a sample that is not there",
        sql(*FREE, "UPDATE edits SET sample='nobody'", "UPDATE current SET sample='nobody'"),
        "status",
        clear("nobody"),
    ),
    (
        "project.db: a label that is not there",
        sql(
            *FREE,
            """UPDATE edits SET new=json_set(new, '$.label', 'maybe')""",
            """UPDATE current SET state=json_set(state, '$.label', 'maybe')""",
        ),
        "status",
        clear("maybe"),
    ),
    ("job: settings that are no JSON", sql(JOB.format("flag", "{", "done", "NULL")), "status", fine("j1")),
    ("job: an error that is no JSON", sql(JOB.format("flag", "{}", "failed", "'{'")), "status", fine("j1")),
    ("job: of an unknown kind", sql(JOB.format("dance", "{}", "done", "NULL")), "status", fine("j1")),
    ("job: in an unknown state", sql(JOB.format("flag", "{}", "odd", "NULL")), "status", fine("j1")),
    (
        "dataset.json: an empty object",
        lambda p: (p / "data/dataset.json").write_text("{}"),
        "status",
        clear("dataset.json"),
    ),
    ("dataset.json: a list", lambda p: (p / "data/dataset.json").write_text("[]"), "status", clear("dataset.json")),
    ("dataset.json: a new key", edited("data/dataset.json", put("mood", value=1)), "status", clear("mood")),
    ("dataset.json: a key less", edited("data/dataset.json", without("classes")), "status", clear("dataset.json")),
    ("dataset.json: a class less", edited("data/dataset.json", put("classes", value=["no"])), "val", clear()),
    (
        "run: an empty object",
        lambda p: next(p.glob("runs/*/config.json")).write_text("{}"),
        "status",
        fine("damaged", "config.json"),
    ),
    (
        "run: a brace",
        lambda p: next(p.glob("runs/*/config.json")).write_text("{"),
        "status",
        fine("damaged", "config.json"),
    ),
    (
        "run: a checkpoint less",
        lambda p: next(p.glob("runs/*/checkpoints/epoch-002*")).unlink(),
        "status",
        fine("people"),
    ),
    ("run: no checkpoints", lambda p: shutil.rmtree(next(p.glob("runs/*/checkpoints"))), "val", clear("checkpoint")),
    (
        "flags: an empty object",
        lambda p: next(p.glob("flags/*/config.json")).write_text("{}"),
        "flag",
        clear("config.json"),
    ),
    (
        "scores: an empty object",
        lambda p: next(p.glob("scores/*/config.json")).write_text("{}"),
        "score",
        clear("config.json"),
    ),
    ("maps: an empty object", lambda p: next(p.glob("maps/*/config.json")).write_text("{}"), "map", fine("map")),
    ("a stray folder among the runs", lambda p: (p / "runs" / "stray").mkdir(), "status", fine("people")),
    ("a stray file among the runs", lambda p: (p / "runs" / "stray").write_text(""), "status", fine("people")),
    ("no runs at all", lambda p: shutil.rmtree(p / "runs"), "score", clear("no trained model")),
    ("the data are gone", lambda p: shutil.rmtree(p / "data"), "status", clear("dataset.json")),
    (
        "a folder of locks that nobody holds",
        lambda p: [(p / ".locks").mkdir(exist_ok=True), (p / ".locks" / "score-0.lock").write_text("1")],
        "score",
        fine("score"),
    ),
]


@pytest.mark.parametrize(("name", "make", "verb", "expected"), CASES, ids=[name for name, *_ in CASES])
def test_project_files(name, make, verb, expected, people, home):
    make(people)
    status, said = run(*VERBS[verb], "-p", people)
    assert "Traceback" not in said, said
    assert status == expected.status, said
    for word in expected.words:
        assert word in said, said


def objects(path: Path) -> None:
    import numpy as np

    np.save(path, np.array([{}] * 120, dtype=object), allow_pickle=True)


def rows_less(path: Path) -> None:
    import numpy as np

    np.save(path, np.load(path)[:-7])


@pytest.mark.parametrize("change", [objects, rows_less])
@pytest.mark.parametrize("file", ["data/inputs.npy", "runs/*/probabilities.npy", "runs/*/representation.npy"])
def test_arrays_of_another_kind(file, change, people):
    (path,) = people.glob(file)
    change(path)
    status, said = run(*VERBS[FILES[file][0]], "-p", people)
    assert status == 2, said
    assert path.name in said
    assert stat.S_ISREG(path.stat().st_mode)


def test_a_copy_elsewhere_works(people, tmp_path):
    shutil.copytree(people, tmp_path / "moved")
    check(["status", "-p", tmp_path / "moved"], fine("moved"), tmp_path / "none")


def test_status_reads_each_of_many_models_a_few_times(people, monkeypatch):
    from attribution.training.run import Run

    (first,) = (people / "runs").iterdir()
    for at in range(20):
        shutil.copytree(first, first.with_name(f"{at:016x}-brief"))
    read, opened = [], Run.open
    monkeypatch.setattr(Run, "open", lambda *words, **more: read.append(words) or opened(*words, **more))
    status, said = run("status", "-p", "people")
    assert status == 0
    assert said.count(" run ") == 21
    assert len(read) <= 4 * 21


@pytest.mark.parametrize("classes", [["no"], ["no", "no"]])
def test_classes_that_are_not_those_of_the_labels(classes, people):
    path = people / "data" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "classes": classes}))
    check([*VERBS["score"], "-p", people], clear("dataset.json", "classes"), people.parent)


def test_nested_too_deeply(people):
    (people / "project.json").write_text("[" * 100_000)
    check(["status", "-p", people], clear("project.json", "damaged"), people.parent)
