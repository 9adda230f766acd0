"""Does fixing what the queue shows improve the model? The image sample: review 10 % by suspicion, and as many at
random.

Run: python benchmarks/proof.py [--seeds 0,1,2]. A reviewer who is always right is played by the truth file. Writes
benchmarks/results/proof.json.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from attribution import Project, RetrainConfig
from attribution.storage.files import read_json

ROOT = Path(__file__).resolve().parent.parent


def review(project: Project, rows: np.ndarray, truth: pd.Series) -> int:
    """Set the wrong labels among ``rows`` right, one batch per class; returns how many were wrong."""
    labels = project.labels.values
    wanted = truth.reindex(project.dataset.ids[rows]).to_numpy()
    wrong = labels[rows] != wanted
    for label in np.unique(wanted[wrong]):
        project.relabel(rows[wrong & (wanted == label)], int(label), reason="benchmark: truth file")
    return int(wrong.sum())


def true_labels(project: Project) -> pd.Series:
    """True class index of every training sample, by id."""
    truth = pd.read_csv(ROOT / "sample_data" / "fashion" / "truth.csv").set_index("id")
    return truth["true"].map(project.class_index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--folder", type=Path, help="Where to work; kept, and taken up again after an interruption.")
    arguments = parser.parse_args()
    seeds = tuple(int(seed) for seed in arguments.seeds.split(","))
    result = {"torch": torch.__version__, "threads": torch.get_num_threads(), "seeds": seeds, "share": arguments.share}
    with tempfile.TemporaryDirectory() as scratch:
        project = Project.sample("fashion", (arguments.folder or Path(scratch)) / "fashion")
        truth = true_labels(project)
        train = project.dataset.rows("train")
        budget = int(arguments.share * len(train))
        flags = project.flags() or project.flag()
        reviewed = {
            "suspicion": flags.queue(budget)["row"].to_numpy(),
            "random": np.random.default_rng(0).choice(train, budget, replace=False),
        }
        for name, rows in reviewed.items():
            began = time.perf_counter()
            fixed = review(project, rows, truth)
            comparison = project.retrain(RetrainConfig(seeds=seeds))
            result[name] = {
                "reviewed": len(rows),
                "fixed": fixed,
                "seconds_s": round(time.perf_counter() - began, 1),
                **read_json(comparison.folder / "comparison.json"),
            }
            print(f"{name}: reviewed {len(rows)}, fixed {fixed}. {comparison.verdict}", flush=True)
            while project.undo():
                pass
    path = ROOT / "benchmarks" / "results" / "proof.json"
    path.write_text(json.dumps(result, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
