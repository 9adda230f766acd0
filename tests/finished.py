"""Finished results made by hand, small enough to know every number: for the tests of words and of figures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from attribution.statistics.intervals import Interval
from attribution.storage.files import write_json
from attribution.storage.tables import write_table
from attribution.studies.bench.result import COLUMNS, BenchResult
from attribution.studies.fairness.judged import Judged
from attribution.studies.fairness.result import FairnessResult
from attribution.studies.retrain.result import READINGS, Change, RetrainResult


def judged() -> Judged:
    """80 positives and 20 negatives; group u's 40 positives are all recognised, of v's 40 half."""
    labels = np.repeat([1, 0], [80, 20])
    groups = np.array(["u", "v"])[np.arange(100) % 2]
    decisions = labels.copy()
    decisions[np.flatnonzero((labels == 1) & (groups == "v"))[:20]] = 0
    return Judged(labels, decisions[None], 1, groups)


def _line(budget, split, figure, estimate, removed="harmful", signed=np.nan):
    values = {"budget": budget, "removed": removed, "split": split, "figure": figure, "estimate": estimate}
    values |= {"low": estimate - 0.02, "high": estimate + 0.02, "change": estimate - 0.2, "change_low": estimate - 0.24}
    return values | {
        "change_high": estimate - 0.16,
        "signed": signed,
        "signed_low": signed - 0.02,
        "signed_high": signed + 0.02,
    }


def fairness(folder: Path) -> FairnessResult:
    """A sweep over 5 and 20 percent of 100 samples: the gap closes at 5 and turns over at 20."""
    lines = []
    for budget, gap, accuracy in ((0.0, 0.2, 0.2), (5.0, 0.05, 0.21), (20.0, -0.1, 0.1)):
        for split in ("val", "test"):
            lines += [_line(budget, split, "eop", abs(gap), signed=gap), _line(budget, split, "accuracy", accuracy)]
    lines.append(_line(5.0, "test", "eop", 0.19, "random", 0.19))
    write_table(folder / "one" / "sweep.parquet", pd.DataFrame(lines))
    ranking = {
        "row": range(100),
        "id": [str(row) for row in range(100)],
        "influence": 0.0,
        "rank": range(1, 101),
        "group": "u",
    }
    write_table(folder / "one" / "ranking.parquet", pd.DataFrame(ranking))
    about = {
        "measure": {"name": "eop-gap", "positive": ""},
        "run": "r",
        "version": "v",
        "suggested": 5.0,
        "control": 5.0,
        "n_train": 100,
    }
    write_json(
        folder / "one" / "config.json", {**about, "budgets": [5.0, 20.0], "seeds": [0], "pair": {"eop": ["u", "v"]}}
    )
    return FairnessResult.open(folder / "one")


def no_bench(folder: Path) -> BenchResult:
    """Asked for, nothing measured yet."""
    request = {
        "run": "r",
        "version": "v",
        "estimators": ["ip", "ekfac", "random"],
        "queries": [7, 9],
        "parts": ["fidelity", "cost"],
    }
    write_json(folder / "request.json", {**request, "bench": {"budget": 0.1}, "n_train": 50})
    return BenchResult(folder)


def bench(folder: Path) -> BenchResult:
    """Two estimators, one detector, two queries; cost and fidelity of both."""
    empty = no_bench(folder)

    def put(name, lines):
        write_table(empty.folder / f"{name}.parquet", pd.DataFrame(lines, columns=list(COLUMNS[name])))

    put(
        "fidelity",
        [["ip", "loss", 0.2, 0.1, 0.3, 0.2, 0.1, 0.3, 8, 2], ["ekfac", "loss", 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 8, 2]],
    )
    useful = [["ip", "estimator", -1, 0.4, 0.3, 0.5, 0.8, 0.7, 0.9, 0.6, 0.5, 0.7, 50, 5, 1.0]]
    useful += [["loss", "detector", -1, 0.7, 0.6, 0.8, 0.9, 0.8, 1.0, 0.8, 0.7, 0.9, 50, 5, 1.0]]
    useful += [["loss", "detector", 2, 0.6, 0.5, 0.7, 0.9, 0.8, 1.0, 0.8, 0.7, 0.9, 50, 5, 1.0]]
    put("usefulness", useful)
    put("cost", [["ip", 2.0, 30.0, 3.0, "s"], ["ekfac", 75.0, np.nan, 9.5, "t"]])
    pairs = [["ip", "ekfac", 0.5], ["ekfac", "ip", 0.5], ["ip", "ip", 1.0], ["ekfac", "ekfac", 1.0]]
    put("agreement", [[a, b, -1, value, value / 2] for a, b, value in pairs])
    write_json(empty.folder / "bench.json", {"done": ["fidelity"], "explain": "ekfac", "recommendation": []})
    return BenchResult(empty.folder)


def proof() -> RetrainResult:
    """Three seeds, two of which gained two points, with an interval that is known over test samples only."""
    interval = Interval(0.02, 0.01, 0.03)
    change = Change(
        (0.8, 0.82, 0.84), (0.82, 0.84, 0.83), interval, interval, Interval(0.02, float("nan"), float("nan"))
    )
    return RetrainResult(
        folder=Path("a1b2c3d4"),
        config={"after_runs": ["r0", "r1", "r2"], "before_runs": []},
        verdict="It rose by 2 points.",
        outcome="better",
        seeds=(0, 1, 2),
        n_test=100,
        n_dropped=1,
        n_relabelled=2,
        n_restored=0,
        n_test_edited=0,
        changes={"accuracy": change, "loss": replace(change, reading=READINGS["loss"])},
        n_fixed=4,
        n_broken=2,
        prediction={"spearman": Interval(0.4, 0.2, 0.6), "predicted": -0.1, "actual": -0.05, "unit": "nats"},
    )
