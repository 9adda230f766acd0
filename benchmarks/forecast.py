"""Cost forecasts against the truth: real runs of many estimators, searches and trainings, each forecast from its pilot
first.

    python benchmarks/forecast.py [--home FOLDER] [--only WORD] [--out FILE]

Every case is a fresh process on one thread: pilot, then the run itself. ``ratio`` is forecast over truth in wall
seconds; ``ratio_cpu`` the same in CPU seconds (the forecast times the pilot's own share of the processor), which leaves
out what other programs took of the machine meanwhile. Writes benchmarks/results/forecast.json after every case, where
``--only`` replaces the lines that it names and keeps the others; status 1 when fewer than nine of ten are within a
factor of 1.5 in CPU seconds.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FACTOR, WANTED = 1.5, 0.9
OUT = Path(__file__).parent / "results" / "forecast.json"


@dataclass(frozen=True)
class Case:
    """``what`` is an estimator, ``flag:DETECTORS`` (default: the usual ones) or ``train``; ``rows`` training samples
    (0: all)."""

    sample: str
    what: str
    rows: int
    queries: int = 0

    @property
    def name(self) -> str:
        return f"{self.sample}/{self.what}/{self.rows or 'all'}/{self.queries}"


CASES = (
    Case("fashion", "ip", 0, 1000),
    Case("fashion", "cosine", 0, 306),
    Case("fashion", "tracin", 3000, 40),
    Case("fashion", "forward-inf", 2000, 10),
    Case("fashion", "ekfac", 2000, 40),
    Case("fashion", "influence-cg", 96, 4),
    Case("fashion", "nystroem", 256, 10),
    Case("fashion", "trak", 1500, 20),
    Case("fashion", "logra", 1000, 20),
    Case("fashion", "knn-shapley", 0, 1000),
    Case("fashion", "flag:self-influence,ip-validation", 4000),
    Case("fashion", "flag:default", 600),
    Case("fashion", "train", 2000),
    Case("text", "ip", 0, 400),
    Case("text", "tracin", 0, 100),
    Case("text", "forward-inf", 0, 60),
    Case("text", "kfac", 0, 200),
    Case("tabular", "tracin", 0, 900),
    Case("tabular", "influence-cg", 1500, 20),
    Case("tabular", "nystroem", 0, 200),
    Case("tabular", "ekfac", 0, 900),
    Case("tabular", "datainf", 0, 100),
    Case("tabular", "forward-inf", 0, 100),
    Case("tabular", "leave-one-out", 2000, 50),
    Case("tabular", "flag:default", 0),
)


def opened(sample: str) -> Any:
    """The sample's project with a trained model."""
    from attribution.project.project import Project

    project = Project.sample(sample)
    if project.run is None:
        project.train()
    return project


def measure(case: Case) -> dict[str, Any]:
    """Forecast and truth of one case."""
    from attribution.studies.meter import Meter

    project = opened(case.sample)
    with Meter() as spent:
        cost, parts, run = prepared(case, project)
    with tempfile.TemporaryDirectory() as folder, Meter() as truth:
        run(Path(folder))
    share = spent.cpu_s / spent.seconds_s
    return {
        "sample": case.sample,
        "what": case.what,
        "n_train": case.rows or project.info.counts["train"],
        "queries": case.queries,
        "pilot_s": round(spent.seconds_s, 2),
        "forecast_s": round(float(cost.seconds_s), 2),
        "low_s": round(float(cost.low_s), 2),
        "high_s": round(float(cost.high_s), 2),
        "truth_s": round(truth.seconds_s, 2),
        "truth_cpu_s": round(truth.cpu_s, 2),
        "ratio": round(float(cost.seconds_s) / truth.seconds_s, 3),
        "ratio_cpu": round(float(cost.seconds_s) * share / truth.cpu_s, 3),
        "forecast_bytes": cost.peak_bytes,
        "truth_bytes": truth.peak_bytes,
        "ratio_bytes": round(cost.peak_bytes / truth.peak_bytes, 3),
        "processor": round(share, 2),
        "parts": {name: round(float(seconds), 2) for name, seconds in parts.items()},
    }


def prepared(case: Case, project: Any) -> tuple[Any, dict[str, float], Any]:
    """The pilot's forecast of a case, its parts, and the run that it is for (into a folder)."""
    from attribution.settings.configs import ScoreConfig
    from attribution.studies.base import Context
    from attribution.studies.costs.scoring import pilot_score, share_of
    from attribution.studies.costs.searching import pilot_flag
    from attribution.studies.costs.training import pilot_training
    from attribution.studies.influence.study import Influence
    from attribution.studies.mislabels.study import FlagConfig, Mislabels
    from attribution.training.train import train

    dataset, run = project.dataset, project.run
    labels = share_of(dataset, project.labels, case.rows) if case.rows else project.labels
    asked = dataset.rows("test")[: case.queries]
    kind, _, names = case.what.partition(":")

    def context(folder: Path) -> Context:
        return Context(folder, dataset, labels, run, rows=lambda words, run: asked)

    if kind == "train":
        recipe, model, rows = project.train_config, project.model_config, len(labels.train_rows(dataset))
        cost = pilot_training(dataset, labels, model, recipe).cost(rows, recipe.epochs)
        return cost, cost.parts, lambda folder: train(dataset, labels, model, recipe, folder)
    if kind == "flag":
        search = FlagConfig(detectors=() if names == "default" else tuple(names.split(",")))
        cost = pilot_flag(context(Path()), search).cost()
        return cost, cost.parts, lambda folder: Mislabels().make(context(folder), search)
    config = ScoreConfig(estimator=kind)
    cost = pilot_score(context(Path()), config, asked).cost()
    return cost, cost.parts, lambda folder: Influence().make(context(folder), config)


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """How many lie within the factor, in wall seconds, CPU seconds and memory, and how many truths within the stated
    range."""

    def within(name: str) -> int:
        return sum(1 / FACTOR <= line[name] <= FACTOR for line in lines)

    inside = sum(line["low_s"] <= line["truth_s"] <= line["high_s"] for line in lines)
    counts = {
        "within": within("ratio"),
        "within_cpu": within("ratio_cpu"),
        "within_memory": within("ratio_bytes"),
        "in_range": inside,
    }
    return {"runs": len(lines), "factor": FACTOR, **counts}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--case", default="")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["DATABLAME_HOME"] = given.home or os.environ.get("DATABLAME_HOME") or tempfile.mkdtemp()
    if given.case:
        print(json.dumps(measure(next(case for case in CASES if case.name == given.case))))
        return 0
    for sample in sorted({case.sample for case in CASES}):
        opened(sample)
    known = json.loads(given.out.read_text())["lines"] if given.only and given.out.exists() else []
    lines: dict[str, dict[str, Any]] = {line["case"]: line for line in known}
    for case in CASES:
        if given.only in case.name:
            command = [sys.executable, __file__, "--case", case.name]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            one = lines[case.name] = {"case": case.name, **json.loads(said.splitlines()[-1])}
            words = (
                f"{one['forecast_s']:8.1f} s, truth {one['truth_s']:8.1f} s, ratio {one['ratio']:.2f}, in CPU "
                f"seconds {one['ratio_cpu']:.2f}"
            )
            print(f"{case.name:<48} {words}", flush=True)
            about = {"machine": platform.machine(), "cores": os.cpu_count(), "at": time.strftime("%Y-%m-%d")}
            ordered = [lines[each.name] for each in CASES if each.name in lines]
            given.out.write_text(json.dumps({**about, **summary(ordered), "lines": ordered}, indent=1) + "\n")
    found = summary(list(lines.values()))
    print(found)
    return 0 if found["within_cpu"] >= WANTED * found["runs"] else 1


if __name__ == "__main__":
    sys.exit(main())
