"""Preview the edits without retraining: move the current model a few steps towards the edited data, and test it before
and after.

found = project.preview(PreviewConfig())
found.claim        # "Preview: test accuracy would rise by 1.3 points (95 % interval over test samples 0.6 to 2.0)."
found.verdict      # the same only where previews of this project were checked against retraining; else that the order
alone can be read
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from attribution.datasets.dataset import Dataset, Labels
from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.gradients.selected import SELECTIONS, VARIANTS, How, Samples, select_for, update
from attribution.models.devices import pick_device
from attribution.models.features import inputs_of
from attribution.models.predict import predict
from attribution.progress import Progress
from attribution.settings.configs import to_dict
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.retrain import words
from attribution.studies.retrain.answers import stacked
from attribution.studies.retrain.changes import changes, flip_counts, flip_table, target_table
from attribution.studies.retrain.predicted import PredictedEffect, acted_on, predict_effect
from attribution.studies.retrain.result import Change
from attribution.tasks import task_of

FORMAT = 2  # raise when the same request would give another result than before
REMOVED = 0.9  # share of a class that may leave the training set


def request(context: Context, config: PreviewConfig) -> Request:
    """The model, the labels that it was trained on, and the current ones. ``UserError`` when the former are not in this
    ledger, for unknown settings, an empty test split, and versions between which no training sample differs."""
    run, after = context.asked, context.labels
    before = context.before or context.labels_at(run.version)
    if before is None:
        raise UserError(
            f"The labels that run {run.id} was trained on are not in this project's ledger.",
            "A preview starts from what the model learned.",
            "Train again, or choose another run.",
        )
    acted, test = _check(context.dataset, before, after, config)
    said = {"run": run.id, "version": after.version, "before_version": before.version, "preview": to_dict(config)}
    asked = {name: value for name, value in to_dict(config).items() if name not in ("device", "run")}
    parts = ("preview", FORMAT, run.id, context.weights, before.version, after.version, asked)
    return Request(said, parts, ready=(before, acted, test))


def compute(context: Context, config: PreviewConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Move the run's last model from the labels that it was trained on towards the current ones, and test both with the
    latter.

    Everything that decides on the steps is training data; the test split is looked at once, at the end. Cost: see
    ``gradients.selected.update``, plus two forward passes over the test set.
    """
    dataset, after, run = context.dataset, context.labels, context.asked
    before, acted, test = asked.ready
    model = run.model(-1, dataset, context.trusted).to(pick_device(config.device)).eval()
    recipe = run.train_config
    known = run.config["source"] == "trained"
    chosen = _samples(dataset, acted["row"].to_numpy(), before, after, model)
    ratio = 1.0 if config.variant == "if" else config.ratio
    mask = select_for(model, chosen.batches(), ratio, config.selection, config.seed, dataset.task.loss)
    how = How(
        config.variant,
        config.steps,
        config.damping_ratio,
        l2=recipe.l2 if known else 0.0,
        curvature_samples=config.curvature_samples,
        seed=config.seed,
    )
    was = _samples(dataset, before.train_rows(dataset), before, before, model)
    now = _samples(dataset, after.train_rows(dataset), after, after, model)
    moved = update(model, was, now, mask, how, task=dataset.task, progress=work.part(0.02, 0.95))
    work.update(0.95, 1, "testing before and after")
    part = work.part(0.96, 1.0)
    effect = predict_effect(dataset, before, after, [run], test, part, trusted=context.trusted, device=config.device)
    found, flips = _compare(dataset, after.values[test], test, (model, moved.model), config, effect, out)
    main = next(iter(found.values()))
    verdict = words.previewed(main)
    return {
        "verdict": verdict,
        "outcome": words.outcome(main),
        "figures": [change.to_json() for change in found.values()],
        "n_test": len(test),
        "n_acted": len(acted),
        **flips,
        "share": moved.share,
        "start": moved.start,
        "stopped": moved.stopped,
        "steps": [step.to_json() for step in moved.steps],
        "finished_at": time.time(),
        "finished": True,
    }


def _check(
    dataset: "Dataset", before: "Labels", after: "Labels", config: PreviewConfig
) -> tuple[pd.DataFrame, np.ndarray]:
    """The training samples acted on and the test rows."""
    for word, value, known in (("variant", config.variant, VARIANTS), ("selection", config.selection, SELECTIONS)):
        if value not in known:
            raise UserError(f"There is no {word} {value!r}.", "", f"Choose one of: {', '.join(known)}.")
    acted = acted_on(dataset, before, after)
    if acted.empty:
        raise UserError(
            "No training sample differs from what the model was trained on.",
            "There is nothing to preview.",
            "Relabel or drop training samples first.",
        )
    if dataset.task.targets.rewrites and (acted["action"] == "relabelled").any():
        raise UserError(
            "Rows were rewritten since the model was trained.",
            "A preview changes targets, and a rewritten row is another sample.",
            "Retrain: that is exact. Or drop the rows instead.",
        )
    test = active_rows(dataset, after, "test", "A preview is judged on the test split.")
    if not len(after.train_rows(dataset)):
        raise UserError("No training sample is left.", "All of them are dropped.", "Keep some training samples.")
    _check_classes(dataset, before, after)
    return acted, test


def _check_classes(dataset: "Dataset", before: "Labels", after: "Labels") -> None:
    """``UserError`` where the edits take a class away: a model that fits it has next to no gradient to forget it by."""
    targets = task_of(dataset.info).targets
    if not targets.classes:
        return
    was, now = (targets.groups(labels.values[labels.train_rows(dataset)]) for labels in (before, after))
    for name, old, new in ((name, int(was[name].sum()), int(now[name].sum())) for name in was):
        if old and new <= (1 - REMOVED) * old:
            raise UserError(
                f"The edits leave {new:,} of the {old:,} training samples of {targets.group} {name!r}.",
                f"A preview cannot forget a {targets.group}: it left 22 to 37 % of the predictions on it where "
                "retraining left none.",
                "Retrain: that is exact. Or preview the other edits without these.",
            )


def _samples(dataset: "Dataset", rows: np.ndarray, first: "Labels", otherwise: "Labels", model: nn.Module) -> Samples:
    """These rows with the labels of ``first`` where they were trained on then, else of ``otherwise``, in the model's
    precision."""
    kind = next(model.parameters())
    values = np.where(first.active[rows], first.values[rows], otherwise.values[rows])
    task = task_of(dataset.info)

    def batch(positions: np.ndarray) -> tuple[Tensor, Tensor]:
        x = dataset.tensor(rows[positions], kind.device, inputs_of(model))
        return x.to(kind.dtype) if x.is_floating_point() else x, task.tensor(values[positions], kind.device)

    return Samples(len(rows), batch)


def _compare(
    dataset: "Dataset",
    values: np.ndarray,
    test: np.ndarray,
    models: tuple[nn.Module, nn.Module],
    config: PreviewConfig,
    effect: PredictedEffect,
    folder: Path,
) -> tuple[dict[str, Change], dict[str, int | None]]:
    """The figures before and after the steps, and the counts of flips; writes the tables."""
    task = task_of(dataset.info)
    old, new = (stacked([task.said(_outputs(each, dataset, test), values)]) for each in models)  # (1, n) each
    figures = task.figures
    flips = flip_table(dataset, test, values, old, new)
    tables = {
        "by_target": target_table(figures[0], task.targets.groups(values), old, new, values, config),
        "flips": flips,
        "predicted": pd.DataFrame({"row": test, "predicted": (new["loss"] - old["loss"])[0]}),
        "acted": effect.acted,
    }
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table)
    return changes(figures, old, new, values, config), flip_counts(flips, old)


def _outputs(model: nn.Module, dataset: "Dataset", rows: np.ndarray) -> Tensor:
    """What the model returns for these rows ``(n, ...)`` float64."""
    return torch.from_numpy(predict(model, dataset, rows)[0]).double()
