"""Wrong targets: the request, and the search that it finds or makes."""

from pathlib import Path
from typing import Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.progress import Progress
from attribution.settings.configs import request_of
from attribution.studies.base import Context, Request
from attribution.studies.categories.categories import KEPT_FROM, kept_or_made
from attribution.studies.categories.relations import relations, sources
from attribution.studies.mislabels.out_of_fold import TrainFold, fold_trainer, judgeable
from attribution.studies.mislabels.result import FlagResult
from attribution.studies.mislabels.search import chosen, search
from attribution.studies.mislabels.study import FlagConfig

FORMAT = 2  # raise when the same request would give another result than before


def request(context: Context, config: FlagConfig) -> Request:
    """The model, the detectors and the labels; for loaded weights the folds' recipe, and how many are not judged."""
    dataset, labels, run = context.dataset, context.labels, context.asked
    trained = context.trained(config.device)
    active_rows(dataset, labels, "train", "Labels can only be judged against others.", least=2)
    found = chosen(config, dataset.task)
    said: dict[str, Any] = {
        "format": FORMAT,
        "detectors": sorted(found),
        "run": run.id,
        "weights": context.weights,
        "version": labels.version,
        "folds": config.folds,
        "neighbors": config.neighbors,
        "cases": config.cases,
        "seed": config.seed,
    }
    if run.loaded:
        told = request_of(context.fold_recipe) if context.fold_recipe else {}
        said["recipe"] = {name: value for name, value in told.items() if name != "device"} or None
    if dataset.task.kind == "class":
        judged = judgeable(np.asarray(labels.values[trained.rows]), dataset.hashes[trained.rows])
        if not judged.all():
            said["not_judged"] = int((~judged).sum())
    return Request(said, ready=(trained, found))


def compute(
    context: Context,
    config: FlagConfig,
    asked: Request,
    out: Path,
    work: Progress,
    *,
    train_fold: TrainFold | None = None,
) -> dict[str, Any]:
    """Rank the active training rows by how suspicious their current target is.

    An interrupted search goes on after its last finished fold. Detectors that the run cannot serve are left out and
    listed in ``config["skipped"]``, unless they were asked for by name: then ``UserError``. A sample whose class has no
    other different one is not judged: it comes last. ``train_fold`` stands in for training on part of the rows (tests,
    forecasts). Loaded weights without a recipe for the folds have none, and what needs them is left out.

    Costs ``config.folds`` trainings (only with detectors that ask models of rows that these were not trained on), one
    backward pass over the data per checkpoint, and one for the cases. Without such detectors, suggestions and estimate
    come from the model that trained on the labels, and the estimate is too low.
    """
    trained, found = asked.ready
    recipe = context.fold_recipe
    scratch = out / "folds"
    trainer = train_fold or fold_trainer(
        context.dataset, context.labels, context.asked, recipe, scratch, config.device, context.trusted
    )
    return search(trained, config, found, trainer, out, work)


def kept(context: Context, result: FlagResult) -> None:
    """The folds are not needed any more; the classes of very many samples are, by the first page that shows them."""
    for path in (result.folder / "folds").glob("fold-*.npy"):
        path.unlink()
    if len(result.detectors) >= KEPT_FROM and context.dataset.task.kind == "class":
        places = sources(context.folder, context.asked.id)
        known = relations(places, context.dataset)
        kept_or_made(result, context.asked, context.dataset.info.classes, known, places)
