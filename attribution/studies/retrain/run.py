"""Retrain with the edits and prove what they changed: the same recipe before and after, several seeds, one test set.

    comparison = retrain(dataset, dataset.base_version(), project.labels, model, recipe, RetrainConfig(), runs, out)
    comparison.verdict      # "Test accuracy rose by 1.3 points (95 % interval 0.6 to 2.0) over 3 seeds."

Which interval decides: the one over seeds and test samples together (``statistics.crossed``), because the claim is that
the edits help this recipe in general, not these three trainings on these test samples. The paired bootstrap over test
samples alone and the spread over seeds alone are kept beside it; each shows one source of chance.
"""

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, RetrainConfig, TrainConfig, fingerprint, to_dict
from attribution.storage.files import write_json
from attribution.storage.sums import finish
from attribution.storage.tables import write_table
from attribution.studies.retrain import words
from attribution.studies.retrain.predicted import predict_effect
from attribution.studies.retrain.proof import Proof, prove
from attribution.studies.retrain.result import RetrainResult
from attribution.training.run import Run
from attribution.training.train import run_fingerprint, train

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

__all__ = ["RetrainResult", "retrain"]
FORMAT = 2  # raise when the same request would give another result than before


def retrain(
    dataset: "Dataset",
    before: "Labels",
    after: "Labels",
    model: ModelConfig,
    recipe: TrainConfig,
    config: RetrainConfig,
    runs: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    elsewhere: bool = False,
    chosen_on_test: int = 0,
) -> RetrainResult:
    """Train on ``before`` and on ``after`` with every seed, and compare on the active test samples with the labels of
    ``after``.

    Trainings are found by content in ``runs``, so the ones before the edits are made once; an interrupted retrain goes
    on where it was. ``elsewhere``: the weights in use were trained somewhere else; ``chosen_on_test``: how many edits
    were made from the predictions that judge them. The verdict tells both. The result is written to
    ``out/FINGERPRINT``. Cost: two trainings per seed, plus one backward pass over the test set per checkpoint for the
    forecast. Raises ``UserError`` for fewer than three different seeds, an empty test split and versions that train the
    same.
    """
    work = progress or Progress()
    test = _check(dataset, before, after, config)
    recipes = [dataclasses.replace(recipe, seed=seed, device=config.device) for seed in config.seeds]
    keys = [[run_fingerprint(dataset, labels, model, each) for each in recipes] for labels in (before, after)]
    asked = [*(["elsewhere"] if elsewhere else []), *([chosen_on_test] if chosen_on_test else [])]
    parts = ("retrain", FORMAT, keys, before.version, after.version, config.bootstrap, config.level)
    folder = Path(out) / fingerprint(*parts, *asked)
    if (folder / "config.json").is_file():
        work.update(1, 1, "already compared")
        return RetrainResult.open(folder)

    started_s = time.monotonic()

    def trained(labels: "Labels", words: str, part: Progress) -> list[Run]:
        runs_ = []
        for place, each in enumerate(recipes):
            own = part.part(place / len(recipes), (place + 1) / len(recipes), f"{words} the edits, seed {each.seed}")
            runs_.append(
                train(dataset, labels, model, each, runs, own, trusted=trusted, dynamics=each.seed == recipe.seed)
            )
        return runs_

    both = trained(before, "before", work.part(0.0, 0.45)), trained(after, "after", work.part(0.45, 0.9))
    part = work.part(0.9, 0.98)
    effect = predict_effect(dataset, before, after, both[0], test, part, trusted=trusted, device=config.device)
    proof = prove(dataset, after, test, both, effect, config)
    verdict = _verdict(proof, len(recipes), chosen_on_test, elsewhere)
    for name, table in proof.tables.items():
        write_table(folder / f"{name}.parquet", table)
    said = {"verdict": verdict, "seeds": list(config.seeds), "n_test": len(test)}
    write_json(
        folder / "comparison.json", {**said, **_numbers(proof), "n_test_edited": _edited(dataset, before, after)}
    )
    facts = {
        "before_version": before.version,
        "after_version": after.version,
        "model": to_dict(model),
        "train": to_dict(recipe),
        "before_runs": [run.id for run in both[0]],
        "after_runs": [run.id for run in both[1]],
        "retrain": to_dict(config),
    }
    finish(folder, {**facts, "seconds_s": time.monotonic() - started_s, "finished_at": time.time(), "finished": True})
    work.update(1, 1, verdict)
    return RetrainResult.open(folder)


def _check(dataset: "Dataset", before: "Labels", after: "Labels", config: RetrainConfig) -> np.ndarray:
    if len(set(config.seeds)) < len(config.seeds):
        raise UserError(
            f"A seed is named twice: {list(config.seeds)}.",
            "The same training would count twice.",
            "Name each seed once.",
        )
    rows = dataset.rows("train")
    test = active_rows(dataset, after, "test", "Before and after are compared on the test split.")
    same_labels = before.values[rows] == after.values[rows]
    if (before.active[rows] == after.active[rows]).all() and same_labels[after.active[rows]].all():
        raise UserError(
            "No training sample differs between the two versions.",
            "Both trainings would be the same.",
            "Relabel or drop training samples first, or choose another baseline.",
        )
    return test


def _verdict(proof: Proof, seeds: int, chosen: int, elsewhere: bool) -> str:
    """The answer, and what would make it look better than it is."""
    return (
        words.retrained(proof.main, seeds)
        + words.against(proof.main, proof.changes["loss"])
        + words.chosen_on_test(proof.main, chosen, len(proof.tables["acted"]))
        + (words.ELSEWHERE if elsewhere else "")
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


def _edited(dataset: "Dataset", before: "Labels", after: "Labels") -> int:
    """How many test samples differ between the two versions."""
    rows = dataset.rows("test")
    return int(((before.values[rows] != after.values[rows]) | (before.active[rows] != after.active[rows])).sum())
