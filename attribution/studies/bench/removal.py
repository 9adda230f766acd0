"""Top-k removal: train again without a prediction's k most helpful samples; how fast does the prediction break?

A faithful estimator names samples whose loss hurts: the rise of the query's loss should be larger than without k
samples at random, which the control estimator ``random`` supplies.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.dataset import Dataset, Labels
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.statistics.intervals import paired_bootstrap
from attribution.storage.files import read_array, whole_file

if TYPE_CHECKING:
    import pandas as pd

    from attribution.tasks.base import Task


class Retrained:
    """Outputs of models trained with some samples left out, kept in a folder by content, so that none is trained
    twice."""

    def __init__(
        self,
        folder: Path,
        dataset: "Dataset",
        labels: "Labels",
        model: ModelConfig,
        recipe: TrainConfig,
        *,
        seeds: Sequence[int] = (1000,),
        trusted: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.dataset = dataset
        self.labels = labels
        self.model = model
        self.recipe = recipe
        self.seeds = tuple(seeds)
        self.trusted = trusted

    def outputs(self, left_out: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Outputs ``(seeds, rows of the data, ...)`` after training without these rows."""
        from attribution.models.predict import predict
        from attribution.training.train import fit, run_fingerprint

        active = self.labels.active.copy()
        active[left_out] = False
        labels = Labels.of(self.dataset, self.labels.values, active)
        found = []
        for index, seed in enumerate(self.seeds):
            recipe = replace(self.recipe, seed=seed)
            path = self.folder / f"{run_fingerprint(self.dataset, labels, self.model, recipe)}.npy"
            if not path.is_file():
                part = (progress or Progress()).part(index / len(self.seeds), (index + 1) / len(self.seeds))
                network = fit(self.dataset, labels, self.model, recipe, part, trusted=self.trusted)
                with whole_file(path) as temporary, open(temporary, "wb") as stream:
                    np.save(
                        stream,
                        predict(network, self.dataset, self.dataset.rows("all"))[0].astype(np.float32),
                        allow_pickle=False,
                    )
            found.append(read_array(path))
        return np.stack(found).astype(np.float64)


def said_of(task: "Task", outputs: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """What the task says of outputs ``(s, q, ...)`` of s models for these ``Labels.values`` (q,): loss and prediction
    ``(s, q)``."""
    import torch

    found = [task.said(torch.from_numpy(each), values) for each in outputs]
    return {name: np.stack([one[name] for one in found]) for name in ("loss", "prediction")}


def most_helpful(influence: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k largest influences ``(n,)``, ties in their order; NaN last."""
    return np.argsort(-np.nan_to_num(influence, nan=-np.inf), kind="stable")[:k]


def removal(
    matrices: dict[str, np.ndarray],
    rows: np.ndarray,
    query_rows: Sequence[int],
    ks: Sequence[int],
    trained: Retrained,
    progress: Progress,
) -> "pd.DataFrame":
    """One line per estimator, k and query: change (rise of the query's loss, mean over the seeds) and flipped (share of
    the seeds in which the prediction changed; NaN for numbers, which always do). ``matrices`` (n, q) in the order of
    ``rows`` and ``query_rows``. Costs a training per line and seed, and one with all samples."""
    import pandas as pd

    plan = [(name, k, column) for column in range(len(query_rows)) for k in ks if k < len(rows) for name in matrices]
    full = trained.outputs(rows[:0], progress.part(0.0, 1 / (len(plan) + 1), "training with all samples"))
    lines = []
    task = trained.dataset.task
    for done, (name, k, column) in enumerate(plan, start=1):
        part = progress.part(
            done / (len(plan) + 1), (done + 1) / (len(plan) + 1), f"retraining without the {k} most helpful ({name})"
        )
        out = trained.outputs(rows[most_helpful(matrices[name][:, column], k)], part)
        row = int(query_rows[column])
        values = trained.labels.values[[row]]
        before, after = (said_of(task, each[:, [row]], values) for each in (full, out))
        flipped = before["prediction"] != after["prediction"]
        lines.append(
            {
                "estimator": name,
                "k": k,
                "query_row": row,
                "change": float((after["loss"] - before["loss"]).mean()),
                "flipped": math.nan if task.kind == "number" else float(flipped.mean()),
            }
        )
    return pd.DataFrame(lines)


def summary(table: "pd.DataFrame", seed: int = 0) -> "pd.DataFrame":
    """The mean over the queries with a 95 % interval (bootstrap over queries), per estimator and k; as in
    ``BenchResult.removal``."""
    import pandas as pd

    lines = []
    for (name, k), part in table.groupby(["estimator", "k"], sort=False):
        found = paired_bootstrap(part["change"].to_numpy(), seed=seed)
        line = {"estimator": name, "k": int(k), "change": found.estimate, "low": found.low, "high": found.high}
        lines.append({**line, "flipped": float(part["flipped"].mean()), "queries": len(part)})
    return pd.DataFrame(lines)
