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
import pandas as pd

from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, PreviewConfig, RetrainConfig, TrainConfig, fingerprint, to_dict
from attribution.statistics.intervals import (
    Interval,
    over_seeds_and_samples,
    paired_bootstrap,
    seed_spread,
    spearman_interval,
)
from attribution.storage.files import write_json
from attribution.storage.sums import finish
from attribution.storage.tables import write_table
from attribution.studies.retrain.predicted import forecast_edits
from attribution.studies.retrain.result import Change, RetrainResult
from attribution.training.run import Run
from attribution.training.train import run_fingerprint, train

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

__all__ = ["RetrainResult", "retrain"]
FORMAT = 2  # raise when the same request would give another result than before
ELSEWHERE = (
    " All these models were trained here from scratch, with the project's recipe; the weights you loaded "
    "were trained elsewhere and were not asked."
)


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
    progress = progress or Progress()
    test = _check(dataset, before, after, config)
    recipes = [dataclasses.replace(recipe, seed=seed, device=config.device) for seed in config.seeds]
    keys = [[run_fingerprint(dataset, labels, model, each) for each in recipes] for labels in (before, after)]
    asked = [
        config.bootstrap,
        config.level,
        *(["elsewhere"] if elsewhere else []),
        *([chosen_on_test] if chosen_on_test else []),
    ]
    folder = Path(out) / fingerprint("retrain", FORMAT, keys, before.version, after.version, *asked)
    if (folder / "config.json").is_file():
        progress.update(1, 1, "already compared")
        return RetrainResult.open(folder)

    started_s = time.monotonic()
    trained = []
    for index, (labels, each) in enumerate((labels, each) for labels in (before, after) for each in recipes):
        word = "before the edits" if labels is before else "after the edits"
        share = 0.9 / (2 * len(recipes))
        part = progress.part(index * share, (index + 1) * share, f"{word}, seed {each.seed}")
        trained.append(
            train(dataset, labels, model, each, runs, part, trusted=trusted, dynamics=each.seed == recipe.seed)
        )
    first = trained[: len(recipes)]
    second = trained[len(recipes) :]
    forecast = forecast_edits(
        dataset, before, after, first, test, progress.part(0.9, 0.98), trusted=trusted, device=config.device
    )

    old, new = _probabilities(first, test), _probabilities(second, test)  # (s, n, c)
    y = after.values[test]
    right_old = old.argmax(axis=2) == y
    right_new = new.argmax(axis=2) == y  # (s, n)
    loss_old, loss_new = losses(old, y), losses(new, y)
    accuracy, loss = change(right_old, right_new, config), change(loss_old, loss_new, config)
    predicted = pd.DataFrame({"row": test, "predicted": forecast.by_test, "actual": (loss_new - loss_old).mean(axis=0)})
    flips = flip_table(dataset, test, y, old, new)
    tables = {
        "classes": class_table(dataset, y, right_old, right_new, config),
        "flips": flips,
        "predicted": predicted,
        "acted": forecast.acted,
    }
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table)
    outcome, verdict = _verdict(accuracy.difference, len(recipes))
    verdict += (
        _loss_word(outcome, loss.difference)
        + _chosen_word(chosen_on_test, len(forecast.acted))
        + (ELSEWHERE if elsewhere else "")
    )
    all_test = dataset.rows("test")
    edited = (before.values[all_test] != after.values[all_test]) | (before.active[all_test] != after.active[all_test])
    spearman = spearman_interval(
        predicted["predicted"].to_numpy(), predicted["actual"].to_numpy(), config.bootstrap, config.level
    )
    values = {
        "verdict": verdict,
        "outcome": outcome,
        "seeds": list(config.seeds),
        "n_test": len(test),
        **{
            f"n_{action}": int((forecast.acted["action"] == action).sum())
            for action in ("dropped", "relabelled", "restored")
        },
        "n_test_edited": int(edited.sum()),
        "accuracy": accuracy.to_json(),
        "loss": loss.to_json(),
        **{f"n_{kind}": int((flips["kind"] == kind).sum()) for kind in ("fixed", "broken")},
        "forecast": {
            "spearman": spearman.to_json(),
            "predicted": float(predicted["predicted"].mean()),
            "actual": float(predicted["actual"].mean()),
            "unit": first[0].config["weight_unit"],
        },
    }
    write_json(folder / "comparison.json", values)
    facts = {
        "before_version": before.version,
        "after_version": after.version,
        "model": to_dict(model),
        "train": to_dict(recipe),
    }
    facts |= {
        "before_runs": [run.id for run in first],
        "after_runs": [run.id for run in second],
        "retrain": to_dict(config),
    }
    finish(folder, {**facts, "seconds_s": time.monotonic() - started_s, "finished_at": time.time(), "finished": True})
    progress.update(1, 1, verdict)
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


def _probabilities(runs: list[Run], rows: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(run.probabilities()[rows], dtype=np.float64) for run in runs])  # (s, n, c)


def losses(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Loss in nats ``(s, n)`` of each of s models on each of n samples, from their probabilities ``(s, n, c)``."""
    chosen = probabilities[:, np.arange(len(y)), y]  # (s, n)
    return -np.log(np.maximum(chosen, 1e-30))


def change(old: np.ndarray, new: np.ndarray, config: RetrainConfig | PreviewConfig) -> Change:
    """A figure per model and test sample ``(s, n)`` before and after, with its intervals."""
    difference = new.astype(np.float64) - old.astype(np.float64)  # (s, n)
    return Change(
        before=tuple(float(value) for value in old.mean(axis=1)),
        after=tuple(float(value) for value in new.mean(axis=1)),
        difference=over_seeds_and_samples(difference, config.bootstrap, config.level),
        test_only=paired_bootstrap(difference.mean(axis=0), config.bootstrap, config.level),
        spread=seed_spread(difference.mean(axis=1), config.level),
    )


def class_table(
    dataset: "Dataset", y: np.ndarray, old: np.ndarray, new: np.ndarray, config: RetrainConfig | PreviewConfig
) -> pd.DataFrame:
    """Accuracy per class before and after from who was right ``(s, n)``; columns as in ``RetrainResult.classes``."""
    lines: list[dict[str, Any]] = []
    for index, name in enumerate(dataset.info.classes):
        of_class = y == index
        if of_class.any():
            a, b = old[:, of_class], new[:, of_class]
            found = over_seeds_and_samples(b.astype(np.float64) - a, config.bootstrap, config.level)
            figures = {
                "before": a.mean(),
                "after": b.mean(),
                "difference": found.estimate,
                "low": found.low,
                "high": found.high,
            }
            lines.append(
                {"class": name, "n": int(of_class.sum()), **{key: float(value) for key, value in figures.items()}}
            )
    return pd.DataFrame(lines)


def flip_table(dataset: "Dataset", test: np.ndarray, y: np.ndarray, old: np.ndarray, new: np.ndarray) -> pd.DataFrame:
    """Test samples whose majority prediction became right or wrong, from probabilities ``(s, n, c)``; columns as in
    ``RetrainResult.flips``."""
    before, after = _majority(old), _majority(new)  # (n,)
    fixed = (before != y) & (after == y)
    broken = (before == y) & (after != y)
    right_old = old.argmax(axis=2) == y
    right_new = new.argmax(axis=2) == y
    share = np.where(fixed, (~right_old & right_new).mean(axis=0), (right_old & ~right_new).mean(axis=0))
    at = np.arange(len(y))
    table = pd.DataFrame(
        {
            "row": test.astype(np.int32),
            "id": dataset.ids[test],
            "label": y,
            "before": before,
            "after": after,
            "kind": np.where(fixed, "fixed", "broken"),
            "seeds": share,
            "p_before": old.mean(axis=0)[at, y],
            "p_after": new.mean(axis=0)[at, y],
        }
    )[fixed | broken]
    order = np.lexsort((-np.abs(table["p_after"] - table["p_before"]), -table["seeds"]))
    return table.iloc[order].reset_index(drop=True)


def _majority(probabilities: np.ndarray) -> np.ndarray:
    """The class that most seeds predict ``(n,)``; among equals the one with the larger mean probability."""
    votes = np.eye(probabilities.shape[2])[probabilities.argmax(axis=2)].sum(axis=0)  # (n, c)
    return (votes + 0.5 * probabilities.mean(axis=0)).argmax(axis=1)


def _verdict(difference: Interval, seeds: int) -> tuple[str, str]:
    points, low, high = (100 * value for value in (difference.estimate, difference.low, difference.high))
    level = f"{100 * difference.level:g} % interval"
    over = f"over {seeds} seeds."
    if difference.low > 0:
        return "better", f"Test accuracy rose by {points:.1f} points ({level} {low:.1f} to {high:.1f}) {over}"
    if difference.high < 0:
        return "worse", f"Test accuracy fell by {-points:.1f} points ({level} {-high:.1f} to {-low:.1f}) {over}"
    return (
        "unclear",
        f"No change in test accuracy that can be told from chance: {points:+.1f} points ({level} {low:.1f} to "
        f"{high:.1f}) {over}",
    )


def _chosen_word(chosen: int, edits: int) -> str:
    """A sentence for edits that were made from the influence on the test predictions that the verdict is judged on; ""
    for none."""
    if not chosen:
        return ""
    who = "All edits were" if chosen == edits else f"{chosen} of the {edits} edits were"
    return (
        f" {who} chosen by their influence on test predictions, and judged on the same ones: such a gain is seen "
        "larger than it is (by about"
        " .2 points of accuracy where that was measured). Samples that nobody looked at would be the stricter judge."
    )


def _loss_word(outcome: str, difference: Interval) -> str:
    """A sentence for a test loss that moved against the accuracy, so that the verdict does not hide it; ""
    otherwise."""
    change = f" ({difference.estimate:+.3f} nats, {difference.low:.3f} to {difference.high:.3f})"
    if outcome == "better" and difference.low > 0:
        return f" Test loss rose, though{change}: the new models are surer of the mistakes they still make."
    if outcome == "worse" and difference.high < 0:
        return f" Test loss fell, though{change}: the new models are less sure of their mistakes."
    return ""
