"""The linear datamodeling score (LDS) of the estimators on a small network, the curvature ones over a sweep of the
damping.

Run: python benchmarks/damping.py. Trains the built-in mlp (width 40) on 1,000 digits, then again on 50 random halves
with 2 seeds each; the LDS of a query is the Spearman correlation, over the halves, of the summed influence of a half
with minus the query's retrained loss. Writes benchmarks/results/damping.json, minutes on one core. Exits with status 1
if conjugate gradients are further than 0.01 from the inverse written out, or any of exact, CG, Nystroem, EK-FAC is not
above the gradient dot product at the default damping.
"""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from convex import digits, rounded
from networks import scored
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from attribution.datasets.dataset import Dataset
from attribution.models.build import build_model
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.storage.files import write_json
from attribution.training.recipe import make_optimizer
from attribution.training.schedules import learning_rate
from attribution.training.train import train
from attribution.training.trained import TrainedModel

ROOT = Path(__file__).resolve().parent
MODEL = ModelConfig(name="mlp", width=40)
RECIPE = TrainConfig(epochs=15, batch_size=64, lr=0.1, weight_decay=1e-3, checkpoints=3, device="cpu")
N_TRAIN, QUERIES, HALVES, SEEDS = 1000, 80, 50, 2
RATIOS = (0.1, 1.0, 10.0, 100.0)
SWEPT = ("influence-exact", "nystroem", "arnoldi", "kfac", "ekfac", "logra")
SIBLINGS = (1, 2, 3, 4)  # seeds of the further runs that trak-ensemble averages
ABOVE = ("influence-exact", "influence-cg", "nystroem", "ekfac")


def retrained(dataset: Dataset, x: Tensor, y: Tensor, half: Tensor, seed: int) -> torch.nn.Module:
    """The recipe on a half of the training samples, all in memory."""
    torch.manual_seed(seed)
    model = build_model(MODEL, dataset.info, seed, trusted=False).train()
    optimizer, step = make_optimizer(model, RECIPE), 0
    steps = RECIPE.epochs * -(-len(half) // RECIPE.batch_size)
    for _ in range(RECIPE.epochs):
        for batch in half[torch.randperm(len(half))].split(RECIPE.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, RECIPE)
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            step += 1
    return model.eval()


def measure(folder: Path) -> dict[str, Any]:
    dataset = digits(folder / "data", N_TRAIN)
    labels = dataset.base_version()
    trained = TrainedModel(dataset, labels, train(dataset, labels, MODEL, RECIPE, folder / "runs"), device="cpu")
    chance = np.random.default_rng(0)
    queries = chance.choice(dataset.rows("test"), QUERIES, replace=False)
    (x, y), (asked, truth) = trained.batch(dataset.rows("train")), trained.batch(queries)
    halves = np.zeros((HALVES, N_TRAIN))
    lost = np.zeros((HALVES, QUERIES))
    for index in range(HALVES):
        half = chance.permutation(N_TRAIN)[: N_TRAIN // 2]
        halves[index, half] = 1
        for seed in range(SEEDS):
            model = retrained(dataset, x, y, torch.from_numpy(half), 100 + seed)
            with torch.no_grad():
                lost[index] += F.cross_entropy(model(asked), truth, reduction="none").numpy() / SEEDS
    lines: dict[str, Any] = {}
    asks: list[tuple[str, dict[str, Any]]] = [
        ("ip", {}),
        ("tracin", {}),
        ("datainf", {}),
        ("influence-cg", {}),
        ("forward-inf-preconditioned", {}),
        ("forward-inf-preconditioned", {"solver": "ekfac"}),
        ("forward-inf", {}),
        ("forward-inf", {"objective": "margin"}),
        ("forward-inf-released", {}),
        ("source", {}),
        ("trak", {}),
        ("trak-ensemble", {}),
        ("leave-one-out", {}),
        ("representer", {}),
    ]
    for seed in SIBLINGS:
        train(dataset, labels, MODEL, dataclasses.replace(RECIPE, seed=seed), folder / "runs")
    asks += [(name, {"damping_ratio": ratio}) for ratio in RATIOS for name in SWEPT]
    for name, settings in asks:
        found, notes = scored(trained, queries, name, **settings)
        each = [spearmanr(halves @ found[:, column], -lost[:, column]).statistic for column in range(QUERIES)]
        title = ", ".join(
            [
                name,
                *(
                    f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
                    for key, value in settings.items()
                ),
            ]
        )
        lines[title] = {
            "lds": round(float(np.mean(each)), 4),
            "error": round(float(np.std(each) / QUERIES**0.5), 4),
            "notes": rounded(notes),
        }
        sys.stdout.write(f"{title:44} LDS {lines[title]['lds']:.3f} +- {lines[title]['error']:.3f}\n")
    return {"n_train": N_TRAIN, "queries": QUERIES, "halves": HALVES, "seeds": SEEDS, "estimators": lines}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "damping.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        result = measure(Path(place))
    write_json(args.out, result)
    lds = {name: line["lds"] for name, line in result["estimators"].items()}
    usual = {name: lds.get(name, lds.get(f"{name}, damping_ratio 1")) for name in ABOVE}
    low = [name for name, value in usual.items() if value is None or value <= lds["ip"]]
    return 1 if low or abs(usual["influence-cg"] - usual["influence-exact"]) > 0.01 else 0


if __name__ == "__main__":
    sys.exit(main())
