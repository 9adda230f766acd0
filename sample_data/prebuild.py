"""Makes the finished results that sample projects open on: sample_data/NAME/prebuilt.zip, from the checked-in data.

Run: python sample_data/prebuild.py [NAME ...] [--folder WORK]. Trains, looks for wrong labels and leaks, draws the
maps, explains predictions, and measures what every page shows: which estimator to trust, what is known by heart,
whether test looks like training, fairness, angles, and the proof by retraining. Nothing is written by hand: a reviewer
who is always right is played by the truth file, and what comes of the review is measured like anybody's. README.md
beside this file says how long it takes. With ``--folder`` the work is kept, and taken up again after an interruption.

Dense score shards of large samples are left out to keep the archives small: pages read the reductions.
"""

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from attribution import (
    AnglesConfig,
    BenchConfig,
    CalibrateConfig,
    DampingConfig,
    MapConfig,
    MemorizeConfig,
    Progress,
    Project,
    RemedyConfig,
    ScoreConfig,
    ShiftConfig,
)
from attribution.datasets.number_columns import number_columns
from attribution.storage.files import read_json, write_json
from attribution.studies.queries import query_of
from attribution.views.faces import face_of

HERE = Path(__file__).resolve().parent
SCORES = (("tracin", "wrong"), ("cosine", "wrong"), ("forward-inf", "first wrong"))
# Forward-INF costs a forward pass over the training set per query: the first wrong predictions open ready, others when
# asked for.
FIRST = 48
MAPS = (("representation", "pca"), ("representation", "umap"), ("gradients", "pca"), ("gradients", "umap"))
SUREST = 6  # the mistakes that Influence lists first, asked of every estimator that was compared
FEW = 300  # training samples of which more is kept
DENSE = 150_000  # bytes of a score run's shards that are still packed
EVERYDAY = ("ip", "cosine", "tracin", "forward-inf", "trak", "ekfac")


@dataclass(frozen=True)
class Plan:
    """What one sample opens on, beside what every sample has. ``estimators`` are compared on ``subsets`` retrained
    models; ``reviewed`` samples of the queue are judged for the proof (0: the training copies of test samples are
    dropped)."""

    estimators: tuple[str, ...]
    subsets: int
    reviewed: int
    remedies: tuple[RemedyConfig, ...] = ()
    detectors: tuple[str, ...] = ()
    parts: tuple[str, ...] = BenchConfig().parts
    memorize: bool = True
    small: bool = True  # what takes seconds here and many minutes on pictures is made as well
    cleaned: bool = False
    texts: bool = False  # no label is wrong: nothing is searched, and nobody reviews
    behaviour: str = ""  # what influence is asked of
    asked: str = "test"  # the samples whose predictions the dot product explains
    scores: tuple[tuple[str, str], ...] = SCORES


PLANS = {
    "moons": Plan(
        (*EVERYDAY, "influence-exact", "source", "knn-shapley"), 48, 40, (RemedyConfig(measure="fgsm", epsilon=0.1),)
    ),
    "cells": Plan((*EVERYDAY, "influence-cg", "source"), 48, 60, memorize=False),
    "tabular": Plan(
        (*EVERYDAY, "kfac", "source"),
        24,
        0,
        (RemedyConfig(measure="eop-gap"), RemedyConfig(measure="dp-gap")),
        asked="wrong",
        scores=(),
    ),
    "text": Plan((*EVERYDAY, "kfac"), 24, 300, asked="wrong", scores=()),
    "facts": Plan(
        ("cosine", "forward-inf", "ip", "tracin", "ekfac", "bm25", "hidden-similarity"),
        24,
        0,
        parts=("fidelity", "agreement", "cost"),
        texts=True,
    ),
    "chat": Plan(("cosine", "ip", "bm25", "hidden-similarity"), 0, 0, texts=True, behaviour="refuses-gardening"),
    # Fewer models, budgets and detectors than a project has unasked: every one is a training of the network, or five.
    "fashion": Plan(
        ("ip", "cosine", "ekfac"),
        16,
        600,
        (RemedyConfig(measure="fgsm", budgets=(1.0, 5.0)),),
        ("aum", "loss", "margin", "neighbors", "self-influence"),
        ("fidelity", "usefulness", "agreement", "cost"),
        small=False,
        cleaned=True,
        asked="wrong",
    ),
}


def build(name: str, work: Path, add: bool = False) -> None:
    """All results of one sample, packed; what is finished in ``work``, or with ``add`` in the archive, is not made
    again."""
    archive, plan = HERE / name / "prebuilt.zip", PLANS[name]
    if not add:
        archive.unlink(missing_ok=True)
    project = Project.sample(name, work / name)
    if plan.behaviour:
        return _of_behaviour(archive, project, plan)
    if plan.texts:
        return pack(archive, list(_of_texts(project, plan)))
    made = [*_first(project, plan), *_measured(project, plan)]
    cleaned = _cleaned(project, work / f"{name}-cleaned", plan)
    proof = cleaned.retrain(progress=_said(name, "proof"))
    # without the models behind the proof: the cleaned state has the one to use
    pack(archive, [*made, proof], features=project.folder / "data" / "handed")
    if plan.cleaned:
        pack(HERE / name / "cleaned.zip", list(_after(cleaned, proof)), cleaned.folder / "project.db")


def _first(project: Project, plan: Plan) -> Iterator[Any]:
    """What a new project is set up with, and the scores of the wrong predictions."""
    name = project.name
    yield project.train(progress=_said(name, "train"))
    yield project.flag(progress=_said(name, "flag"))
    yield project.find_leaks(progress=_said(name, "leaks"))
    for space, method in MAPS:
        yield project.embed(MapConfig(space=space, method=method), _said(name, f"map {space} {method}"))
    if len(number_columns(project.info)) >= 2:
        yield project.studies.plane.run(progress=_said(name, "plane"))
    for estimator, queries in (("ip", plan.asked), *plan.scores):
        if queries == "first wrong":
            queries = ",".join(project.dataset.ids[project.query_rows("wrong")[:FIRST]])
        yield _score(project, estimator, queries)


def _of_texts(project: Project, plan: Plan) -> Iterator[Any]:
    """What a language model's pages show: the answers explained by every estimator, and which of them to trust."""
    name = project.name
    yield project.train(progress=_said(name, "train"))
    yield project.find_leaks(progress=_said(name, "leaks"))
    for space, method in MAPS:
        yield project.embed(MapConfig(space=space, method=method), _said(name, f"map {space} {method}"))
    for estimator in plan.estimators:
        yield _score(project, estimator, plan.asked)
    yield project.compare_splits(ShiftConfig(), _said(name, "shift"))
    yield project.compare(BenchConfig(plan.estimators, (), plan.parts, subsets=plan.subsets), _said(name, "compare"))
    yield project.memorize(MemorizeConfig(models=plan.subsets), _said(name, "memorize"))
    yield project.damping_sweep(DampingConfig(), _said(name, "damping"))


def _of_behaviour(archive: Path, project: Project, plan: Plan) -> None:
    """What a chat model's pages show: which rows taught a behaviour, asked of the model before and after training, and
    its rates after it."""
    told = HERE / project.info.name / "behaviours"
    for path in sorted(told.glob("*.jsonl")):
        if path.stem not in project.behaviours.names():
            project.behaviours.add(path.stem, path, pattern=(told / "pattern.txt").read_text(encoding="utf-8").strip())
    own = project.train(progress=_said(project.name, "train"))
    base = project.train(checkpoints=["builder"], progress=_said(project.name, "base"))
    project.use_run(own.id)
    scores = [_asked(project, plan, estimator, own.id) for estimator in plan.estimators]
    before = [_asked(project, plan, estimator, base.id) for estimator in plan.estimators]
    rates = [project.behaviours.rate(name, run.id) for run in (own, base) for name in project.behaviours.names()]
    beside = [project.folder / "first_look.json", *sorted((project.folder / "behaviours").glob("*.json"))]
    made = [own, base, *scores, *before, *rates]
    pack(archive, made, project.folder / "project.db", project.folder / "data" / "handed", beside)


def _asked(project: Project, plan: Plan, estimator: str, run: str) -> Any:
    """Influence on the plan's behaviour."""
    config = ScoreConfig(estimator=estimator, queries=f"behaviour:{plan.behaviour}", measure="behaviour", run=run)
    return project.score(config, _said(project.name, f"score {estimator}"))


def _measured(project: Project, plan: Plan) -> Iterator[Any]:
    """What the pages on trust and on the data show."""
    name = project.name
    few = len(project.dataset.rows("train")) < FEW
    surest = [query_of([str(project.dataset.ids[row])]) for row in _surest(project)]
    yield project.compare_splits(ShiftConfig(), _said(name, "shift"))
    for asked in surest[: 3 if few else 1]:
        yield project.angle(AnglesConfig(queries=asked), _said(name, f"angles {asked}"))
    if few:
        token = project.select(project.dataset.rows("val").tolist())
        yield project.angle(AnglesConfig(queries=f"selection:{token}"), _said(name, "angles val"))
    bench = project.compare(
        BenchConfig(plan.estimators, plan.detectors, plan.parts, subsets=plan.subsets), _said(name, "compare")
    )
    yield bench
    yield from _scores(project, plan, bench, surest, few)
    if plan.memorize:
        yield project.memorize(MemorizeConfig(models=plan.subsets), _said(name, "memorize"))
    for remedy in plan.remedies:
        yield project.remedy(remedy, _said(name, f"remedy {remedy.measure}"))
    if plan.small:
        yield project.damping_sweep(DampingConfig(), _said(name, "damping"))
    yield project.calibrate(CalibrateConfig(), _said(name, "calibrate"))


def _scores(project: Project, plan: Plan, bench: Any, surest: list[str], few: bool) -> Iterator[Any]:
    """The recommended estimator asked about every mistake, the others about the surest; and of few training samples
    the pairs that Compare draws."""
    best = bench.summary["explain"]
    if best:
        yield _score(project, best, "wrong")
    everywhere = {best, "ip", *(estimator for estimator, queries in plan.scores if queries != "first wrong")}
    for estimator in (name for name in plan.estimators if name not in everywhere):
        yield _score(project, estimator, ",".join(surest))
    if few:
        asked = {*bench.query_rows}
        for one in project.scores():
            if asked == {row for query in one.queries for row in query["rows"]}:
                yield one


def _surest(project: Project) -> list[int]:
    """The mistakes on test samples that the pages list first."""
    said = project.predictions().loc[project.dataset.rows("test")]
    return [int(row) for row in face_of(project.dataset).queries(said, True, None, (0.0, 1.0))[:SUREST]]


def _score(project: Project, estimator: str, queries: str) -> Any:
    return project.score(
        ScoreConfig(estimator=estimator, queries=queries), _said(project.name, f"score {estimator} {queries[:20]}")
    )


def _cleaned(project: Project, folder: Path, plan: Plan) -> Project:
    """A copy of the project after a review by somebody who is always right: the queue's first samples, one decision
    each; or, where no true labels are known, without the training copies of test samples."""
    if not folder.exists():
        building = folder.with_name(f".{folder.name}")
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(project.folder, building)
        _review(Project.open(building), plan)
        building.rename(folder)
    return Project.open(folder)


def _review(project: Project, plan: Plan) -> None:
    truth = pd.read_csv(Path(project.data_config.path).parent / "truth.csv", keep_default_na=False).set_index("id")
    if not plan.reviewed:
        rows = project.dataset.rows_of(truth["leak_of"].unique())
        project.drop(rows, reason="the same row is in the test set")
        return
    flags = project.flags()
    assert flags is not None
    number = project.dataset.task.kind == "number"
    for line in flags.queue(plan.reviewed).itertuples():
        row, sample = int(line.row), truth.loc[project.dataset.ids[int(line.row)]]
        if sample["given"] == sample["true"]:
            project.keep([row], reason="the label is right")
        else:
            right = float(sample["true"]) if number else str(sample["true"])
            project.relabel([row], right, reason="the label was wrong")


def _after(cleaned: Project, proof: Any) -> Iterator[Any]:
    """What the cleaned state opens on: the model trained on the reviewed labels, and what it says of its mistakes. The
    search, the maps and the comparison are those of before the review."""
    name = cleaned.name
    own = next(run for run in proof.config["after_runs"] if _run(cleaned, run).train_config.seed == 0)
    cleaned.use_run(own)
    yield _run(cleaned, own)
    for estimator in ("ip", "ekfac"):
        yield _score(cleaned, estimator, "wrong")
    asked = query_of([str(cleaned.dataset.ids[_surest(cleaned)[0]])])
    yield cleaned.angle(AnglesConfig(queries=asked), _said(name, "angles"))


def _run(project: Project, wanted: str) -> Any:
    return next(run for run in project.runs() if run.id == wanted)


def pack(
    archive: Path,
    results: list[Any],
    ledger: Path | None = None,
    features: Path | None = None,
    beside: Sequence[Path] = (),
) -> None:
    """Zip these results, and with a ledger that, too (then without the course of training, which only a search asks
    for), and the ``features`` that an encoder made, so that a sample opens without it, and files ``beside`` them
    of the same project; the same files give the same bytes."""
    left_out = {"folds", "runs", *(["dynamics.parquet"] if ledger is not None else [])}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for folder in dict.fromkeys(result.folder for result in results):
            left = left_out if _dense(folder) else {*left_out, "shards"}
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                if path.relative_to(folder).parts[0] not in left:
                    content = _told(folder, left) if path == folder / "config.json" else path.read_bytes()
                    _write(packed, path.relative_to(folder.parent.parent).as_posix(), content)
        for path in sorted(features.glob("*.npy")) if features else ():
            _write(packed, path.relative_to(features.parent.parent).as_posix(), path.read_bytes())
        for path in beside:
            _write(packed, path.relative_to(results[0].folder.parent.parent).as_posix(), path.read_bytes())
        if ledger is not None:
            _write(packed, "project.db", _without_jobs(ledger))
    sys.stdout.write(f"{archive}: {archive.stat().st_size / 1e6:.2f} MB\n")


def _dense(folder: Path) -> bool:
    return sum(path.stat().st_size for path in (folder / "shards").glob("*")) <= DENSE


def _told(folder: Path, left: set[str]) -> bytes:
    """A result's config.json, which does not speak of what is left out."""
    config = read_json(folder / "config.json")
    kept = {name: sum_ for name, sum_ in config.get("checksums", {}).items() if name.partition("/")[0] not in left}
    if "checksums" in config:
        config["checksums"] = kept
    if "shards" in left and (folder / "shards").is_dir():
        config["dense"] = False
    with tempfile.TemporaryDirectory() as scratch:
        write_json(Path(scratch) / "config.json", config)
        return (Path(scratch) / "config.json").read_bytes()


def _without_jobs(ledger: Path) -> bytes:
    """A ledger as a file of its own, without the jobs of whoever made it."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "project.db"
        with sqlite3.connect(ledger) as db:
            db.execute("VACUUM INTO ?", (str(copy),))
        with sqlite3.connect(copy) as db:
            db.execute("DELETE FROM jobs")
        return copy.read_bytes()


def _write(packed: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    packed.writestr(entry, content)


def _said(name: str, step: str) -> Progress:
    began_s = time.perf_counter()
    said: list[str] = []

    def show(done: float, total: float, message: str) -> None:
        if done >= total and not said:
            said.append(step)
            sys.stdout.write(f"{name} {step}: {time.perf_counter() - began_s:.1f} s\n")
            sys.stdout.flush()

    return Progress(show)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(PLANS))
    parser.add_argument("--folder", type=Path, help="Where to work; kept, and taken up again after an interruption.")
    parser.add_argument("--add", action="store_true", help="Keep what the archive holds and make only what is missing.")
    options = parser.parse_args()
    os.environ["LOGNAME"] = "reviewer"  # who the ledger of the cleaned state names
    with tempfile.TemporaryDirectory() as scratch:
        for wanted in options.names:
            build(wanted, options.folder or Path(scratch), options.add)
