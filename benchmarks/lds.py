"""Linear datamodeling score (LDS) of every estimator: a small network on digits, and the image sample; intervals over
subsets and queries.

Run: python benchmarks/lds.py [--data digits] [--work FOLDER]. Digits: a network with one hidden layer
(benchmarks/one_hidden.py) on 1,697 digits, asked about the other 100; the truth is the mean loss of two retrainings on
each of 60 random halves. Image: the bundled sample with its own recipe, fewer halves. What is trained or scored is kept
in the work folder, so a stopped run goes on. Writes benchmarks/results/lds.json; minutes for the digits, an hour for
the image sample on one core. Exits with status 1 if on the digits conjugate gradients are further than 0.01 from the
inverse written out, EK-FAC is under 0.66, preconditioned Forward-INF is further than 0.03 from conjugate gradients, or
TRAK over several trainings is not above TRAK.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from convex import digits, rounded
from networks import scored

from attribution.datasets.dataset import Dataset, Labels
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.datamodels import ridge
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig, fingerprint
from attribution.storage.files import read_json, write_json
from attribution.studies.bench import lds
from attribution.studies.bench.run import choose_queries
from attribution.training.run import Run
from attribution.training.subsets import Subsets
from attribution.training.train import train
from attribution.training.trained import TrainedModel
from attribution.trust.question import trust

ROOT = Path(__file__).resolve().parent
NETWORK = ModelConfig(name=f"{ROOT / 'one_hidden.py'}:mlp")
RECIPE = TrainConfig(epochs=40, batch_size=64, lr=0.1, weight_decay=1e-2, checkpoints=4, device="cpu")
SIBLINGS = (1, 2, 3, 4)  # seeds of the further trainings that trak-ensemble averages
SWEPT = ("influence-cg", "nystroem", "ekfac")
RATIOS = (0.1, 1.0, 10.0)
IMAGE = (
    "ip",
    "cosine",
    "tracin",
    "forward-inf",
    "representation",
    "representer",
    "knn-shapley",
    "trak",
    "ekfac",
    "kfac",
    "datainf",
    "random",
)


@dataclass
class Case:
    """One data set with its trained model, its queries and the store of retrained models."""

    dataset: Dataset
    labels: Labels
    run: Run
    queries: np.ndarray
    subsets: Subsets
    work: Path


def trust_own(work: Path) -> None:
    """Let the network's file beside this script run, noted in the work folder instead of the user's own list."""
    work.mkdir(parents=True, exist_ok=True)
    os.environ["DATABLAME_TRUST"] = str(work.resolve() / "trusted.json")
    trust(ROOT / "one_hidden.py")


def digits_case(work: Path, halves: int) -> Case:
    trust_own(work)
    dataset = digits(work / "data", 1697)
    labels, runs = dataset.base_version(), work / "runs"
    run = train(dataset, labels, NETWORK, RECIPE, runs, trusted=True)
    for seed in SIBLINGS:
        train(dataset, labels, NETWORK, replace(RECIPE, seed=seed), runs, trusted=True, dynamics=False)
    subsets = Subsets.at(work / "subsets", dataset, labels, NETWORK, RECIPE, repeats=2)
    subsets.grow(dataset, labels, halves, progress(), trusted=True, device="cpu")
    return Case(dataset, labels, run, dataset.rows("test"), subsets, work)


def image_case(work: Path, halves: int) -> Case:
    os.environ["DATABLAME_HOME"] = str(work / "home")
    from attribution.project.project import Project

    project = Project.sample("fashion")
    run = project.run or project.train()
    test = project.dataset.rows("test")
    queries = choose_queries(test, project.predictions(run).loc[test, "correct"].to_numpy(dtype=bool), 40)
    subsets = Subsets.at(work / "subsets", project.dataset, project.labels, project.model_config, run.train_config)
    subsets.grow(project.dataset, project.labels, halves, progress(), device="cpu")
    return Case(project.dataset, project.labels, run, queries, subsets, work)


def progress() -> Progress:
    """A line for every retrained model."""
    seen = [""]

    def show(done: float, total: float, message: str) -> None:
        line = message.partition(":")[0]
        if line != seen[0]:
            seen[0] = line
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    return Progress(show)


def influence(case: Case, name: str, settings: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """An estimator's matrix ``(n, q)`` and notes, kept in the work folder."""
    trained = TrainedModel(case.dataset, case.labels, case.run, device="cpu", trusted=True)
    estimator = estimators.get(name)(trained).adjusted(**settings)
    path = case.work / "scores" / case.run.id / f"{name}-{fingerprint(estimator.options())}"
    if not path.with_suffix(".npy").is_file():
        found, notes = scored(trained, case.queries, name, **settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(
            path.with_suffix(".json"),
            rounded({key: value for key, value in notes.items() if isinstance(value, int | float)}),
        )
        np.save(path.with_suffix(".npy"), found)
    return np.load(path.with_suffix(".npy")), read_json(path.with_suffix(".json"))


def measure(case: Case, names: list[str], sweep: bool) -> dict[str, Any]:
    members, asked = case.subsets.members(), case.labels.values[case.queries]
    outputs = {"loss": -case.subsets.losses(case.queries, asked), "margin": case.subsets.margins(case.queries, asked)}
    asks: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in names]
    asks += [(name, {"damping_ratio": ratio}) for name in SWEPT for ratio in RATIOS if sweep and name in names]
    predicted: dict[str, np.ndarray] = {}
    lines: dict[str, Any] = {}
    for name, settings in asks:
        title = ", ".join([name, *(f"{key} {value:g}" for key, value in settings.items())])
        try:
            matrix, notes = influence(case, name, settings)
        except UserError as problem:
            sys.stdout.write(f"{title:44} left out: {problem}\n")
            continue
        predicted[title] = lds.summed(members, matrix)
        lines[title] = {measure: figures(predicted[title], output) for measure, output in outputs.items()} | {
            "notes": notes
        }
        sys.stdout.write(f"{title:44} LDS {shown(lines[title]['loss'])}  margin {shown(lines[title]['margin'])}\n")
        sys.stdout.flush()
    for measure_name, output in outputs.items():  # on held-out subsets: the others are judged on all of them
        fitted = lds.cross_fitted(members, output, ridge)
        lines.setdefault("datamodels", {"notes": {}})[measure_name] = figures(fitted, output)
    sys.stdout.write(
        f"{'datamodels':44} LDS {shown(lines['datamodels']['loss'])}  margin {shown(lines['datamodels']['margin'])}\n"
    )
    differences = {
        f"{a} - {b}": difference(predicted[a], predicted[b], outputs["loss"])
        for a, b in (
            ("influence-cg", "influence-exact"),
            ("forward-inf-preconditioned", "influence-cg"),
            ("trak-ensemble", "trak"),
            ("ekfac", "ip"),
        )
        if a in predicted and b in predicted
    }
    about = {
        "n_train": int(members.shape[1]),
        "queries": len(case.queries),
        "subsets": len(members),
        "repeats": case.subsets.repeats,
        "recipe": case.run.config["train"],
        "parameters": case.run.config["parameters"],
        "test_accuracy": case.run.config["final"]["test"]["accuracy"],
        "seconds_per_model_s": round(case.subsets.seconds_per_model or 0, 3),
    }
    if case.subsets.repeats == 2:
        first = Subsets(case.subsets.folder).losses(case.queries, asked)
        about["ceiling"] = round(lds.ceiling(first, -2 * outputs["loss"] - first), 4)
    return {"about": about, "estimators": lines, "differences": differences}


def figures(predicted: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    found = lds.lds(predicted, outputs)
    each = lds.per_query(predicted, outputs)
    return rounded(
        {
            "lds": found.estimate,
            "low": found.low,
            "high": found.high,
            "error": float(np.nanstd(each) / len(each) ** 0.5),
        }
    )


def difference(a: np.ndarray, b: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    value = float(np.nanmean(lds.per_query(a, outputs)) - np.nanmean(lds.per_query(b, outputs)))
    found = lds.interval(value, lds.draws(a, outputs) - lds.draws(b, outputs))
    return rounded({"difference": found.estimate, "low": found.low, "high": found.high})


def shown(line: dict[str, float]) -> str:
    return f"{line['lds']:+.3f} [{line['low']:+.3f}, {line['high']:+.3f}]"


def failed(result: dict[str, Any]) -> list[str]:
    """Which promises about the digits do not hold."""
    value = {name: line["loss"]["lds"] for name, line in result["estimators"].items()}
    held = {
        "conjugate gradients within .01 of the inverse written out": abs(
            value["influence-cg"] - value["influence-exact"]
        )
        <= 0.01,
        "EK-FAC at least .66": value["ekfac"] >= 0.66,
        "preconditioned Forward-INF within .03 of conjugate gradients": abs(
            value["forward-inf-preconditioned"] - value["influence-cg"]
        )
        <= 0.03,
        "TRAK over several trainings above TRAK": value["trak-ensemble"] > value["trak"],
    }
    return [name for name, good in held.items() if not good]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=["digits", "image"], default="digits")
    parser.add_argument("--work", type=Path, default=ROOT / "work")
    parser.add_argument(
        "--halves", type=int, default=0, help="retrained subsets; 0: 60 for the digits, 16 for the image sample"
    )
    parser.add_argument(
        "--estimators",
        default="",
        help="names with commas; empty: all for the digits, the quick ones for the image sample",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "lds.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    make: Callable[[Path, int], Case] = digits_case if args.data == "digits" else image_case
    case = make(args.work / args.data, args.halves or (60 if args.data == "digits" else 16))
    usual = [name for name in estimators.names() if name != "datamodels"] if args.data == "digits" else list(IMAGE)
    result = measure(case, args.estimators.split(",") if args.estimators else usual, args.data == "digits")
    kept = read_json(args.out) if args.out.is_file() else {}
    write_json(args.out, {**kept, args.data: result})
    missed = failed(result) if args.data == "digits" and not args.estimators else []
    if missed:
        sys.stdout.write(f"not held: {json.dumps(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
