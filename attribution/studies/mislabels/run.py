"""Wrong targets: the request, and the search that it finds or makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.progress import Progress
from attribution.settings.configs import FlagConfig, fingerprint, to_dict
from attribution.storage.files import file_hash
from attribution.storage.sums import finish
from attribution.studies.meter import Meter
from attribution.studies.mislabels.judges import suggest
from attribution.studies.mislabels.out_of_fold import TrainFold, fold_trainer, judgeable
from attribution.studies.mislabels.queue import combine, suspicion
from attribution.studies.mislabels.result import FlagResult
from attribution.studies.mislabels.search import chosen, search

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.detectors.base import Detector
    from attribution.settings.configs import TrainConfig
    from attribution.training.train import Run
    from attribution.training.trained import TrainedModel

__all__ = ["FlagResult", "combine", "flag", "suggest", "suspicion"]

FORMAT = 2  # raise when the same request would give another result than before


def flag(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    config: FlagConfig,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    train_fold: TrainFold | None = None,
    forecast: Mapping[str, float] | None = None,
    recipe: "TrainConfig | None" = None,
) -> FlagResult:
    """Rank the active training rows by how suspicious their current target is; the result is in ``out/ID``.

    ID is the fingerprint of the model's weights, the data version and the settings: a finished search is found, an
    interrupted one goes on after its last finished fold. Detectors that the run cannot serve are left out and listed in
    ``config["skipped"]``, unless they were asked for by name: then ``UserError``. A sample whose class has no other
    different one is not judged: it comes last. ``train_fold`` stands in for training on part of the rows (tests,
    forecasts); ``forecast`` is kept in ``config["cost"]`` beside what the search took; ``recipe`` is that of the folds'
    trainings for weights that were loaded (without it there are none, and what needs them is left out).

    Costs ``config.folds`` trainings (only with detectors that ask models of rows that these were not trained on), one
    backward pass over the data per checkpoint, and one for the cases. Without such detectors, suggestions and estimate
    come from the model that trained on the labels, and the estimate is too low.
    """
    from attribution.training.trained import TrainedModel

    work = progress or Progress()
    trained = TrainedModel(dataset, labels, run, device=config.device, trusted=trusted)
    spent = Meter(str(trained.device)).start()
    active_rows(dataset, labels, "train", "Labels can only be judged against others.", least=2)
    found = chosen(config, dataset.task)
    request = request_of(trained, config, found, recipe)
    result = FlagResult(Path(out) / fingerprint(request))
    if (result.folder / "config.json").is_file():
        return result
    fresh = not any((result.folder / "folds").glob("fold-*.npy"))
    result.folder.mkdir(parents=True, exist_ok=True)
    trainer = train_fold or fold_trainer(dataset, labels, run, recipe, result.folder / "folds", config.device, trusted)
    about = search(trained, config, found, trainer, result.folder, work)
    cost = spent.cost(fresh, forecast)
    finish(result.folder, {**request, **about, "seconds_s": cost["seconds_s"], "cost": cost})
    for path in (result.folder / "folds").glob("fold-*.npy"):
        path.unlink()
    work.update(1, 1, "done")
    return result


def request_of(
    trained: "TrainedModel", config: FlagConfig, found: "Mapping[str, Detector]", recipe: "TrainConfig | None"
) -> dict[str, Any]:
    """What the search depends on."""
    run, labels, dataset = trained.run, trained.labels, trained.dataset
    request: dict[str, Any] = {
        "format": FORMAT,
        "detectors": sorted(found),
        "run": run.id,
        "weights": file_hash(Path(run.checkpoints[-1][0])),
        "version": labels.version,
        "folds": config.folds,
        "neighbors": config.neighbors,
        "cases": config.cases,
        "seed": config.seed,
    }
    if run.loaded:
        told = to_dict(recipe) if recipe else {}
        request["recipe"] = {name: value for name, value in told.items() if name != "device"} or None
    if dataset.task.kind == "class":
        judged = judgeable(np.asarray(labels.values[trained.rows]), dataset.hashes[trained.rows])
        if not judged.all():
            request["not_judged"] = int((~judged).sum())
    return request
