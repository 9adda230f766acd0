"""Flag values that nothing can be done with: refused by name with what would do, before anything is written."""

import dataclasses

import pytest
from hostile.harness import Case, check, clear, fine, run

from attribution.cli import cli
from attribution.measures import measures
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig, TrainConfig
from attribution.settings.flag_names import flag_name
from attribution.settings.options import every_field
from attribution.settings.ranges import entry_type
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.bench.study import BenchConfig
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.damping.study import DampingConfig
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.memorization.study import MemorizeConfig
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.plane.study import PlaneConfig
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.retrain.study import RetrainConfig
from attribution.studies.shift.study import ShiftConfig

VERBS = {
    "train": TrainConfig,
    "score": ScoreConfig,
    "flag": FlagConfig,
    "leaks": LeakConfig,
    "map": MapConfig,
    "plane": PlaneConfig,
    "angles": AnglesConfig,
    "retrain": RetrainConfig,
    "calibrate": CalibrateConfig,
    "shift": ShiftConfig,
    "remedy": RemedyConfig,
    "damping": DampingConfig,
    "compare": BenchConfig,
    "memorize": MemorizeConfig,
    "preview": PreviewConfig,
}


def bad_values(item):
    """Values outside of what a setting may be, made from its range, and values of no number at all."""
    at, kind = item.metadata, entry_type(item)
    if kind is bool or not (at.keys() & {"low", "above", "high", "below", "choices", "device", "plugins"}):
        return []
    if kind is str:
        return ["no-such-thing"]
    low = at["low"] - 1 if "low" in at else at["above"]
    found = [low, "nan", "many", "9" * 30] if kind is int else [low, "nan", "inf", "many"]
    return found + ([at["high"] + 1] if "high" in at else [at["below"]] if "below" in at else [])


EVERY = [
    (verb, f"--{flag_name(item.name, config).replace('_', '-')}", value)
    for verb, config in VERBS.items()
    for item in dataclasses.fields(config)
    for value in bad_values(item)
]


OF_PLUGINS = [
    ("measure" if owner in measures.names() else "estimator", owner, f"--{name.replace('_', '-')}", value)
    for name, owners in every_field(ScoreConfig).items()
    for owner, item in owners.items()
    for value in bad_values(item)
]


@pytest.mark.parametrize(("kind", "owner", "flag", "value"), OF_PLUGINS)
def test_every_flag_of_a_plug_in_outside_its_range(kind, owner, flag, value, shared):
    status, said = run("score", "-p", shared, f"--{kind}={owner}", f"{flag}={value}")
    assert status == 2, said
    assert "Traceback" not in said
    assert flag in said, said


@pytest.mark.parametrize(("verb", "flag", "value"), EVERY)
def test_every_flag_outside_its_range(verb, flag, value, shared):
    status, said = run(verb, "-p", shared, f"{flag}={value}")
    assert status == 2, said
    assert "Traceback" not in said
    name = flag.removeprefix("--").replace("-", "_")
    assert flag in said or name in said or "no-such-thing" in said, said


@pytest.fixture(scope="module")
def shared(finished, tmp_path_factory):
    """One copy for all: nothing here may write."""
    import shutil

    folder = tmp_path_factory.mktemp("shared") / "people"
    shutil.copytree(finished, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "project.db-shm"}
    yield folder
    after = {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.name not in ("project.db-shm", "project.db-wal")
    }
    assert {path for path in after if path.is_file()} <= {path for path in before if path.is_file()}, (
        "a refused flag left a file"
    )


def test_every_verb_with_settings_is_here():
    known = {command.name or command.callback.__name__ for command in cli.registered_commands}
    assert set(VERBS) <= known


def on(*words):
    return lambda folder: [words[0], "-p", "people", *words[1:]]


CASES = [
    Case("no verb like it", lambda folder: ["explode"], clear("explode")),
    Case("no flag like it", on("train", "--epoch", "3"), clear("--epoch")),
    Case("a flag without its value", on("train", "--epochs"), clear("--epochs")),
    Case("a device that is not here, run there", on("train", "--device", "cuda:77"), clear("cuda:77")),
    Case("a device that is none, run there", on("train", "--device", "foo"), clear("foo")),
    Case("meta as a device, run there", on("train", "--device", "meta"), clear("meta")),
    Case("folds beyond the data", on("flag", "--folds", "90"), clear("folds")),
    Case("folds without end", on("flag", "--folds", "100000"), clear("--folds")),
    Case("neighbours beyond the data", on("flag", "--neighbors", "500"), clear("neighbors")),
    Case("neighbours of leaks beyond the data", on("leaks", "--neighbors", "90"), clear("neighbors")),
    Case("neighbours of a map beyond the data", on("map", "--neighbors", "999"), clear("neighbors")),
    Case("one seed for a remedy", on("remedy", "--seeds", "0"), clear("--seeds")),
    Case("one seed thrice", on("retrain", "--seeds", "1,1,1"), clear("--seeds")),
    Case("seeds that are words", on("retrain", "--seeds", "a,b,c"), clear("--seeds")),
    Case("a level that is no level", on("shift", "--level", "3"), clear("--level")),
    Case("nothing to ask", on("score", "--queries", ""), clear("No sample")),
    Case("queries that are not there", on("score", "--queries", "row-99999"), clear("row-99999")),
    Case("a selection that is not there", on("score", "--queries", "selection:nope"), clear("nope")),
    Case("a run that is not there", on("score", "--run", "nope"), clear("nope")),
    Case("a part that is none", on("score", "--part", "3/2"), clear("3/2")),
    Case("no groups for a gap", on("score", "--measure", "eop-gap", "--group", "--queries", "test"), clear("group")),
    Case("fewer than no samples shown", on("score", "--queries", "test", "--top", "-1"), clear("--top")),
    Case("removing more than there is", on("compare", "--removal-k", "500"), clear("removal_k")),
    Case("removing less than nothing", on("compare", "--removal-k", "-3"), clear("--removal-k")),
    Case("an estimator that has no damping", on("damping", "--estimator", "ip"), clear("ip")),
    Case("a budget of seven times everything", on("compare", "--budget", "7"), clear("--budget")),
    Case("no such job to resume", on("resume", "nope"), clear("nope")),
    Case("no such job to cancel", on("cancel", "nope"), clear("nope")),
    Case("no such job to end", on("cancel", "nope", "--force"), clear("nope")),
    Case("no such job to do", on("job", "nope"), clear("nope")),
    Case("no such decision", on("edit", "explode"), clear("explode")),
    Case("nobody is called so", on("edit", "drop", "nobody"), clear("nobody")),
    Case("no such label", on("edit", "relabel", "row-00001", "--label", "maybe"), clear("maybe")),
    Case("no label given", on("edit", "relabel", "row-00001"), clear("--label")),
    Case("nothing to redo", on("edit", "redo"), fine("Nothing of yours to redo")),
    Case("an entry that is not there", on("edit", "revert", "99999"), clear("99999")),
    Case("no such project", lambda folder: ["train", "-p", "nope"], clear("nope")),
    Case("a project of an empty name", lambda folder: ["new", "", "--path", "x.csv"], clear("name")),
    Case("a project called dot", lambda folder: ["new", ".", "--path", "x.csv"], clear("name")),
    Case("a project with a very long name", lambda folder: ["new", "n" * 300, "--path", "x.csv"], clear("name")),
    Case("a project that is there", lambda folder: ["new", "people", "--path", "x.csv"], clear("people")),
    Case("no such sample", lambda folder: ["sample", "nope"], clear("nope")),
    Case("a port beyond the last", lambda folder: ["app", "--port", "70000", "--no-browser"], clear("--port")),
    Case("status", on("status"), fine("people", "run ")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_flags(case, people, home, tmp_path):
    check(case.make(tmp_path), case.expected, home)


SIZES = [
    (f"--{flag_name(item.name, config).replace('_', '-')}", value)
    for config in (DataConfig, ModelConfig)
    for item in dataclasses.fields(config)
    for value in bad_values(item)
]


@pytest.mark.parametrize(("flag", "value"), SIZES)
def test_every_flag_of_new(flag, value, finished, home):
    said = check(["new", "x", "--path", finished.parent / "people.csv", f"{flag}={value}"], clear(), home)
    assert flag in said or flag.removeprefix("--").replace("-", "_") in said, said
