"""A run of predictions alone: what somebody's model says of every sample, without the model."""

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.settings.configs import ModelConfig, fingerprint, to_dict
from attribution.storage.files import whole_file
from attribution.storage.sums import finish
from attribution.storage.tables import write_table
from attribution.training.measured import figures_of
from attribution.training.run import GIVEN, Run

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

FORMAT = 1  # raise when the same predictions would give another run than before


def given(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    kept: np.ndarray,
    representation: np.ndarray,
    runs: Path,
    *,
    out_of_fold: bool,
    seen: str,
) -> Run:
    """The run of these predictions, found when it is there.

    ``kept`` is what a run keeps of every row (``Task.kept``), ``representation (n, d)`` what stands for what the model
    sees in it; ``seen`` says where that is from: ``given``, ``inputs`` or ``predictions``. ``out_of_fold``: every row's
    prediction is by a model that did not train on it.
    """
    content = [hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest() for part in (kept, representation)]
    folder = Path(runs) / fingerprint(GIVEN, FORMAT, dataset.info.base_hash, labels.version, content, out_of_fold)
    if (folder / "config.json").is_file():
        return Run.open(folder)
    metrics = [line for split in ("train", "val", "test") for line in _figures(dataset, labels, kept, split)]
    for name, array in ((dataset.task.kept_file, kept), ("representation.npy", representation)):
        _save(folder / name, array)
    write_table(folder / "metrics.parquet", pd.DataFrame(metrics).astype({"epoch": "int32", "n": "int32"}))
    said = {
        **_as_trained(dataset, model, metrics),
        "version": labels.version,
        "fingerprint": folder.name,
        "n_train": len(labels.train_rows(dataset)),
        "out_of_fold": out_of_fold,
        "representation": seen,
        "weights": fingerprint(content),
    }
    finish(folder, said)
    return Run.open(folder)


def _save(path: Path, array: np.ndarray) -> None:
    with whole_file(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, array.astype(np.float32), allow_pickle=False)


def _as_trained(dataset: "Dataset", model: ModelConfig, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """What the ``config.json`` of every run says, of one that nothing was trained for."""
    told = ("epoch", "split")
    final = {line["split"]: {name: value for name, value in line.items() if name not in told} for line in metrics}
    nothing = {"code": "", "parameters": 0, "batch_coupled": False, "device": "", "torch": "", "checkpoints": []}
    task = {"task": dataset.info.task, "kept": dataset.task.kept_file} if dataset.info.task else {}
    recipe = {"source": GIVEN, "train": None, "seed": 0, "weight_unit": "order", "seconds_s": 0.0}
    known = {"model": to_dict(model), "classes": dataset.task.targets.names(), "final": final}
    return {**known, **nothing, **task, **recipe, "finished_at": time.time(), "finished": True}


def _figures(dataset: "Dataset", labels: "Labels", kept: np.ndarray, split: str) -> list[dict[str, Any]]:
    rows = dataset.rows(split)
    rows = rows[labels.active[rows]]
    rows = rows[~dataset.task.targets.bare(labels.values[rows])]
    values = labels.values[rows]
    return figures_of(dataset.task, dataset.task.said_kept(kept[rows], values), values, 1, split) if len(rows) else []
