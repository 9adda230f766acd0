"""Who finds the training sample that leaked into the queries: exact copies and noisy ones, digits, a small network with
batch normalisation.

Run: python benchmarks/leakage.py [--seeds 11,12,13]. Per seed: 1,300 training digits, an MLP with BatchNorm (128, 64),
and 40 training digits asked about as queries, once as they are and once with Gaussian noise of 0.1 on pixels in 0..1.
Counts how often the training copy is the first, among the first 5 and among the first 20 by influence. Writes
benchmarks/results/leakage.json, a few minutes on one core. Exits with status 1 if, on exact copies, Forward-INF's first
20 miss more than 5 % or re-ranked Forward-INF's first misses more than 5 %, or if its first misses more than 20 % of
the noisy ones. Settings are the products' defaults; the seeds are not those they were chosen on.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from networks import scored
from torch import nn

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.storage.files import write_json
from attribution.training.train import train
from attribution.training.trained import TrainedModel
from attribution.trust.question import trust

ROOT = Path(__file__).resolve().parent
N_TRAIN, COPIES, NOISE = 1300, 40, 0.1
RECIPE = TrainConfig(epochs=20, lr=0.05, checkpoints=2, device="cpu")
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "forward-inf": ("forward-inf", {}),
    "forward-inf, margin": ("forward-inf", {"objective": "margin"}),
    "forward-inf, both signs": ("forward-inf", {"both_signs": True}),
    "forward-inf-released": ("forward-inf-released", {}),
    "forward-inf-released, 5 steps": ("forward-inf-released", {"steps": 5}),
    "forward-inf-reranked": ("forward-inf-reranked", {}),
    "forward-inf-reranked, margin": ("forward-inf-reranked", {"objective": "margin"}),
    "ip": ("ip", {}),
    "cosine": ("cosine", {}),
    "representation": ("representation", {}),
}
GATES = [
    ("forward-inf", "exact", "top 20", 0.95),
    ("forward-inf, margin", "exact", "top 20", 0.95),
    ("forward-inf-reranked", "exact", "top 1", 0.95),
    ("forward-inf-reranked", "noisy", "top 1", 0.8),
]


def network(classes: int, shape: tuple[int, ...]) -> nn.Module:
    """Two hidden layers with batch normalisation."""
    first = [nn.Flatten(), nn.Linear(shape[0], 128), nn.BatchNorm1d(128), nn.ReLU()]
    return nn.Sequential(*first, nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, classes))


def leaked(folder: Path, seed: int) -> tuple[Dataset, np.ndarray]:
    """Training digits, then the copies, the noisy copies and the other digits as the test split; and the copied
    training rows."""
    from sklearn.datasets import load_digits

    found, chance = load_digits(), np.random.default_rng(seed)
    order = chance.permutation(len(found.target))
    x, y = (found.data[order] / 16).astype(np.float32), found.target[order].astype(np.int64)
    copied = chance.choice(N_TRAIN, COPIES, replace=False)
    noisy = (x[copied] + NOISE * chance.normal(size=x[copied].shape)).astype(np.float32)
    x, y = (
        np.concatenate([x[:N_TRAIN], x[copied], noisy, x[N_TRAIN:]]),
        np.concatenate([y[:N_TRAIN], y[copied], y[copied], y[N_TRAIN:]]),
    )
    ids = [f"digit {place}" for place in range(len(y))]
    split = ["train"] * N_TRAIN + ["test"] * (len(y) - N_TRAIN)
    samples = pd.DataFrame({"id": ids, "split": split, "label": y, "source": ids, "hash": ids})
    info = DatasetInfo("digits", "tabular", tuple("0123456789"), (64,), {}, "", preprocessing={"columns": []})
    return Dataset.write(folder, info, samples, x), copied


def ranks(influence: np.ndarray, copied: np.ndarray) -> np.ndarray:
    """Place of each query's training copy, 1 = most helpful; among equals the worst place ``(q,)``."""
    own = influence[copied, np.arange(len(copied))]
    return (influence >= own).sum(0)


def measure(seed: int, folder: Path) -> tuple[dict[str, dict[str, np.ndarray]], float]:
    """Places of the copies by estimator and kind of copy, and the test accuracy."""
    dataset, copied = leaked(folder / "data", seed)
    os.environ["DATABLAME_TRUST"] = str(folder.resolve() / "trusted.json")
    trust(Path(__file__))
    labels, model = dataset.base_version(), ModelConfig(name=f"{Path(__file__).resolve()}:network")
    recipe = TrainConfig(**{**RECIPE.__dict__, "seed": seed})
    run = train(dataset, labels, model, recipe, folder / "runs", trusted=True)
    found: dict[str, dict[str, np.ndarray]] = {}
    x = np.asarray(dataset.inputs)
    for kind, start in (("exact", N_TRAIN), ("noisy", N_TRAIN + COPIES)):
        queries = np.arange(start, start + COPIES)
        for title, (name, settings) in ASKED.items():
            trained = TrainedModel(dataset, labels, run, device="cpu", trusted=True)
            found.setdefault(title, {})[kind] = ranks(scored(trained, queries, name, **settings)[0], copied)
        distance = np.linalg.norm(x[:N_TRAIN, None] - x[queries], axis=2)  # (n, q)
        found.setdefault("pixel distance", {})[kind] = ranks(-distance, copied)
    metrics = run.metrics()
    return found, float(metrics[metrics["split"] == "test"]["accuracy"].iloc[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="11,12,13")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "leakage.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    with tempfile.TemporaryDirectory() as place:
        done = [measure(seed, Path(place) / str(seed)) for seed in seeds]
    lines: dict[str, Any] = {}
    for title in done[0][0]:
        for kind in ("exact", "noisy"):
            places = np.concatenate([found[title][kind] for found, _ in done])
            lines.setdefault(title, {})[kind] = {f"top {k}": round(float((places <= k).mean()), 4) for k in (1, 5, 20)}
        sys.stdout.write(f"{title:32} {lines[title]}\n")
    accuracy = round(float(np.mean([accuracy for _, accuracy in done])), 4)
    about = {"n_train": N_TRAIN, "copies": COPIES, "noise": NOISE, "seeds": seeds, "test_accuracy": accuracy}
    write_json(args.out, {**about, "estimators": lines})
    missed = [gate for gate in GATES if lines[gate[0]][gate[1]][gate[2]] < gate[3]]
    for gate in missed:
        sys.stdout.write(f"gate missed: {gate}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
