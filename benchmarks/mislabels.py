"""How well every detector finds planted wrong labels in the digits, on seeds that nothing was tuned on.

Run: python benchmarks/mislabels.py [--seeds 101,102,103,104,105] [--settings mlp,logistic]. Per seed: 1,000 training
digits of which 10 % get a uniformly drawn other label, 500 clean validation digits, the product's own training and
search with every registered detector (minutes on one core). Two settings train briefly, the third until nearly every
wrong label is learned by heart. Writes benchmarks/results/mislabels.json with the mean AUROC and average precision over
the seeds and their extremes. Exits with status 1 if a gate is missed.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.detectors import detectors
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.statistics.ranking import auroc, average_precision, precision_at
from attribution.studies.base import Context
from attribution.studies.mislabels.study import FlagConfig, Mislabels
from attribution.training.train import train

PATH = Path(__file__).resolve().parent / "results" / "mislabels.json"
GATES = {"gd-class": 0.96, "self-influence": 0.97, "aum": 0.98, "data-map": 0.98, "knn-shapley": 0.97}
SLACK = 0.005  # how far the combined detector may stay behind the best single one
N_TRAIN, N_VAL, FLIPS = 1000, 500, 100
NAMES = [name for name in detectors.names() if detectors.get(name).serves("class")]
SETTINGS = {
    "mlp": (ModelConfig(name="mlp"), TrainConfig(epochs=20, device="cpu")),
    "logistic": (ModelConfig(name="logistic"), TrainConfig(epochs=20, device="cpu")),
    "mlp-by-heart": (
        ModelConfig(name="mlp"),
        TrainConfig(epochs=120, lr=0.1, weight_decay=0.0, schedule="constant", device="cpu"),
    ),
}
# A model that has learned nearly every wrong label by heart is measured too, without a gate.
GATED = ("mlp", "logistic")


def digits(folder: Path, seed: int) -> tuple[Dataset, np.ndarray]:
    """The digits with planted flips, and which training rows are flipped (n,) bool."""
    from sklearn.datasets import load_digits

    found, chance = load_digits(), np.random.default_rng(seed)
    order = chance.permutation(len(found.data))
    x, y = (found.data[order] / 16).astype(np.float32), found.target[order].astype(np.int64)
    flipped = chance.choice(N_TRAIN, FLIPS, replace=False)
    y[flipped] = (y[flipped] + chance.integers(1, 10, FLIPS)) % 10
    splits = np.repeat(["train", "val", "test"], [N_TRAIN, N_VAL, len(x) - N_TRAIN - N_VAL])
    ids = [f"digit {place}" for place in order]
    samples = pd.DataFrame({"id": ids, "split": splits, "label": y, "source": ids, "hash": ids})
    info = DatasetInfo("digits", "tabular", tuple("0123456789"), (64,), {}, "", preprocessing={"columns": []})
    return Dataset.write(folder, info, samples, x), np.isin(np.arange(N_TRAIN), flipped)


def measure(setting: str, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """One line per detector: auroc, average_precision, precision_at_10_percent; and the accuracies of the model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset, wrong = digits(folder / "data", seed)
        labels = dataset.base_version()
        model, recipe = SETTINGS[setting]
        run = train(dataset, labels, model, replace(recipe, seed=seed), folder / "runs")
        config = FlagConfig(detectors=tuple(NAMES), cases=1, device="cpu", seed=seed)
        table = Mislabels().make(Context(folder, dataset, labels, run), config).detectors.sort_values("row")
        found = {
            detector: {
                "auroc": auroc(table[detector], wrong),
                "average_precision": average_precision(table[detector], wrong),
                "precision_at_10_percent": precision_at(table[detector], wrong),
            }
            for detector in [*NAMES, "suspicion"]
        }
        last = run.metrics().sort_values("epoch").groupby("split")["accuracy"].last()
        return pd.DataFrame(found).T, {f"{split}_accuracy": float(value) for split, value in last.items()}


def summary(tables: list[pd.DataFrame]) -> dict[str, Any]:
    """Mean and extremes over the seeds, per detector."""
    report: dict[str, Any] = {}
    for detector in tables[0].index:
        report[detector] = {
            figure: {
                "mean": round(float(np.mean(values)), 4),
                "min": round(min(values), 4),
                "max": round(max(values), 4),
            }
            for figure in tables[0].columns
            for values in [[float(table.loc[detector, figure]) for table in tables]]
        }
    return report


def main() -> int:
    """Measure, print, write; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="101,102,103,104,105")
    parser.add_argument("--settings", default=",".join(SETTINGS))
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    about = {"n_train": N_TRAIN, "n_validation": N_VAL, "flipped": FLIPS, "gates": GATES, "torch": torch.__version__}
    report: dict[str, Any] = json.loads(PATH.read_text()) if PATH.is_file() else {}
    report["about"] = about
    missed = []
    for setting in options.settings.split(","):
        started_s = time.perf_counter()
        done = [measure(setting, seed) for seed in seeds]
        accuracies = {key: round(float(np.mean([each[key] for _, each in done])), 4) for key in done[0][1]}
        model, recipe = SETTINGS[setting]
        report[setting] = {
            "model": asdict(model),
            "train": asdict(recipe),
            "seeds": seeds,
            **accuracies,
            "seconds_s": round(time.perf_counter() - started_s, 1),
            "detectors": summary([table for table, _ in done]),
        }
        print(setting, accuracies)
        for detector, figures in sorted(
            report[setting]["detectors"].items(), key=lambda item: -item[1]["auroc"]["mean"]
        ):
            area, precision = figures["auroc"], figures["average_precision"]["mean"]
            gate = GATES.get(detector) if setting in GATED else None
            verdict = "" if gate is None else f"  gate {gate}: {'met' if area['mean'] >= gate else 'MISSED'}"
            print(
                f"  {detector:26s} AUROC {area['mean']:.3f} ({area['min']:.3f} to {area['max']:.3f})  AP "
                f"{precision:.3f}{verdict}"
            )
            missed += [f"{setting}/{detector}"] if gate is not None and area["mean"] < gate else []
        areas = {name: figures["auroc"]["mean"] for name, figures in report[setting]["detectors"].items()}
        best = max(value for name, value in areas.items() if name not in ("combined", "suspicion"))
        print(f"  combined {areas['combined']:.4f}, best single {best:.4f}")
        missed += [f"{setting}/combined"] if areas["combined"] < best - SLACK else []
        PATH.write_text(json.dumps(report, indent=1) + "\n")
    for name in missed:
        print(f"gate missed: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
