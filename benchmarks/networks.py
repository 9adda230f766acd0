"""The curvature estimators on a small network against the inverse written out, and our EK-FAC against kronfluence's.

Run: python benchmarks/networks.py. Trains the built-in mlp on 600 digits (4,650 parameters, so that the exact inverse
is at hand) and asks about 20 test samples. The comparison with kronfluence needs `pip install kronfluence` and is left
out without it. Writes benchmarks/results/networks.json, minutes on one core. Exits with status 1 if kronfluence ran and
the Spearman correlation with our EK-FAC (same model, data, absolute damping, true Fisher, biases; their labels drawn 40
times) is under 0.95, or if conjugate gradients are further than 1e-3 of the largest score from the inverse written out
(float32).
"""

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from convex import correlations, digits, rounded
from torch import Tensor

from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.storage.files import write_json
from attribution.training.train import train
from attribution.training.trained import TrainedModel

ROOT = Path(__file__).resolve().parent
N_TRAIN = 600
DRAWS = 40  # theirs draws one label per visit of a sample: visits enough that the draws average out
RECIPE = TrainConfig(epochs=20, batch_size=32, lr=0.05, checkpoints=2, device="cpu")


def scored(trained: TrainedModel, rows: np.ndarray, name: str, **settings: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Influences ``(n, q)`` with notes, seconds, and what they cost: CPU time in plain forward passes over the training
    set, measured in the same process right before, and the passes that were counted."""
    estimator = estimators.get(name)(trained).adjusted(**settings)
    forward_s = statistics.median(_forward_cpu_s(trained) for _ in range(5))
    started_s, spent, cpu_s = time.perf_counter(), trained.spent, time.process_time()
    estimator.prepare([Query(str(row), (int(row),)) for row in rows])
    found = torch.cat([estimator.score(part).influence for part in np.array_split(trained.rows, 8)]).double().numpy()
    cost = (time.process_time() - cpu_s) / forward_s
    passes = (trained.spent - spent) / len(trained.rows)
    return found, {
        "seconds_s": time.perf_counter() - started_s,
        "cpu_passes": cost,
        "forward_passes": passes,
        **estimator.notes(),
    }


def _forward_cpu_s(trained: TrainedModel) -> float:
    """CPU seconds of one plain pass over the training set, in the batches of the estimators."""
    model, size, spent_s = trained.model(), trained.batch_size, 0.0
    with torch.no_grad():
        for start in range(0, len(trained.rows), size):
            x, _ = trained.batch(trained.rows[start : start + size])
            before = time.process_time()
            model(x)
            spent_s += time.process_time() - before
    return spent_s


def kronfluence_scores(
    trained: TrainedModel, queries: np.ndarray, damping: float, folder: Path, draws: int, seed: int = 0
) -> np.ndarray:
    """kronfluence's EK-FAC influences ``(n, q)`` over n samples with an absolute damping and ``draws`` labels drawn per
    sample."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task
    from torch.nn import functional as F
    from torch.utils.data import ConcatDataset, TensorDataset

    class Classify(Task):
        def compute_train_loss(self, batch: Any, model: torch.nn.Module, sample: bool = False) -> Tensor:
            logits, labels = model(batch[0]), batch[1]
            if sample:
                labels = torch.multinomial(logits.detach().softmax(-1), 1).flatten()
            return F.cross_entropy(logits, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: torch.nn.Module) -> Tensor:
            return F.cross_entropy(model(batch[0]), batch[1], reduction="sum")

    torch.manual_seed(seed)
    model = prepare_model(trained.run.model(-1, trained.dataset, False), Classify())
    analyzer = Analyzer("digits", model, Classify(), cpu=True, output_dir=str(folder), disable_tqdm=True)
    data, asked = TensorDataset(*trained.batch(trained.rows)), TensorDataset(*trained.batch(queries))
    many = ConcatDataset([data] * draws)  # one label is drawn per sample and visit
    analyzer.fit_all_factors("ekfac", many, per_device_batch_size=250, factor_args=FactorArguments(strategy="ekfac"))
    analyzer.compute_pairwise_scores(
        "scores",
        "ekfac",
        asked,
        data,
        per_device_query_batch_size=60,
        per_device_train_batch_size=250,
        score_args=ScoreArguments(damping_factor=damping),
    )
    return analyzer.load_pairwise_scores("scores")["all_modules"].double().numpy().T / len(trained.rows)


def measure(folder: Path, n_queries: int) -> dict[str, Any]:
    dataset = digits(folder / "data", N_TRAIN)
    labels = dataset.base_version()
    run = train(dataset, labels, ModelConfig(name="mlp", width=40), RECIPE, folder / "runs")
    trained = TrainedModel(dataset, labels, run, device="cpu")
    rows = np.random.default_rng(0).choice(dataset.rows("test"), n_queries, replace=False)
    reference, notes = scored(trained, rows, "influence-exact")
    lines: dict[str, Any] = {"influence-exact": {"notes": rounded(notes)}}
    found = {}
    wanted = [
        name for name in estimators.names() if name != "influence-exact" and not estimators.get(name).from_subsets
    ]
    settings: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in wanted]
    settings += [("arnoldi", {"rest": False}), ("nystroem", {"rest": False})]
    for name, changes in settings:
        title = ", ".join([name, *(f"{key} {value}" for key, value in changes.items())])
        found[title], notes = scored(trained, rows, name, **changes)
        lines[title] = {"notes": rounded(notes), "to influence-exact": agreement(found[title], reference)}
    result = {
        "n_train": N_TRAIN,
        "queries": n_queries,
        "parameters": sum(p.numel() for p in trained.parameters().values()),
        "estimators": lines,
    }
    if importlib.util.find_spec("kronfluence"):
        own = lines["ekfac"]["notes"]
        shift = own["damping"] + own["l2"]
        one, other, many = (
            kronfluence_scores(trained, rows, shift, folder / f"kronfluence {draws} {seed}", draws, seed)
            for draws, seed in ((1, 0), (1, 1), (DRAWS, 0))
        )
        result["kronfluence ekfac"] = {
            f"{DRAWS} draws to our ekfac": agreement(many, found["ekfac"]),
            "1 draw to our ekfac": agreement(one, found["ekfac"]),
            "1 draw to 1 draw of another seed": agreement(one, other),
            f"{DRAWS} draws to influence-exact": agreement(many, reference),
        }
    return result


def agreement(found: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Correlations, per query and over the whole matrix, and the largest deviation as a share of the largest score."""
    both = rounded({key: float(value) for key, value in correlations(found, reference).items()})
    whole = float(np.corrcoef(found.ravel(), reference.ravel())[0, 1])
    return {
        **both,
        **rounded(
            {"pearson_whole": whole, "deviation": float(np.abs(found - reference).max() / np.abs(reference).max())}
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "networks.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        result = measure(Path(place), args.queries)
    write_json(args.out, result)
    for name, line in result["estimators"].items():
        close, notes = line.get("to influence-exact"), line["notes"]
        figures = (
            f"P {close['pearson']:.4f} S {close['spearman']:.4f} dev {close['deviation']:.2g}" if close else "reference"
        )
        sys.stdout.write(f"{name:32} {figures:40} {notes['seconds_s']:7.2f} s {notes['forward_passes']:9.0f} passes\n")
    peer = result.get("kronfluence ekfac")
    if peer:
        for name, line in peer.items():
            sys.stdout.write(
                f"kronfluence, {name:40} P {line['pearson']:.4f} S {line['spearman']:.4f} factor {line['factor']:.3f}\n"
            )
    far = result["estimators"]["influence-cg"]["to influence-exact"]["deviation"] > 1e-3
    return 1 if far or (peer and peer[f"{DRAWS} draws to our ekfac"]["spearman"] < 0.95) else 0


if __name__ == "__main__":
    sys.exit(main())
