"""Does removing what harms a gap or robustness help, by how much, and what does it cost? Run: python
benchmarks/fairness.py [census biased-mlp ...]

Four parts, written to results/fairness.json: `census-*` (the tabular sample, equal opportunity, by the seed of the
ranking model), `biased-*` (synthetic labels biased against one group, logistic and mlp), `disagree` (groups that really
differ: utility against parity), `order` (dot products against the exact influence function on a logistic model).
Budgets are chosen on validation samples; every figure is of test samples.
"""

import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.project.project import Project
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, from_dict
from attribution.studies.base import Context
from attribution.studies.fairness.result import FairnessResult
from attribution.studies.fairness.study import Fairness, RemedyConfig
from attribution.training.train import train
from attribution.training.trained import TrainedModel

CPU = TrainConfig(device="cpu")
WORK = Path(tempfile.gettempdir()) / "datablame-fairness"  # a benchmark that was cut short goes on here
OUT = Path(__file__).parent / "results" / "fairness.json"
SIZES = {"train": 800, "val": 600, "test": 2000}
SEEDS = range(8)
RECIPE = TrainConfig(epochs=10, batch_size=64, lr=0.1, checkpoints=1, device="cpu")
SYNTHETIC = RemedyConfig(budgets=(5.0, 10.0, 20.0), epsilon=0.3, bootstrap=20, device="cpu")


def make_world(folder: Path, seed: int, *, turned: float = 0.3, differ: float = 0.0) -> Dataset:
    """Two groups told apart by one column. ``turned``: share of group b's positive training labels that say negative
    (validation and test labels are right). ``differ``: by how much group a really has more of what the label needs."""
    chance = np.random.default_rng(100 + seed)
    n = sum(SIZES.values())
    group = chance.integers(0, 2, n)
    x = chance.normal(size=(n, 6))
    x[:, 0] += np.where(group == 0, differ, -differ)
    x[:, 5] = np.where(group == 1, 1.0, -1.0) + 0.3 * chance.normal(size=n)
    y = (x[:, 0] + 0.8 * x[:, 1] - 0.5 * x[:, 2] * x[:, 3] + 0.3 * chance.normal(size=n) > 0).astype(int)
    y[(np.arange(n) < SIZES["train"]) & (group == 1) & (y == 1) & (chance.random(n) < turned)] = 0
    names = [f"row {row}" for row in range(n)]
    samples = pd.DataFrame(
        {"id": names, "split": np.repeat(list(SIZES), list(SIZES.values())), "label": y, "source": names, "hash": names}
    )
    samples["group"] = np.array(["a", "b"])[group]
    columns = [{"name": f"x{place}", "kind": "number"} for place in range(x.shape[1])]
    info = DatasetInfo("biased", "tabular", ("no", "yes"), (x.shape[1],), {}, "", preprocessing={"columns": columns})
    return Dataset.write(folder, info, samples, x.astype(np.float32))


def spread(values: list[float]) -> dict[str, float]:
    """Mean, standard error of the mean and extremes."""
    array = np.asarray(values, dtype=float)
    error = array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else float("nan")
    return {"mean": float(array.mean()), "error": float(error), "min": float(array.min()), "max": float(array.max())}


def figures_of(found: FairnessResult, budget: float, removed: str = "harmful", split: str = "test") -> dict[str, float]:
    """All figures at a budget, mean over its seeds; gaps also with their sign."""
    table = found.sweep
    here = table[(table["budget"] == budget) & (table["removed"] == removed) & (table["split"] == split)].set_index(
        "figure"
    )
    figures = {str(name): float(value) for name, value in here["estimate"].items()}
    return figures | {f"signed {name}": float(here.loc[name, "signed"]) for name in ("eop", "dp") if name in here.index}


def census(seed: int) -> dict[str, Any]:
    """The tabular sample: equal opportunity by sex. Ranked by the model of one seed, judged on three other seeds."""
    sample = Path(__file__).parent.parent / "sample_data" / "tabular"
    source = json.loads((sample / "sample.json").read_text())
    data = from_dict(DataConfig, {**source["data"], "path": str(sample / source["data"]["path"])})
    folder = WORK / "census"
    project = (
        Project.open(folder)
        if (folder / "project.json").exists()
        else Project.create(folder, data, ModelConfig(name="mlp"), CPU)
    )
    run = project.train(dataclasses.replace(project.train_config, seed=seed))
    found = project.remedy(RemedyConfig(run=run.id, seeds=tuple(range(10, 13)), device="cpu"))
    sweep = {f"{budget:g}": figures_of(found, budget) for budget in [0.0, *found.config["budgets"]]}
    change = (
        {name: found.change(found.suggested, name).to_json() for name in ("eop", "accuracy")} if found.suggested else {}
    )
    random = figures_of(found, float(found.config["control"]), "random")
    before, after = sweep["0"], sweep[f"{found.suggested:g}"]
    sys.stderr.write(f"census {seed}: {found.verdict}\n")
    return {
        "seed": seed,
        "suggested": found.suggested,
        "sweep": sweep,
        "change": change,
        "groups": found.config["groups"],
        "random": random,
        "gap_cut": 1 - after["eop"] / before["eop"],
        "random_gap_cut": 1 - random["eop"] / before["eop"],
        "accuracy_change": after["accuracy"] - before["accuracy"],
    }


def biased(network: str) -> dict[str, Any]:
    """Labels biased against one group: removal by equal opportunity, robustness or utility, at the suggested budget and
    over all budgets."""
    lines: dict[str, list[dict[str, Any]]] = {"eop-gap": [], "fgsm": [], "loss": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            dataset = make_world(Path(folder) / "data", seed)
            model, labels = ModelConfig(name=network), dataset.base_version()
            recipe = dataclasses.replace(RECIPE, seed=seed)
            run = train(dataset, labels, model, recipe, Path(folder) / "runs")
            for measure, kept in lines.items():
                config = dataclasses.replace(SYNTHETIC, measure=measure, seeds=(seed,))
                found = Fairness().make(Context(Path(folder), dataset, labels, run, model), config)
                at = {f"{budget:g}": figures_of(found, budget) for budget in [0.0, *config.budgets]}
                kept.append(
                    {
                        "suggested": found.suggested,
                        "at": at,
                        "random": figures_of(found, float(found.config["control"]), "random"),
                    }
                )
        sys.stderr.write(f"biased {network} {seed}\n")
    about = {**SIZES, "seeds": len(SEEDS), "turned": 0.3, "epsilon": SYNTHETIC.epsilon}
    return {"about": about, **{measure: _summary(kept) for measure, kept in lines.items()}}


def _summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds: before, at each one's suggested budget, at random, over the budgets, and what changed."""

    def of(pick: Any) -> dict[str, dict[str, float]]:
        chosen = [pick(line) for line in lines]
        return {name: spread([one[name] for one in chosen]) for name in chosen[0]}

    before, after = of(lambda line: line["at"]["0"]), of(lambda line: line["at"][f"{line['suggested']:g}"])
    return {
        "suggested": [line["suggested"] for line in lines],
        "before": before,
        "after": after,
        "random": of(lambda line: line["random"]),
        "sweep": {budget: of(lambda line, budget=budget: line["at"][budget]) for budget in lines[0]["at"]},
        "gap_cut": 1 - after["eop"]["mean"] / before["eop"]["mean"],
        "accuracy_change": after["accuracy"]["mean"] - before["accuracy"]["mean"],
        "attacked_change": after["attacked"]["mean"] - before["attacked"]["mean"],
    }


def _influence(trained: TrainedModel, name: str, measure: str) -> np.ndarray:
    """Influence of every training row on a measure over the validation split (n,)."""
    estimator = estimators.get(name)(trained)
    estimator.prepare([Query("val", tuple(trained.dataset.rows("val").tolist()), measure)])
    size = trained.batch_size
    parts = [
        estimator.score(trained.rows[start : start + size]).influence[:, 0].numpy()
        for start in range(0, len(trained.rows), size)
    ]
    return np.concatenate(parts)


def disagree() -> dict[str, Any]:
    """Groups that really differ and labels that are right: what parity wants removed is what utility wants kept."""
    from scipy.stats import spearmanr

    lines: dict[str, list[Any]] = {"correlation": [], "dp-gap": [], "loss": [], "before": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            dataset = make_world(Path(folder) / "data", seed, turned=0.0, differ=0.6)
            model, labels, recipe = (
                ModelConfig(name="logistic"),
                dataset.base_version(),
                dataclasses.replace(RECIPE, seed=seed),
            )
            run = train(dataset, labels, model, recipe, Path(folder) / "runs")
            trained = TrainedModel(dataset, labels, run, device="cpu")
            lines["correlation"].append(
                float(spearmanr(_influence(trained, "ip", "loss"), _influence(trained, "ip", "dp-gap"))[0])
            )
            for measure in ("dp-gap", "loss"):
                config = dataclasses.replace(SYNTHETIC, measure=measure, budgets=(10.0,), seeds=(seed,))
                found = Fairness().make(Context(Path(folder), dataset, labels, run, model), config)
                lines[measure].append(figures_of(found, 10.0))
            lines["before"].append(figures_of(found, 0.0))
    means = {
        key: {name: spread([one[name] for one in kept]) for name in kept[0]}
        for key, kept in lines.items()
        if key != "correlation"
    }
    return {"removed_percent": 10.0, "spearman_of_the_rankings": spread(lines["correlation"]), **means}


def order() -> dict[str, Any]:
    """Dot products against the exact influence function on a logistic model: rank correlation and share of equal
    signs."""
    from scipy.stats import spearmanr

    names = {"utility": "loss", "equal opportunity": "eop-gap", "robustness": "fgsm"}
    found: dict[str, dict[str, list[float]]] = {words: {"spearman": [], "same_sign": []} for words in names}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            dataset = make_world(Path(folder) / "data", seed)
            labels = dataset.base_version()
            run = train(
                dataset,
                labels,
                ModelConfig(name="logistic"),
                dataclasses.replace(RECIPE, seed=seed),
                Path(folder) / "runs",
            )
            trained = TrainedModel(dataset, labels, run, device="cpu", asking={"epsilon": SYNTHETIC.epsilon})
            for words, measure in names.items():
                ip, exact = _influence(trained, "ip", measure), _influence(trained, "influence-exact", measure)
                found[words]["spearman"].append(float(spearmanr(ip, exact)[0]))
                found[words]["same_sign"].append(float((np.sign(ip) == np.sign(exact)).mean()))
    return {words: {name: spread(values) for name, values in each.items()} for words, each in found.items()}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    **{f"census-{seed}": partial(census, seed) for seed in (0, 1, 2)},
    "biased-logistic": partial(biased, "logistic"),
    "biased-mlp": partial(biased, "mlp"),
    "disagree": disagree,
    "order": order,
}


def main() -> None:
    """Measure the named parts (none: all) and update the result file."""
    import torch

    torch.set_num_threads(1)
    for name in sys.argv[1:] or PARTS:
        found = PARTS[name]()
        result = json.loads(OUT.read_text()) if OUT.exists() else {}  # another part may have been measured meanwhile
        result[name] = found
        OUT.write_text(json.dumps({key: result[key] for key in PARTS if key in result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
