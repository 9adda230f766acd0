"""The estimators against true leave-one-out where it can be had exactly: softmax regression with an L2 penalty on
digits.

Run: python benchmarks/convex.py [--train 500] [--queries 10]. The model is trained to the optimum by Newton steps, then
again without each training sample in turn: the rise of a query's loss is the truth. Writes
benchmarks/results/convex.json, minutes on one core. Exits with status 1 if exact influence, conjugate gradients,
preconditioned Forward-INF or mirrored retraining has a mean Pearson correlation over the queries under 0.99.
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
import torch
from safetensors.torch import save_file
from torch import Tensor

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.storage.files import write_json
from attribution.training.trained import TrainedModel

ROOT = Path(__file__).resolve().parent
GOAL = 0.99
HELD = ("influence-exact", "influence-cg", "forward-inf-preconditioned", "mirrored retraining")
L2 = 0.01
VARIANTS: list[tuple[str, str, float | bool]] = [
    *(("influence-exact", "damping_ratio", ratio) for ratio in (0.01, 1.0, 10.0)),
    ("arnoldi", "rest", False),
    ("nystroem", "rest", False),
]


def newton(x: Tensor, y: Tensor, weights: Tensor, start: Tensor) -> Tensor:
    """Parameters ``(c, d)`` that minimise sum_i w_i CE_i + L2 / 2 |theta|^2, to 1e-11 of the gradient; ``x (n, d)``
    ends in a 1."""
    theta, c = start.clone(), len(start)
    one_hot = torch.nn.functional.one_hot(y, c).to(x)
    for _ in range(50):
        p = (x @ theta.T).softmax(1)  # (n, c)
        slope = ((p - one_hot) * weights[:, None]).T @ x + L2 * theta  # (c, d)
        if float(slope.abs().max()) < 1e-11:
            break
        root = x * weights.abs().sqrt()[:, None] * weights.sign()[:, None]  # an added query may have a negative weight
        plain = x * weights.abs().sqrt()[:, None]
        blocks = -torch.einsum("na,nb,ni,nj->aibj", p, p, root, plain)
        for label in range(c):
            blocks[label, :, label, :] += (root * p[:, [label]]).T @ plain
        matrix = blocks.reshape(theta.numel(), -1)
        matrix.diagonal().add_(L2)
        theta = theta - torch.linalg.solve(matrix, slope.flatten()).reshape(theta.shape)
    return theta


def losses(x: Tensor, y: Tensor, theta: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(x @ theta.T, y, reduction="none")


class Trained:
    """The optimum as a run that estimators can ask."""

    def __init__(self, dataset: Dataset, theta: Tensor, folder: Path) -> None:
        self.id, self.version = "newton", "base"
        self.checkpoints = [(folder / "weights.safetensors", 1.0)]
        self.train_config, self.model_config = TrainConfig(weight_decay=L2), ModelConfig(name="logistic")
        self.config = {"source": "trained", "n_train": len(dataset.rows("train"))}
        self._theta, self._dataset = theta, dataset
        save_file({"weight": theta.contiguous()}, self.checkpoints[0][0])

    def model(self, index: int, dataset: Dataset, trusted: bool) -> torch.nn.Module:
        layer = torch.nn.Linear(self._theta.shape[1] - 1, len(self._theta)).double()
        with torch.no_grad():
            layer.weight.copy_(self._theta[:, :-1])
            layer.bias.copy_(self._theta[:, -1])
        return layer.eval()

    def siblings(self) -> list[Any]:
        return []

    def representation(self) -> np.ndarray:
        return np.asarray(self._dataset.inputs, dtype=np.float64)

    def probabilities(self) -> np.ndarray:
        x = torch.from_numpy(self.representation())
        return (x @ self._theta[:, :-1].T + self._theta[:, -1]).softmax(1).numpy()


def digits(folder: Path, n_train: int, side: int = 8) -> Dataset:
    """Training digits, the others as the test split, pixels in 0..1, averaged to ``side`` x ``side``."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    cells = found.images[order].reshape(-1, side, 8 // side, side, 8 // side).mean((2, 4))
    x, y = (cells.reshape(len(cells), -1) / 16).astype(np.float32), found.target[order].astype(np.int64)
    ids = [f"digit {row}" for row in range(len(y))]
    split = ["train"] * n_train + ["test"] * (len(y) - n_train)
    samples = pd.DataFrame({"id": ids, "split": split, "label": y, "source": ids, "hash": ids})
    info = DatasetInfo("digits", "tabular", tuple("0123456789"), (x.shape[1],), {}, "", preprocessing={"columns": []})
    return Dataset.write(folder, info, samples, x)


def correlations(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Mean over queries of Pearson and Spearman correlation, the least Pearson, and the least-squares factor from
    estimate to truth."""
    pearson = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.T, truth.T, strict=True)]
    spearman = [pd.Series(a).corr(pd.Series(b), method="spearman") for a, b in zip(found.T, truth.T, strict=True)]
    factor = float((found * truth).sum() / (found * found).sum())
    return {
        "pearson": np.mean(pearson),
        "pearson_least": np.min(pearson),
        "spearman": np.mean(spearman),
        "factor": factor,
    }


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in values.items()}


def retrained(x: Tensor, y: Tensor, n: int, theta: Tensor, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True leave-one-out influence ``(n, q)`` and its mirror image by exact retraining, both positive = helpful.

    A sample left out gets weight 0 and the others keep 1 / n, as in the influence formula; a query is unlearned with
    weight -1 / n.
    """
    even, before = torch.full((n,), 1 / n, dtype=x.dtype), losses(x, y, theta)
    out, mirrored = np.zeros((n, len(asked))), np.zeros((n, len(asked)))
    for row in range(n):
        weights = even.clone()
        weights[row] = 0
        out[row] = (losses(x[asked], y[asked], newton(x[:n], y[:n], weights, theta)) - before[asked]).numpy()
    for column, row in enumerate(asked):
        weights, there = torch.cat([even, -even[:1]]), [*range(n), int(row)]
        mirrored[:, column] = (losses(x[:n], y[:n], newton(x[there], y[there], weights, theta)) - before[:n]).numpy()
    return out, mirrored


def estimated(
    dataset: Dataset, run: Trained, asked: np.ndarray, name: str, **settings: Any
) -> tuple[np.ndarray, dict[str, Any]]:
    """One estimator's influences ``(n, q)`` with its notes and its seconds."""
    estimator = estimators.get(name)(TrainedModel(dataset, dataset.base_version(), run, device="cpu")).adjusted(
        **settings
    )
    started_s = time.perf_counter()
    estimator.prepare([Query(str(row), (int(row),)) for row in asked])
    parts = [estimator.score(rows).influence for rows in np.array_split(dataset.rows("train"), 4)]
    return torch.cat(parts).double().numpy(), {"seconds_s": time.perf_counter() - started_s, **estimator.notes()}


def measure(
    dataset: Dataset, folder: Path, n_queries: int, names: list[str], variants: list[tuple[str, str, float | bool]]
) -> dict[str, Any]:
    """All figures: ``names`` with their defaults, ``variants`` as (estimator, setting, value)."""
    n, test = len(dataset.rows("train")), dataset.rows("test")
    y = torch.tensor(dataset.base_version().values)
    x = torch.tensor(np.asarray(dataset.inputs)).double()
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    theta = newton(x[:n], y[:n], torch.full((n,), 1 / n, dtype=x.dtype), torch.zeros(10, x.shape[1], dtype=x.dtype))
    hardest = test[losses(x[test], y[test], theta).argsort(descending=True)[:n_queries].numpy()]
    chosen = np.random.default_rng(1).choice(np.setdiff1d(test, hardest), n_queries, replace=False)
    asked = np.concatenate([hardest, chosen])
    started_s = time.perf_counter()
    truth, mirrored = retrained(x, y, n, theta, asked)
    found: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "mirrored retraining": (mirrored, {"seconds_s": time.perf_counter() - started_s})
    }
    run = Trained(dataset, theta, folder)
    for name in names:
        found[name] = estimated(dataset, run, asked, name)
    for name, key, value in variants:
        found[f"{name}, {key} {value:g}"] = estimated(dataset, run, asked, name, **{key: value})
    lines: dict[str, Any] = {}
    for name, (values, notes) in found.items():
        lines[name] = {"notes": rounded(notes)}
        for group, span in (("highest loss", slice(0, n_queries)), ("random", slice(n_queries, None))):
            lines[name][group] = rounded(
                {key: float(value) for key, value in correlations(values[:, span], truth[:, span]).items()}
            )
    accuracy = float((((x[test] @ theta.T).argmax(1)) == y[test]).double().mean())
    return {
        "n_train": n,
        "parameters": theta.numel(),
        "l2": L2,
        "test_accuracy": accuracy,
        "queries": n_queries,
        "estimators": lines,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--queries", type=int, default=10)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "convex.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    # They train networks of their own by the run's recipe; here is none.
    several = {"ip-ensemble", "trak-ensemble", "turn-over-dropout"}
    names = [name for name in estimators.names() if not estimators.get(name).from_subsets and name not in several]
    with tempfile.TemporaryDirectory() as place:
        result = measure(digits(Path(place) / "data", args.train), Path(place), args.queries, names, VARIANTS)
    write_json(args.out, result)
    low = []
    for name, line in sorted(result["estimators"].items(), key=lambda item: -item[1]["random"]["pearson"]):
        figures = [
            f"{group} P {line[group]['pearson']:.4f} S {line[group]['spearman']:.4f}"
            for group in ("highest loss", "random")
        ]
        sys.stdout.write(f"{name:36} {'   '.join(figures)}\n")
        low += [name for group in ("highest loss", "random") if name in HELD and line[group]["pearson"] < GOAL]
    if low:
        sys.stdout.write(f"under {GOAL}: {json.dumps(sorted(set(low)))}\n")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
