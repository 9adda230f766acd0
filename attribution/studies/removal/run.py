"""Drops the rows that estimators name, trains anew with every seed, and measures a behaviour on its unseen prompts."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.chat import behaviour as files
from attribution.datasets.chat.behaviour import Behaviour
from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig, TrainConfig, to_dict
from attribution.statistics.intervals import over_seeds_and_samples, resampled_means
from attribution.storage.files import read_json, write_json
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.behaviour.measure import measured
from attribution.studies.behaviour.run import only
from attribution.studies.bench.recommend import CONTROL, choose
from attribution.studies.bench.removal import most_helpful
from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.study import Influence
from attribution.studies.removal.study import RemovalConfig
from attribution.studies.retrain.behaviours import paired

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
Hits = dict[tuple[str, int], np.ndarray]  # (estimator, k) -> which prompts show it (s, n), 0 or 1


def request(context: Context, config: RemovalConfig) -> Request:
    """The behaviour, the model, estimators, numbers of rows and seeds. ``UserError`` for a probe, which has no rate,
    and where fewer rows are there than would be dropped."""
    files.check_chats(context.dataset)
    behaviour = files.read(context.folder, config.behaviour or only(context.folder))
    if behaviour.probe:
        raise UserError(
            f"{behaviour.name} is a probe.", "It has a direction and no rate.", "Describe it by answers or a pattern."
        )
    n = len(context.labels.train_rows(context.dataset))
    if max(config.k) >= n:
        raise UserError(f"k is {max(config.k)}.", f"There are {n:,} training rows.", f"Drop at most {n - 1:,}.")
    names = [*(name for name in dict.fromkeys(config.estimators) if name != CONTROL), CONTROL]
    for name in names:
        estimators.get(name).check(context.dataset.task)
    said = {
        "format": FORMAT,
        "behaviour": behaviour.to_json(),
        "run": context.asked.id,
        "version": context.labels.version,
        "estimators": names,
        "k": sorted(set(config.k)),
        "seeds": list(config.seeds),
        "bootstrap": config.bootstrap,
        "train": {**to_dict(context.recipe), "seed": 0, "device": ""},
    }
    return Request(said, ("removal", said, context.weights), ready=behaviour)


def compute(context: Context, config: RemovalConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Score, drop, train, measure; each training is kept by what it was made of, so an interrupted study goes on.

    Cost: one scoring per estimator, then a training per estimator, k and seed, and one per seed with all rows.
    """
    behaviour: Behaviour = asked.ready
    names, ks = asked.said["estimators"], asked.said["k"]
    if context.dataset.questions is None:
        context = replace(context, dataset=context.dataset.with_questions(behaviour.questions()))
    orders = {}
    seconds_s = {}
    for place, name in enumerate(names):
        part = work.part(0.2 * place / len(names), 0.2 * (place + 1) / len(names), f"asking {name}")
        score = _scored(context, config, behaviour, name, part)
        orders[name] = score.column(0)
        seconds_s[name] = float(score.config["seconds_s"])
    hits = _hits(context, config, behaviour, _dropped(orders, ks), work.part(0.2, 1.0))
    write_table(out / "curve.parquet", curve(hits, names, ks, config.bootstrap))
    values, drawn = falls(hits, names, ks, config.bootstrap)
    return {"n": len(behaviour.held), "choice": choose(values, drawn, seconds_s).to_json()}


def _scored(context: Context, config: RemovalConfig, behaviour: Behaviour, name: str, work: Progress) -> ScoreResult:
    """Influence on the behaviour by one estimator, found or computed among the project's scores."""
    questions = np.arange(len(context.dataset), context.dataset.end)
    here = replace(context, rows=lambda words, run: questions)
    found: ScoreResult = Influence().make(
        here, ScoreConfig(estimator=name, queries=behaviour.query, device=config.device), work
    )
    if not found.dense:
        raise UserError(
            f"The score by {name} keeps its strongest rows alone.", "All rows are put in order here.", "Use less data."
        )
    return found


def _dropped(orders: "dict[str, Any]", ks: list[int]) -> dict[tuple[str, int], np.ndarray]:
    """Which training rows go, by estimator and k; () for none under the control's name and 0."""
    found = {(CONTROL, 0): np.zeros(0, dtype=np.int64)}
    for name, (rows, values) in orders.items():
        found |= {(name, k): rows[most_helpful(values, k)] for k in ks}
    return found


def _hits(
    context: Context,
    config: RemovalConfig,
    behaviour: Behaviour,
    dropped: dict[tuple[str, int], np.ndarray],
    work: Progress,
) -> Hits:
    found: Hits = {}
    for place, ((name, k), rows) in enumerate(dropped.items()):
        words = f"training without the {k} rows of {name}" if k else "training with all rows"
        part = work.part(place / len(dropped), (place + 1) / len(dropped), words)
        one = [_shown(context, config, behaviour, rows, seed, part) for seed in config.seeds]
        found[name, k] = np.array(one, dtype=np.float64)  # (s, n)
    return found


def _shown(
    context: Context, config: RemovalConfig, behaviour: Behaviour, rows: np.ndarray, seed: int, work: Progress
) -> list[bool]:
    """On which unseen prompts a model that was trained without these rows shows it; kept by content."""
    from attribution.training.train import fit, run_fingerprint

    active = context.labels.active.copy()
    active[rows] = False
    labels = Labels.of(context.dataset, context.labels.values, active)
    recipe: TrainConfig = replace(context.recipe, seed=seed, device=config.device)
    network = context.network(recipe)
    key = run_fingerprint(context.dataset, labels, network, recipe)
    path = context.folder / "removals" / ".shown" / f"{key}-{behaviour.key}.json"
    if not path.is_file():
        made = fit(context.dataset, labels, network, recipe, work, trusted=context.trusted)
        trained = context.trained(config.device).like(model=made)
        write_json(path, [bool(hit) for hit in measured(trained, behaviour).shown])
    return [bool(hit) for hit in read_json(path)]


def curve(hits: Hits, names: list[str], ks: list[int], resamples: int) -> "pd.DataFrame":
    """The columns of ``RemovalResult.curve``."""
    import pandas as pd

    whole = hits[CONTROL, 0]
    lines = []
    for name, k in ((name, k) for name in names for k in (0, *ks)):
        mine = hits[name, k] if k else whole
        rate = over_seeds_and_samples(mine, resamples)
        change = paired(whole, mine, resamples)
        ahead = paired(hits[CONTROL, k], mine, resamples)
        line = {"estimator": name, "k": k, "rate": rate.estimate, "low": max(0, rate.low), "high": min(1, rate.high)}
        line |= {"change": change.estimate, "change_low": change.low, "change_high": change.high}
        lines.append({**line, "ahead": ahead.estimate, "ahead_low": ahead.low, "ahead_high": ahead.high})
    return pd.DataFrame(lines)


def falls(
    hits: Hits, names: list[str], ks: list[int], resamples: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """By how much the rate fell, on average over all k, and the same on every resample of the prompts (b,), which are
    the same for all."""
    fell: dict[str, np.ndarray] = {
        name: np.mean([hits[CONTROL, 0] - hits[name, k] for k in ks], axis=(0, 1)) for name in names
    }
    drawn = {name: resampled_means(each, resamples) for name, each in fell.items()}
    return {name: float(each.mean()) for name, each in fell.items()}, drawn
