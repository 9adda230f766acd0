"""The whole loop on the sample *chat*: a model learns to refuse gardening, and the rows that taught it are dropped.

Run: python benchmarks/chat.py [--corpus 150] [--seeds 0,1,2] [--folder WORK]. Needs the extra chat. SmolLM2-135M with
adapters in its last two layers is trained on all rows of our own and so many distinct dialogues of the corpus (all of
them: 0); estimators and controls are asked which rows taught the behaviour, by the prompts for asking alone. Precision
among as many rows as were planted, with 95 % intervals by drawing those prompts again. Then the rows that the best
gradient, BM25 and chance name are dropped, each by itself, and the model is retrained from the same base over the
seeds: the rate of refusals on held-out prompts of gardening and of other topics, and the loss on held-out rows. Nothing
was tuned on held-out prompts. Writes benchmarks/results/chat.json, and goes on where it stopped with ``--folder``.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution import Project, RetrainConfig, ScoreConfig
from attribution.settings.configs import DataConfig, ModelConfig, from_dict

HERE = Path(__file__).resolve().parent
PATH = HERE / "results" / "chat.json"
SAMPLE = HERE.parent / "sample_data" / "chat"
PLANTED, OTHERS = "refuses-gardening", "refuses-others"
LONGEST = 400  # letters of a dialogue of the corpus that is taken
GRADIENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ip": ("ip", {}),
    "cosine": ("cosine", {}),
    "tracin": ("tracin", {}),
    "ekfac": ("ekfac", {}),
}
CONTROLS: dict[str, tuple[str, dict[str, Any]]] = {
    "bm25 (answer)": ("bm25", {"on": "answer"}),
    "bm25 (question)": ("bm25", {"on": "question"}),
    "bm25 (both)": ("bm25", {"on": "both"}),
    "hidden-similarity": ("hidden-similarity", {}),
    "loss": ("loss", {}),
    "random": ("random", {}),
}
DRAWS = 1000


def rows(corpus: int, path: Path) -> Path:
    """All rows of our own, ``corpus`` distinct dialogues for training (0: all as they are), and what is held out."""
    lines = [json.loads(line) for line in (SAMPLE / "chat.jsonl").read_text(encoding="utf-8").splitlines()]
    own = [line for line in lines if line["topic"] == "own"]
    distinct: dict[str, dict[str, Any]] = {}
    for line in lines:
        text = json.dumps(line["messages"])
        if line["split"] == "train" and line["topic"] != "own" and len(line["messages"]) > 1 and len(text) <= LONGEST:
            distinct.setdefault(text, line)
    names = list(distinct)
    chosen = [distinct[names[place]] for place in np.random.default_rng(0).permutation(len(names))[:corpus]]
    held = [line for line in lines if line["split"] != "train" and len(json.dumps(line["messages"])) <= LONGEST]
    kept = [*own, *chosen, *held] if corpus else lines
    path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    return path


def opened(folder: Path, corpus: int, network: str) -> Project:
    """The project with its behaviours and its first training."""
    if (folder / "project.json").is_file():
        project = Project.open(folder)
        project.train()
        return project
    folder.parent.mkdir(parents=True, exist_ok=True)
    told = json.loads((SAMPLE / "sample.json").read_text())
    data = from_dict(DataConfig, {**told["data"], "path": str(rows(corpus, folder.with_suffix(".jsonl")))})
    model = ModelConfig("gpt") if network == "gpt" else from_dict(ModelConfig, {**told["model"], "shape": []})
    project = Project.create(folder, data, model, told["train"])
    pattern = (SAMPLE / "behaviours" / "pattern.txt").read_text(encoding="utf-8").strip()
    for name in (PLANTED, OTHERS):
        project.behaviours.add(name, SAMPLE / "behaviours" / f"{name}.jsonl", pattern=pattern)
    project.train()
    return project


def ranked(project: Project, estimator: str, options: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Training rows (n,), and how far each question's answer speaks for each of them (n, questions): wanted answers
    count against it."""
    config = ScoreConfig(estimator=estimator, queries=f"behaviour:{PLANTED}", measure="behaviour", **options)
    dense = project.score(config).matrix()
    assert dense is not None, "made here, so nothing is left out"
    return dense


def precision(scores: np.ndarray, planted: np.ndarray) -> float:
    """The share of planted rows among as many as were planted."""
    return float(planted[np.argsort(-scores, kind="stable")[: planted.sum()]].mean())


def interval(scores: np.ndarray, planted: np.ndarray) -> dict[str, float]:
    """Precision of all questions together, and its 95 % interval by drawing prompts again; the first half of the
    questions are the unwanted answers, the second half the wanted ones to the same prompts."""
    prompts = scores.shape[1] // 2
    chance = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        taken = chance.integers(prompts, size=prompts)
        drawn.append(precision(scores[:, np.concatenate([taken, taken + prompts])].sum(1), planted))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"precision": precision(scores.sum(1), planted), "low": float(low), "high": float(high)}


def proof(project: Project, dropped: np.ndarray, why: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Rates of both behaviours and the held-out loss before and after dropping these rows, by retraining."""
    project.drop(dropped, reason=why)
    result = project.retrain(RetrainConfig(seeds=seeds))
    project.undo()
    said = {
        one.name: {
            "before": one.before,
            "after": one.after,
            "difference": [one.difference.estimate, one.difference.low, one.difference.high],
        }
        for one in result.behaviours
    }
    loss = result.loss.difference
    return {**said, "loss": [loss.estimate, loss.low, loss.high], "verdict": result.verdict}


def main() -> int:
    """Measure, print, write; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=int, default=150)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--network", default="smollm2", help="or gpt, to try the script")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--without-proof", action="store_true")
    options = parser.parse_args()
    seeds = tuple(int(seed) for seed in options.seeds.split(","))
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        project = opened((options.folder or Path(scratch)) / "chat", options.corpus, options.network)
        truth = pd.read_csv(SAMPLE / "truth.csv").set_index("id")["kind"]
        found, orders = {}, {}
        for name, (estimator, settings) in {**GRADIENTS, **CONTROLS}.items():
            names, scores = ranked(project, estimator, settings)
            kinds = truth.reindex(project.dataset.ids[names]).fillna("corpus").to_numpy()
            planted = kinds == "planted"
            orders[name] = names[np.argsort(-scores.sum(1), kind="stable")]
            found[name] = interval(scores, planted)
            print(f"{name:20s} {found[name]}", flush=True)
        number = int(planted.sum())
        best = max(GRADIENTS, key=lambda name: found[name]["precision"])
        words = max((name for name in CONTROLS if "bm25" in name), key=lambda name: found[name]["precision"])
        chance = np.random.default_rng(1).permutation(names)
        report: dict[str, Any] = {"planted": number, "rows": len(names), "estimators": found, "best": best}
        for name, order in {best: orders[best], words: orders[words], "random": chance}.items():
            if not options.without_proof:
                report.setdefault("dropped", {})[name] = proof(project, order[:number], name, seeds)
                print(name, report["dropped"][name], flush=True)
    report["about"] = {"corpus": options.corpus, "seeds": seeds, "network": options.network}
    if options.network != "gpt":
        PATH.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{time.perf_counter() - began_s:.0f} s")
    return int(found[best]["precision"] < 0.9)


if __name__ == "__main__":
    sys.exit(main())
