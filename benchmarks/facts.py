"""Whether the rows that state a fact are found for a question in other words: the sample *facts*, all estimators.

Run: python benchmarks/facts.py [--seeds 0,1,2]. Per seed: the sample's own recipe (a small transformer trained from
nothing, ten seconds of one core; how much it answers in other words depends on the seed), then the product's scores
for the 176 test questions, each asked in a wording that no row about its fact has. Mean reciprocal rank of the first
row that states the fact, and the share of such rows among the first ten, with 95 % intervals by drawing questions
again. BM25 stands beside: by the question alone, and by question and answer, which share the names of country and
capital. Writes benchmarks/results/facts.json. Exits with status 1 if Forward-INF's mean reciprocal rank is under 0.8.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from attribution import Project, ScoreConfig
from attribution.settings.configs import DataConfig, ModelConfig, from_dict

HERE = Path(__file__).resolve().parent
PATH = HERE / "results" / "facts.json"
SAMPLE = HERE.parent / "sample_data" / "facts"
ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "forward-inf": ("forward-inf", {}),
    "cosine": ("cosine", {}),
    "ip": ("ip", {}),
    "tracin": ("tracin", {}),
    "ekfac": ("ekfac", {}),
    "hidden-similarity": ("hidden-similarity", {}),
    "bm25 (question)": ("bm25", {"on": "question"}),
    "bm25 (question and answer)": ("bm25", {"on": "both"}),
    "random": ("random", {}),
}
GATE = 0.8
FIRST = 10
DRAWS = 2000


def measure(seed: int, work: Path) -> tuple[dict[str, np.ndarray], float]:
    """``(176, 2)`` reciprocal ranks and shares found per estimator, and the share of answers that the model knows."""
    sample = json.loads((SAMPLE / "sample.json").read_text())
    data = from_dict(DataConfig, {**sample["data"], "path": str(SAMPLE / sample["data"]["path"])})
    recipe = {**sample["train"], "seed": seed}
    project = Project.create(work / str(seed), data, from_dict(ModelConfig, sample["model"]), recipe)
    project.train()
    dataset, stated = project.dataset, defaultdict(set)
    for asked, row in pd.read_csv(SAMPLE / "truth.csv").itertuples(index=False):
        stated[asked].add(row)
    found = {}
    for name, (estimator, options) in ASKED.items():
        config = ScoreConfig(estimator=estimator, queries="test", seed=seed, **options)
        result = project.score(config)
        dense = result.matrix()
        assert dense is not None, "made here, so nothing is left out"
        rows, scores = dense
        names = dataset.ids[rows]
        lines = []
        for column in range(scores.shape[1]):
            asked = str(dataset.ids[result.query_rows(column)[0]])
            right = np.isin(names[np.argsort(-scores[:, column], kind="stable")], list(stated[asked]))
            lines.append((1 / (1 + right.argmax()), right[:FIRST].sum() / right.sum()))
        found[name] = np.array(lines)
    return found, known(project)


def known(project: Project) -> float:
    """The share of test questions whose whole answer is the model's likeliest."""
    said = project.predictions().loc[project.dataset.rows("test")]
    return float((said["tokens_right"] == 1).mean())


def interval(values: np.ndarray) -> dict[str, float]:
    """Mean over questions (and seeds) with its 95 % interval over questions; values (seeds, questions)."""
    draws = np.random.default_rng(0).integers(values.shape[1], size=(DRAWS, values.shape[1]))
    means = values.mean(0)[draws].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {"mean": round(float(values.mean()), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def main() -> int:
    """Measure, print, write; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    seeds = [int(seed) for seed in parser.parse_args().seeds.split(",")]
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        done = [measure(seed, Path(work)) for seed in seeds]
    figures: dict[str, Any] = {}
    for name in ASKED:
        each = np.stack([found[name] for found, _ in done])  # (seeds, questions, 2)
        figures[name] = {"mrr": interval(each[..., 0]), "recall_at_10": interval(each[..., 1])}
        print(f"{name:28s} MRR {figures[name]['mrr']}  recall at 10 {figures[name]['recall_at_10']}")
    answered = [round(share, 3) for _, share in done]
    about = {"seeds": seeds, "questions": done[0][0]["ip"].shape[0], "torch": torch.__version__}
    report = {"about": about, "answered_in_other_words": answered, "estimators": figures}
    PATH.write_text(json.dumps(report, indent=1) + "\n")
    print(f"answered in other words: {answered}; {time.perf_counter() - began_s:.0f} s")
    reached = figures["forward-inf"]["mrr"]["mean"]
    if reached < GATE:
        print(f"gate missed: Forward-INF's mean reciprocal rank is {reached}")
    return int(reached < GATE)


if __name__ == "__main__":
    sys.exit(main())
