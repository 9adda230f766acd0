"""How the queue ranks errors that were planted: a few labels are flipped in a copy, a model is trained there, and the
detectors look."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Labels
from attribution.detectors.planting import plant
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import request_of
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.mislabels.study import FlagConfig, Mislabels
from attribution.tasks.targets import Targets
from attribution.training.train import train

if TYPE_CHECKING:
    import pandas as pd


FORMAT = 1  # raise when the same request would give another result than before
LEAST = 20  # planted labels, so that a ranking can be judged at all


def request(context: Context, config: CalibrateConfig) -> Request:
    """The model, the labels and the detectors that made the queue. ``UserError`` without a queue, and for so few
    samples that too large a share would be set wrong."""
    run = context.asked
    flags = Mislabels().latest(context.folder, context.asked.id)
    if flags is None:
        raise UserError(
            "Nobody has looked for wrong labels yet.",
            "There is no queue to measure.",
            "Run `datablame flag` first.",
        )
    recipe = replace(context.recipe, start="seed")  # loaded weights may know the labels that are planted on
    n = len(context.labels.train_rows(context.dataset))
    count = max(LEAST, round(config.share * n))
    if count > n // 4:
        raise _too_many(count, n, config.share)
    said: dict[str, Any] = {"format": FORMAT, "run": run.id, "version": context.labels.version}
    said |= {"detectors": list(flags.config["combined"])}
    said |= {name: getattr(config, name) for name in ("share", "folds", "seed")}
    if run.loaded:
        said["recipe"] = {name: value for name, value in request_of(recipe).items() if name != "device"}
    return Request(said, ready=(recipe, count))


def compute(context: Context, config: CalibrateConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Flip a seeded few labels in a copy, train the run's network there, and rank them with the queue's detectors.

    What is planted: ``planting.plant``, for classes half of it what the model confuses. Everything of the copy lives
    beside the result and is removed at the end but for where the planted errors came to lie; ledger and runs are not
    touched. Samples that are wrong already may be among those planted on: they stay wrong. Costs one training and one
    search (``folds`` trainings).
    """
    dataset, labels, run = context.dataset, context.labels, context.asked
    recipe, count = asked.ready
    rows = labels.train_rows(dataset)
    task = dataset.task
    p = task.class_probabilities(np.asarray(run.outputs())) if task.kind == "class" else None
    planted = plan(task.targets, labels.values, rows, p, count, config.seed)
    values = labels.values.copy()
    values[planted["row"].to_numpy()] = planted["planted"].to_numpy()
    copy = Labels.of(dataset, values, labels.active)
    fresh = replace(run.model_config, checkpoints=())
    sandbox = out / "sandbox"
    part = work.part(0.0, 0.2, "Training on the copy")
    trained = train(dataset, copy, fresh, recipe, sandbox / "runs", part, trusted=context.trusted)
    search = FlagConfig(
        detectors=tuple(asked.said["detectors"]), folds=config.folds, cases=0, device=config.device, seed=config.seed
    )
    inside = replace(context, folder=sandbox, labels=copy, run=trained)
    found = Mislabels().make(inside, search, work.part(0.2, 1.0, "Looking for the planted errors"))
    there = found.detectors.set_index("row").reindex(planted["row"])
    write_table(
        out / "planted.parquet",
        planted.assign(position=there["position"].to_numpy(dtype=np.int32), suggested=there["suggested"].to_numpy()),
    )
    shutil.rmtree(sandbox)
    nouns = {"nouns": f"{task.targets.noun}s"} if task.kind == "number" else {}
    return {"n_train": len(rows), "planted": len(planted), **nouns}


def _too_many(count: int, n: int, share: float) -> UserError:
    """The error for planting more than a quarter of ``n`` labels."""
    if n < 4 * LEAST:
        what = f"{n} training samples are left, and at least {4 * LEAST} are needed."
        return UserError(
            what,
            f"{LEAST} errors are planted at the least, so that a ranking can be judged, in a quarter at most.",
            "Add samples.",
        )
    what = f"A share of {share:g} would set {count:,} of {n:,} labels wrong."
    return UserError(
        what, "More than a quarter would change what the model learns.", f"Choose a share of at most {n // 4 / n:.2g}."
    )


def plan(
    targets: "Targets", values: np.ndarray, rows: np.ndarray, probabilities: np.ndarray | None, count: int, seed: int
) -> "pd.DataFrame":
    """Which targets to set wrong: row, kind, label, planted. ``values`` (n,) current ones; ``probabilities`` (n, c) of
    the model where they are classes: then half of the errors are those of a confused rater (``planting.plant``)."""
    import pandas as pd

    chance = np.random.default_rng(seed)
    chosen = np.sort(chance.choice(rows, count, replace=False))
    wrong, confused = plant(targets, values[chosen], chance, None if probabilities is None else probabilities[chosen])
    kind = np.where(confused, "confused", "uniform")
    small = np.int32 if targets.kind == "class" else values.dtype
    return pd.DataFrame(
        {"row": chosen, "kind": kind, "label": values[chosen].astype(small), "planted": wrong.astype(small)}
    )
