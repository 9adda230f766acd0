"""How the queue ranks errors that were planted: a few labels are flipped in a copy, a model is trained there, and the
detectors look."""

import shutil
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.detectors.planting import plant
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import CalibrateConfig, FlagConfig, ModelConfig, fingerprint, from_dict, to_dict
from attribution.storage.artefact import Artefact
from attribution.storage.sums import finish
from attribution.storage.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.settings.configs import TrainConfig
    from attribution.studies.mislabels.result import FlagResult
    from attribution.tasks.targets import Targets
    from attribution.training.run import Run

FORMAT = 1  # raise when the same request would give another result than before
LEAST = 20  # planted labels, so that a ranking can be judged at all


class CalibrationResult(Artefact):
    """One calibration: ``NAME/calibration/ID``. ``config`` holds the request, n_train, planted (count) and
    seconds_s."""

    what = "calibration"

    @cached_property
    def planted(self) -> "pd.DataFrame":
        """One line per planted error: row, kind (uniform or confused), label (before), planted (the wrong label),
        position (1 = first in the sandbox's queue)."""

        return read_table(self.folder / "planted.parquet")

    @property
    def n_train(self) -> int:
        """Samples in the sandbox's queue."""
        return int(self.config["n_train"])

    def recall(self, share: float) -> float:
        """Share of the planted errors in the first ``share`` (0..1) of the queue."""
        return float((self.planted["position"] <= share * self.n_train).mean())

    @property
    def headline(self) -> str:
        """Where the planted errors came to lie, in one sentence."""
        kinds = self.planted.groupby("kind")["position"].apply(lambda places: (places <= 0.1 * self.n_train).mean())
        words = ", ".join(f"{100 * share:.0f} % of the {kind} ones" for kind, share in kinds.items())
        return (
            f"Of {len(self.planted)} labels set wrong on purpose in a copy, {100 * self.recall(0.1):.0f} % came to lie "
            f"in the first tenth of the queue ({words})."
        )


def calibrate(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    flags: "FlagResult",
    config: CalibrateConfig,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    recipe: "TrainConfig | None" = None,
) -> CalibrationResult:
    """Flip a seeded few labels in a copy, train the run's network with ``recipe`` (None: the run's own) there, and rank
    them with the detectors of ``flags``.

    What is planted: ``planting.plant``, for classes half of it what the model confuses. Everything of the copy lives in
    ``out/ID`` and is removed at the end but for where the planted errors came to lie; ledger and runs are not touched.
    Samples that are wrong already may be among those planted on: they stay wrong. Costs one training and one search
    (``folds`` trainings).
    """
    from attribution.datasets.dataset import Labels
    from attribution.studies.mislabels.run import flag
    from attribution.training.train import train

    work = progress or Progress()
    started_s = time.perf_counter()
    rows = labels.train_rows(dataset)
    count = max(LEAST, round(config.share * len(rows)))
    if count > len(rows) // 4:
        raise _too_many(count, len(rows), config.share)
    detectors = tuple(name for name in flags.config["combined"])
    request: dict[str, Any] = {"format": FORMAT, "run": run.id, "version": labels.version, "detectors": list(detectors)}
    request |= {name: getattr(config, name) for name in ("share", "folds", "seed")}
    recipe = recipe or run.train_config
    if run.loaded:
        request["recipe"] = {name: value for name, value in to_dict(recipe).items() if name != "device"}
    result = CalibrationResult(Path(out) / fingerprint(request))
    if result.finished:
        return result
    task = dataset.task
    p = task.class_probabilities(np.asarray(run.outputs())) if task.kind == "class" else None
    planted = plan(task.targets, labels.values, rows, p, count, config.seed)
    values = labels.values.copy()
    values[planted["row"].to_numpy()] = planted["planted"].to_numpy()
    copy = Labels.of(dataset, values, labels.active)
    fresh = from_dict(ModelConfig, {**to_dict(run.model_config), "checkpoints": []})
    sandbox = result.folder / "sandbox"
    trained = train(
        dataset, copy, fresh, recipe, sandbox / "runs", work.part(0.0, 0.2, "Training on the copy"), trusted=trusted
    )
    search = FlagConfig(detectors=detectors, folds=config.folds, cases=0, device=config.device, seed=config.seed)
    found = flag(
        dataset,
        copy,
        trained,
        search,
        sandbox / "flags",
        work.part(0.2, 1.0, "Looking for the planted errors"),
        trusted=trusted,
    )
    position = found.detectors.set_index("row")["position"]
    write_table(
        result.folder / "planted.parquet",
        planted.assign(position=position.reindex(planted["row"]).to_numpy(dtype=np.int32)),
    )
    facts = {"n_train": len(rows), "planted": len(planted), "seconds_s": time.perf_counter() - started_s}
    finish(result.folder, {**request, **facts})
    shutil.rmtree(sandbox)
    work.update(1, 1, "done")
    return result


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
