"""The two half-moons of the papers on Hessian-free influence and outlier gradients, on twenty fresh seeds.

Run: python benchmarks/moons.py [--seeds 101,...,120]. Per seed: 250 points with 20 flipped labels, 100 clean ones each
to validate and to test; the product's own training, detectors and angles; every detector's first 20 suspects dropped
and the model trained again (three times), and the same for its first 5 %, which is what the paper on outlier gradients
trims. A linear and a two-layer model. Writes benchmarks/results/moons.json, minutes on one core. Exits with status 1 if
a gate is missed: the isolation forest's AUROC and its detection at least 0.95, accuracy after trimming 5 % not below
before, at least 0.7 of the flipped points with a negative score, all for the two-layer model.

Detection counts as in the paper's table, as far as can be told from its figures: the share of all 250 points rightly
called flipped or not when the first 20 are called flipped. ``found`` is the share of the 20 flipped points among the
first 20. The angle is measured to the mean gradient of the validation points; curvature is the Gauss-Newton matrix of
the training loss.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from torch.func import functional_call, stack_module_state, vmap

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.detectors import detectors
from attribution.detectors.base import Evidence
from attribution.estimators._preconditioned import curvature_of
from attribution.estimators.base import Query
from attribution.gradients.curvature import shifted_conjugate_gradients
from attribution.measures.query import query_gradients
from attribution.models.build import build_model
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.statistics.ranking import auroc
from attribution.storage.files import write_json
from attribution.studies.angles.result import AnglesResult
from attribution.studies.angles.run import angle
from attribution.studies.angles.study import Angles, AnglesConfig
from attribution.studies.base import Context
from attribution.training.schedules import learning_rate
from attribution.training.train import train
from attribution.training.trained import TrainedModel

ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT.parent))
from sample_data.make import MOON_FLIPS, MOONS, draw_moons  # noqa: E402

RECIPE = TrainConfig(epochs=60, batch_size=32, lr=0.2, checkpoints=2, device="cpu")
MODELS = {"mlp": ModelConfig(name="mlp", width=32), "linear": ModelConfig(name="logistic")}
DETECTORS = ("gradient-outlier-forest", "gradient-outlier-l2", "self-influence", "ip-validation")
FOREST, GATES = "gradient-outlier-forest", {"auroc": 0.95, "detection": 0.95, "negative": 0.7}
TRIM = 0.05  # share of the training points that the paper drops, the forest's contamination
RETRAINED = 3  # seeds whose accuracies are averaged
RATIOS = (0.01, 0.1, 1.0, 10.0)  # dampings in mean eigenvalues of the curvature


def moons(folder: Path, seed: int) -> tuple[Dataset, np.ndarray]:
    """The points of a seed, standardised, and which training points are flipped (250,) bool."""
    x, true, given = draw_moons(seed)
    n, train_n = len(x), MOONS["train"]
    x = (x - x[:train_n].mean(0)) / x[:train_n].std(0)
    ids = [f"point {row}" for row in range(n)]
    splits = np.repeat(list(MOONS), list(MOONS.values()))
    samples = pd.DataFrame({"id": ids, "split": splits, "label": given, "source": ids, "hash": ids})
    info = DatasetInfo("moons", "tabular", ("upper", "lower"), (2,), {}, "", preprocessing={"columns": []})
    return Dataset.write(folder, info, samples, x.astype(np.float32)), (given != true)[:train_n]


def accuracies(trained: TrainedModel, left_out: dict[str, np.ndarray]) -> dict[str, float]:
    """Test accuracy of the recipe on the training points without each set, mean over ``RETRAINED`` seeds; all models
    trained side by side."""
    names, test = [name for name in left_out for _ in range(RETRAINED)], trained.dataset.rows("test")
    (x, y), (asked, truth) = trained.batch(trained.rows), trained.batch(test)
    built = [
        build_model(trained.run.model_config, trained.dataset.info, seed % RETRAINED, trusted=False)
        for seed in range(len(names))
    ]
    parameters, _ = stack_module_state(built)  # (models, ...)
    forward = vmap(lambda values, inputs: functional_call(built[0], values, (inputs,)))
    optimizer = torch.optim.SGD(parameters.values(), RECIPE.lr, RECIPE.momentum, weight_decay=RECIPE.weight_decay)
    chance, size = torch.Generator().manual_seed(0), RECIPE.batch_size
    inside = [torch.tensor(np.setdiff1d(trained.rows, left_out[name])) for name in names]
    batches, step = -(-len(x) // size), 0
    for _ in range(RECIPE.epochs):
        order = torch.full((len(names), batches * size), -1)
        for place, rows in enumerate(inside):
            order[place, : len(rows)] = rows[torch.randperm(len(rows), generator=chance)]
        for index in order.split(size, dim=1):  # (models, batch), -1 where a model has fewer points
            optimizer.param_groups[0]["lr"] = learning_rate(step, RECIPE.epochs * batches, RECIPE)
            losses = torch.nn.functional.cross_entropy(forward(parameters, x[index]).mT, y[index], reduction="none") * (
                index >= 0
            )
            optimizer.zero_grad()
            (losses.sum(1) / (index >= 0).sum(1).clamp_min(1)).sum().backward()
            optimizer.step()
            step += 1
    with torch.no_grad():
        answers = forward(parameters, asked.expand(len(names), *asked.shape)).argmax(2)  # (models, test)
    right = (answers == truth).double().mean(1).numpy().reshape(-1, RETRAINED).mean(1)
    return dict(zip(left_out, right.tolist(), strict=True))


def judged(scores: np.ndarray, flipped: np.ndarray) -> dict[str, float]:
    """AUROC, share of the flipped among the first 20, and share of all points rightly called."""
    first = np.argsort(-scores, kind="stable")[:MOON_FLIPS]
    found = float(flipped[first].mean())
    return {
        "auroc": auroc(scores, flipped),
        "found": found,
        "detection": 1 - 2 * (1 - found) * MOON_FLIPS / len(flipped),
    }


def angles_of(result: AnglesResult, trained: TrainedModel, flipped: np.ndarray) -> dict[str, float]:
    """The figures about angles: what curvature does to the question, where the flipped points pull, how each influence
    judges them."""
    turns = {one["ratio"]: one for one in result.config["checkpoints"][-1]["curvature"]}
    samples, rows = result.samples, result.samples["row"].to_numpy()
    engine = trained.engine()
    query, wrong = (
        engine.mean_gradient(trained.batches(chosen)) for chosen in (list(result.query_rows), rows[flipped])
    )
    flat = [torch.cat([value.flatten() for value in each.values()]) for each in (query, wrong)]
    plain = samples["influence"].to_numpy()
    found = {
        "angle_to_mean_flipped": angle(flat[0], flat[1]),
        "angle_to_mean_of_negative": float(result.config["against"]["angle"]),
        **signs(plain, flipped, "without curvature"),
    }
    for ratio in RATIOS:
        curved, words = with_curvature(trained, result.query_rows, ratio), f"at damping {ratio:g}"
        found |= {
            f"turn {words}": turns[ratio]["turn"],
            f"residual {words}": turns[ratio]["residual"],
            **signs(curved, flipped, words),
        }
        found[f"same sign as without {words}"] = float((np.sign(plain) == np.sign(curved)).mean())
        found[f"rank correlation with that without {words}"] = float(spearmanr(plain, curved).statistic)
    return found


def signs(influence: np.ndarray, flipped: np.ndarray, words: str) -> dict[str, float]:
    """How an influence (250,) parts the flipped points from the right ones."""
    shares = {"flipped points negative": flipped, "right points negative": ~flipped}
    found = {f"{name} {words}": float((influence[chosen] < 0).mean()) for name, chosen in shares.items()}
    return {**found, f"AUROC {words}": auroc(-influence, flipped)}


def with_curvature(trained: TrainedModel, queries: tuple[int, ...], ratio: float) -> np.ndarray:
    """Influence with curvature (250,) at another damping ratio."""
    curvature = curvature_of(trained, 0, ratio)
    query = curvature.layout.from_queries(query_gradients(trained, [Query("validation", queries)]))
    solved = shifted_conjugate_gradients(curvature, query[0], [curvature.shift], 1e-3, 300)[0]
    x, y = trained.batch(trained.rows)
    return trained.engine().dots(x, y, curvature.layout.to_queries(solved))[:, 0].double().numpy()


def forest_on_all_layers(trained: TrainedModel) -> np.ndarray:
    """The same forest on the whole gradient (250,), to compare with the last layer's."""
    x, y = trained.batch(trained.rows)
    points = torch.cat([value.flatten(1) for value in trained.engine().gradients(x, y).values()], 1).numpy()
    return -IsolationForest(n_estimators=200, max_samples=len(points), random_state=0).fit(points).score_samples(points)


def _no_folds() -> np.ndarray:
    raise AssertionError("none of these detectors reads out-of-fold predictions")


def measure_seed(name: str, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        dataset, flipped = moons(folder / "data", seed)
        labels, model = dataset.base_version(), MODELS[name]
        run = train(dataset, labels, model, RECIPE, folder / "runs")
        trained = TrainedModel(dataset, labels, run, device="cpu")
        evidence = Evidence(trained, _no_folds)
        scores = {each: detectors.get(each)().values(evidence) for each in DETECTORS}
        scores["forest on all layers"] = forest_on_all_layers(trained)
        ask = AnglesConfig(damping_ratios=RATIOS, curvature_samples=250, iterations=300, device="cpu")
        result = Angles().make(Context(folder, dataset, labels, run, rows=lambda words, run: dataset.rows("val")), ask)
        scores["influence with curvature"] = -result.samples["curved"].to_numpy(dtype=np.float64)
        lines = {each: judged(values, flipped) for each, values in scores.items()}
        chance = np.random.default_rng(seed).choice(MOONS["train"], MOON_FLIPS, replace=False)
        without = {
            "accuracy": np.empty(0, np.int64),
            "without_random_points": chance,
            "without_flipped_points": np.flatnonzero(flipped),
        }
        order = {each: np.argsort(-values, kind="stable") for each, values in scores.items()}
        first = {each: suspects[:MOON_FLIPS] for each, suspects in order.items()}
        fewer = {f"{each}, trimmed": suspects[: int(TRIM * MOONS["train"])] for each, suspects in order.items()}
        right = accuracies(trained, without | first | fewer)
        before = right["accuracy"]
        for each in scores:
            after, trimmed = right[each], right[f"{each}, trimmed"]
            lines[each] |= {
                "accuracy_after": after,
                "gain": after - before,
                "accuracy_trimmed": trimmed,
                "gain_trimmed": trimmed - before,
            }
        return {
            "before": {each: right[each] for each in without},
            "angles": angles_of(result, trained, flipped),
            "detectors": lines,
        }


def kept(name: str, seed: int, parts: Path | None) -> dict[str, Any]:
    """The figures of one model and seed, from ``parts`` if they are there."""
    path = parts / f"{name}-{seed}.json" if parts else None
    if path is not None and path.is_file():
        return dict(json.loads(path.read_text()))
    found = measure_seed(name, seed)
    forest, angles = found["detectors"][FOREST], found["angles"]
    line = (
        f"forest AUROC {forest['auroc']:.3f} detection {forest['detection']:.3f}, turn "
        f"{angles['turn at damping 0.01']:.1f}"
    )
    sys.stdout.write(
        f"{name} seed {seed}: {line}, negative {angles['flipped points negative without curvature']:.2f}\n"
    )
    sys.stdout.flush()
    if path is not None:
        write_json(path, found)
    return found


def summary(found: list[Any]) -> Any:
    """Mean and standard deviation over the seeds of every number in a tree of them."""
    if isinstance(found[0], dict):
        return {key: summary([each[key] for each in found]) for key in found[0]}
    return {"mean": round(float(np.mean(found)), 4), "std": round(float(np.std(found)), 4)}


def missed(found: dict[str, Any]) -> list[str]:
    """Gates that the two-layer model misses."""
    forest, before = found["detectors"][FOREST], found["before"]["accuracy"]["mean"]
    wrong = [gate for gate in ("auroc", "detection") if forest[gate]["mean"] < GATES[gate]]
    wrong += ["accuracy after trimming"] * (forest["accuracy_trimmed"]["mean"] < before)
    return wrong + ["negative"] * (
        found["angles"]["flipped points negative without curvature"]["mean"] < GATES["negative"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(str(seed) for seed in range(101, 121)))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "moons.json")
    parser.add_argument("--parts", type=Path, help="keep each seed's figures here, and take those that are there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    report: dict[str, Any] = {"about": {"seeds": seeds, "n_train": MOONS["train"], "flipped": MOON_FLIPS}}
    for name in args.models.split(","):
        report[name] = summary([kept(name, seed, args.parts) for seed in seeds])
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    wrong = missed(report["mlp"]) if "mlp" in report else []
    for gate in wrong:
        sys.stdout.write(f"gate missed: {gate}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
