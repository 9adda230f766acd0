"""What each estimator finds when test images have a copy in the training set, and what it costs.

Run: python benchmarks/estimators.py [--home FOLDER] [--device auto]. Takes the fashion sample project in FOLDER (made
and trained on first use). Its truth file names 60 leaks: 30 exact copies, 10 each shifted, brighter or darker,
mirrored. Recall at k = share of leaked test images whose copy is among the k training samples with the highest
influence. Writes benchmarks/results/estimators.json.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution.estimators import estimators
from attribution.project.project import Project
from attribution.settings.configs import ScoreConfig

ROOT = Path(__file__).resolve().parent
DEPTHS = (1, 5, 20)


def ranks_of_copies(project: Project, leaks: pd.DataFrame, name: str, device: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Place (from 1) of each leak's copy among all training samples, and the score run's costs."""
    result = project.score(ScoreConfig(estimator=name, queries=",".join(leaks["leak_of"]), device=device))
    dense = result.matrix()
    assert dense is not None
    rows, matrix = dense
    copies = np.searchsorted(rows, project.dataset.rows_of(leaks["id"].tolist()))
    columns = np.array([result.column_of(row) for row in project.dataset.rows_of(leaks["leak_of"].tolist())])
    ranks = 1 + (matrix[:, columns] > matrix[copies, columns]).sum(axis=0)
    return ranks, {
        "seconds_s": round(result.config["seconds_s"], 2),
        "forward_passes": round(result.config["forward_passes"], 2),
    }


def main() -> None:
    """Score the leaked test images with every estimator."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", default=os.environ.get("DATABLAME_HOME", "projects"))
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    project = Project.sample("fashion", Path(options.home) / "fashion-sample")
    if project.run is None:
        project.train()
    truth = pd.read_csv(ROOT.parent / "sample_data" / "fashion" / "truth.csv", keep_default_na=False, dtype={"id": str})
    leaks = truth[truth["leak"] != ""].reset_index(drop=True)
    report: dict[str, Any] = {}
    for name in [name for name in estimators.names() if not estimators.get(name).from_subsets]:
        ranks, cost = ranks_of_copies(project, leaks, name, options.device)
        kinds = {
            "all": np.ones(len(leaks), dtype=bool),
            **{kind: (leaks["leak"] == kind).to_numpy() for kind in sorted(set(leaks["leak"]))},
        }
        recall = {
            kind: {f"top {depth}": round(float((ranks[mine] <= depth).mean()), 3) for depth in DEPTHS}
            for kind, mine in kinds.items()
        }
        report[name] = {**cost, "recall": recall}
        print(
            f"{name:12s} {cost['seconds_s']:7.1f} s {cost['forward_passes']:6.1f} passes  exact {recall['exact']}  "
            f"all {recall['all']}"
        )
    path = ROOT / "results" / "estimators.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
