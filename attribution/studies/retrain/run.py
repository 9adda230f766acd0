"""Retrain with the edits and prove what they changed: the same recipe before and after, several seeds, one test set.

    comparison = project.retrain(RetrainConfig())
    comparison.verdict      # "Test accuracy rose by 1.3 points (95 % interval 0.6 to 2.0) over 3 seeds."

Which interval decides: the one over seeds and test samples together (``statistics.crossed``), because the claim is that
the edits help this recipe in general, not these three trainings on these test samples. The paired bootstrap over test
samples alone and the spread over seeds alone are kept beside it; each shows one source of chance.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from attribution.datasets.chat.behaviour import Behaviour
from attribution.datasets.dataset import Dataset, Labels
from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import TrainConfig, to_dict
from attribution.storage.files import write_json
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.retrain import behaviours, own, shown, words
from attribution.studies.retrain.peeked import chosen_on_test
from attribution.studies.retrain.predicted import PredictedEffect, acted_on, predict_effect
from attribution.studies.retrain.proof import Proof, prove
from attribution.studies.retrain.study import RetrainConfig
from attribution.training.run import Run
from attribution.training.train import run_fingerprint, train

FORMAT = 2  # raise when the same request would give another result than before


def request(context: Context, config: RetrainConfig) -> Request:
    """All trainings on both versions by what they are made of. ``UserError`` for a seed named twice, an empty test
    split and versions that train the same."""
    dataset, after = context.dataset, context.labels
    before = context.before or dataset.base_version()
    train_rows = dataset.rows("train")
    changed = train_rows[_differ(dataset, before, after, train_rows)]
    chosen = chosen_on_test(context.folder / "project.db", dataset, changed.tolist())
    test = _check(dataset, before, after, config)
    if context.fit or config.command:
        return _by_script(context, config, before, test, chosen)
    recipe = context.recipe
    model = context.network(recipe)
    recipes = [dataclasses.replace(recipe, seed=seed, device=config.device) for seed in config.seeds]
    keys = [[run_fingerprint(dataset, labels, model, each) for each in recipes] for labels in (before, after)]
    rated = behaviours.chosen(context, config)
    asked = [*(["elsewhere"] if context.elsewhere else []), *([chosen] if chosen else [])]
    asked += behaviours.request(rated, config)
    parts = ("retrain", FORMAT, keys, before.version, after.version, config.bootstrap, config.level)
    said = {
        "before_version": before.version,
        "after_version": after.version,
        "model": to_dict(model),
        "train": to_dict(recipe),
        "retrain": to_dict(config),
    }
    return Request(said, (*parts, *asked), ready=(before, test, recipes, chosen, rated))


def _by_script(context: Context, config: RetrainConfig, before: "Labels", test: np.ndarray, chosen: int) -> Request:
    """The same for trainings by the user's own script or function, which is made anew each time."""
    key = [time.time_ns()] if context.fit else own.look(config).key
    used = _predictor(context)
    said = {
        "before_version": before.version,
        "after_version": context.labels.version,
        "model": to_dict(context.model),
        "train": None,
        "script": "" if context.fit else config.command,
        "retrain": to_dict(config),
    }
    versions = (context.dataset.info.base_hash, before.version, context.labels.version)
    rated = behaviours.chosen(context, config)
    asked = (list(config.seeds), config.bootstrap, config.level, used.id if used else "", chosen)
    parts = ("retrain-script", FORMAT, key, *versions, *asked, *behaviours.request(rated, config))
    return Request(said, parts, ready=(before, test, [], chosen, rated))


def _predictor(context: Context) -> Run | None:
    """The model in use, if it has weights that can be asked what the edits will do."""
    return context.run if context.run is not None and not context.run.given else None


def compute(context: Context, config: RetrainConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Train on both versions with every seed, and compare on the active test samples with the labels of the later.

    Trainings are found by content among the project's runs, so the ones before the edits are made once; an interrupted
    retrain goes on where it was. The verdict tells of weights in use that were trained elsewhere, and how many edits
    were made from the predictions that judge them. Cost: two trainings per seed, plus one backward pass over the test
    set per checkpoint for the predicted effect. With a command or a function of the user's, that trains instead
    (``retrain.own``), and the effect is predicted by the model in use, if it has weights.
    """
    dataset, after = context.dataset, context.labels
    before, test, recipes, chosen, rated = asked.ready
    both: tuple[list[Any], list[Any]] = (
        (
            _trained(context, before, recipes, "before", work.part(0.0, 0.45)),
            _trained(context, after, recipes, "after", work.part(0.45, 0.9)),
        )
        if recipes
        else own.trained(context, config, before, test, work.part(0.0, 0.9))
    )
    asked_of = both[0] if recipes else [run for run in (_predictor(context),) if run]
    effect = _effect(context, before, asked_of, test, work.part(0.9, 0.98), config.device)
    proof = prove(dataset, after, test, both, effect, asked_of[0].config["weight_unit"] if asked_of else "", config)
    for name, table in proof.tables.items():
        write_table(out / f"{name}.parquet", table)
    said = {**_numbers(proof), **_behaviours(context, rated, both, proof, config, out, work.part(0.98, 1.0))}
    ahead = said.pop("ahead", "")
    verdict = _verdict(proof, len(config.seeds), chosen, _whose(context, config, recipes), ahead)
    said |= {"verdict": verdict, "seeds": list(config.seeds), "n_test": len(test)}
    edited = int(_differ(dataset, before, after, dataset.rows("test")).sum())
    write_json(out / "comparison.json", {**said, "n_test_edited": edited})
    return {
        "before_runs": [run.id for run in both[0]],
        "after_runs": [run.id for run in both[1]],
        "finished_at": time.time(),
        "finished": True,
    }


def _behaviours(
    context: Context,
    asked: list[Behaviour],
    both: tuple[list[Any], list[Any]],
    proof: Proof,
    config: RetrainConfig,
    out: Path,
    work: Progress,
) -> dict[str, Any]:
    """What ``comparison.json`` says of behaviours, and the verdict's words ``ahead``; {} where none is asked about, or
    the trainings left no weights that could be asked."""
    if not asked or not all(isinstance(run, Run) and run.checkpoints for runs in both for run in runs):
        return {}
    changes, answers = behaviours.compared(context, asked, both, config, work)
    write_table(out / "answers.parquet", answers)
    loss = proof.changes["loss"]
    said = shown.verdict(changes, loss, config.margin, len(config.seeds))
    found = shown.outcome(changes, loss, config.margin)
    return {"behaviours": [each.to_json() for each in changes], "outcome": found, "ahead": said}


def _effect(
    context: Context, before: "Labels", runs: list[Run], test: np.ndarray, work: Progress, device: str
) -> PredictedEffect:
    """What influence predicts of the edits; NaN where there is no model to ask."""
    after = context.labels
    if runs:
        return predict_effect(context.dataset, before, after, runs, test, work, trusted=context.trusted, device=device)
    return PredictedEffect(
        np.full(len(test), np.nan), acted_on(context.dataset, before, after).assign(predicted=np.nan)
    )


def _whose(context: Context, config: RetrainConfig, recipes: list[TrainConfig]) -> str:
    """Who trained the models, where that is not the recipe of the model in use."""
    if not recipes:
        return words.by_your_own("" if context.fit else config.command)
    return (words.TUNED if recipes[0].start == "loaded" else words.ELSEWHERE) if context.elsewhere else ""


def _trained(context: Context, labels: "Labels", recipes: list[TrainConfig], words: str, work: Progress) -> list[Run]:
    """A run on these labels for every seed."""
    found = []
    runs = context.folder / "runs"
    own_seed = context.recipe.seed
    for place, each in enumerate(recipes):
        part = work.part(place / len(recipes), (place + 1) / len(recipes), f"{words} the edits, seed {each.seed}")
        more = {"trusted": context.trusted, "dynamics": each.seed == own_seed}
        found.append(train(context.dataset, labels, context.network(each), each, runs, part, **more))
    return found


def _differ(dataset: "Dataset", before: "Labels", after: "Labels", rows: np.ndarray) -> np.ndarray:
    """Which of these rows (n,) have another target, or are trained on in only one of the versions: (n,) bool."""
    same = dataset.task.targets.same(before.values[rows], after.values[rows])
    return ~same | (before.active[rows] != after.active[rows])


def _check(dataset: "Dataset", before: "Labels", after: "Labels", config: RetrainConfig) -> np.ndarray:
    if len(set(config.seeds)) < len(config.seeds):
        raise UserError(
            f"A seed is named twice: {list(config.seeds)}.",
            "The same training would count twice.",
            "Name each seed once.",
        )
    rows = dataset.rows("train")
    test = active_rows(dataset, after, "test", "Before and after are compared on the test split.")
    same_labels = dataset.task.targets.same(before.values[rows], after.values[rows])
    if (before.active[rows] == after.active[rows]).all() and same_labels[after.active[rows]].all():
        raise UserError(
            "No training sample differs between the two versions.",
            "Both trainings would be the same.",
            "Relabel or drop training samples first, or choose another baseline.",
        )
    if dataset.task.targets.rewrites:  # what a run says of a sample is of what it said when it was trained
        test = test[dataset.task.targets.same(before.values[test], after.values[test])]
    if not len(test):
        raise UserError(
            "Every test sample was rewritten.", "Two models would be compared on different texts.", "Take some back."
        )
    return test


def _verdict(proof: Proof, seeds: int, chosen: int, whose: str, ahead: str = "") -> str:
    """The answer, and what would make it look better than it is. ``ahead`` is what became of behaviours and of the
    held-out loss; then no figure is said twice."""
    return (
        (ahead or words.retrained(proof.main, seeds) + words.against(proof.main, proof.changes["loss"]))
        + words.chosen_on_test(proof.main, chosen, len(proof.tables["acted"]))
        + whose
    )


def _numbers(proof: Proof) -> dict[str, Any]:
    """What ``comparison.json`` says of a proof."""
    acted = proof.tables["acted"]["action"]
    return {
        "outcome": words.outcome(proof.main),
        **{f"n_{action}": int((acted == action).sum()) for action in ("dropped", "relabelled", "restored")},
        "figures": [change.to_json() for change in proof.changes.values()],
        **proof.flips,
        "forecast": proof.prediction,
    }
