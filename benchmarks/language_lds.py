"""Linear datamodeling score (LDS) of the estimators on a small language model: the sample *facts*, retrained halves.

Run: python benchmarks/language_lds.py [--halves 40] [--repeats 2] [--work FOLDER]. A transformer of two layers of width
32 on the sample's training sentences; the truth is the loss of the test questions after retraining on random halves of
the training rows, the mean of ``repeats`` trainings each. Intervals by drawing halves and questions again. What is
trained is kept in the work folder, so a stopped run goes on. Beside the figures stands the order of a public comparison
(GPT-2 on WikiText). Writes benchmarks/results/language_lds.json. Exits with status 1 if the best estimator's score is
under 0.6 or not above BM25's.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from attribution import Project
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.progress import Progress
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, from_dict
from attribution.studies.bench import lds
from attribution.training.subsets import Subsets
from attribution.training.trained import TrainedModel

HERE = Path(__file__).resolve().parent
PATH = HERE / "results" / "language_lds.json"
SAMPLE = HERE.parent / "sample_data" / "facts"
RECIPE = TrainConfig(
    epochs=30, batch_size=32, lr=3e-3, optimizer="adamw", weight_decay=0.1, checkpoints=5, device="cpu"
)
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "ip": ("ip", {}),
    "cosine": ("cosine", {}),
    "tracin": ("tracin", {}),
    "ekfac": ("ekfac", {}),
    "ekfac, damping 0.1": ("ekfac", {"damping_ratio": 0.1}),
    "cg": ("influence-cg", {"iterations": 40, "tolerance": 1e-3}),
    "cg after ekfac": ("influence-cg", {"iterations": 40, "tolerance": 1e-3, "preconditioner": "ekfac"}),
    "trak": ("trak", {}),
    "grass": ("grass", {}),
    "trackstar": ("trackstar", {}),
    "forward-inf": ("forward-inf", {"steps": 1, "step": 0.1}),
    "hidden-similarity": ("hidden-similarity", {}),
    "loss": ("loss", {}),
    "bm25": ("bm25", {"on": "both"}),
    "random": ("random", {}),
}
PUBLIC = {"MAGIC": 0.93, "EK-FAC + CG": 0.69, "EK-FAC": 0.45, "BM25": 0.22, "cosine": 0.16}
GATE = 0.6
QUESTIONS = 60


def influence(trained: TrainedModel, name: str, settings: dict[str, Any], rows: np.ndarray) -> np.ndarray:
    """Scores of all training rows for these questions ``(n, q)``."""
    estimator = estimators.get(name)(trained).adjusted(**settings)
    estimator.prepare([Query(str(row), (int(row),)) for row in rows])
    size = trained.batch_size
    active = trained.rows
    found = [estimator.score(active[at : at + size]).influence.numpy() for at in range(0, len(active), size)]
    return np.concatenate(found).astype(np.float64)


def interval(value: float, drawn: np.ndarray) -> dict[str, float]:
    """Rounded, with its 95 % interval."""
    found = lds.interval(value, drawn)
    return {"lds": round(found.estimate, 3), "low": round(found.low, 3), "high": round(found.high, 3)}


def measure(work: Path, halves: int, repeats: int) -> dict[str, Any]:
    """Train, ask, and compare."""
    sample = json.loads((SAMPLE / "sample.json").read_text())
    data = from_dict(DataConfig, {**sample["data"], "path": str(SAMPLE / sample["data"]["path"])})
    home = work / "facts"
    model = ModelConfig(name="gpt", width=32)
    project = Project.open(home) if home.is_dir() else Project.create(home, data, model, RECIPE)
    run = project.run or project.train()
    dataset, labels = project.dataset, project.labels
    subsets = Subsets.at(work / "subsets", dataset, labels, model, RECIPE, repeats=repeats)
    began_s = time.perf_counter()
    subsets.grow(dataset, labels, halves, Progress(lambda *_: None), device="cpu")
    print(f"{halves} halves, {time.perf_counter() - began_s:.0f} s", flush=True)
    rows = np.sort(np.random.default_rng(0).permutation(dataset.rows("test"))[:QUESTIONS])
    outputs = -subsets.losses(rows, labels.values[rows])
    lines: dict[str, Any] = {}
    values: dict[str, float] = {}
    drawn: dict[str, np.ndarray] = {}
    for title, (name, settings) in ASKED.items():
        began_s = time.perf_counter()
        predicted = lds.summed(subsets.members(), influence(TrainedModel(dataset, labels, run), name, settings, rows))
        values[title] = float(np.nanmean(lds.per_query(predicted, outputs)))
        drawn[title] = lds.draws(predicted, outputs)
        lines[title] = {**interval(values[title], drawn[title]), "seconds_s": round(time.perf_counter() - began_s, 1)}
        print(f"{title:22s} {lines[title]}", flush=True)
    best = max(values, key=values.__getitem__)
    above = interval(values[best] - values["bm25"], drawn[best] - drawn["bm25"])
    about = {"n_train": len(labels.train_rows(dataset)), "questions": len(rows), "halves": halves, "repeats": repeats}
    if repeats == 2:
        first = Subsets(subsets.folder).losses(rows, labels.values[rows])
        about["ceiling"] = round(lds.ceiling(first, -2 * outputs - first), 3)
    order = sorted(values, key=values.__getitem__, reverse=True)
    return {"about": about, "estimators": lines, "best": best, "above_bm25": above, "order": order, "public": PUBLIC}


def main() -> int:
    """Measure, print, write; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--halves", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        found = measure(asked.work or Path(spare), asked.halves, asked.repeats)
    PATH.write_text(json.dumps(found, indent=1) + "\n")
    best = found["estimators"][found["best"]]["lds"]
    missed = best < GATE or found["above_bm25"]["low"] <= 0
    print(f"best: {found['best']}, {best}; above BM25 by {found['above_bm25']}" + (", gate missed" if missed else ""))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
