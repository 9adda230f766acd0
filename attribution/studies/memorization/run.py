"""Memorization: which training labels the model knows by heart, and which predictions hang on a single sample (Feldman
and Zhang 2020).

    memorization_i  = P[model is right on i | i was trained on] - P[... | i was left out]
    influence_{i,j} = P[model is right on j | i was trained on] - P[... | i was left out]

over models retrained on random subsets (``attribution.training.subsets``, shared with the Compare page). Source:
Feldman and Zhang, What Neural Networks Memorize and Why, arXiv 2008.03703, equations 1 and 2.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import TrainConfig
from attribution.statistics.intervals import newcombe, spearman_interval
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.memorization.study import MemorizeConfig
from attribution.training.subsets import Subsets

if TYPE_CHECKING:
    import pandas as pd

    from attribution.tasks.base import Task

FORMAT = 2
SHUFFLES = 20  # re-pairings of models and predictions that tell how many pairs chance alone would show
PROXIES = {
    "self_influence": "Self-influence (squared gradient length at the last checkpoint)",
    "unsure": "1 - mean confidence over training",
}


def check(task: "Task") -> None:
    """``UserError`` for targets of which no prediction is right or wrong."""
    if task.kind == "number":
        raise UserError(
            "Memorization counts how often models are right, and of numbers they are only nearer or farther.",
            "The targets of this data are numbers.",
            "Use the detectors that say what is known by heart: `datablame flag --detectors "
            "self-influence,turn-over-dropout`.",
        )


def request(context: Context, config: MemorizeConfig) -> Request:
    """The subset models, how many of them, and the model that gives the proxies. ``UserError`` for no test sample."""
    check(context.dataset.task)
    subsets = _subsets(context, config, context.recipe)
    why = "What hangs on single training samples is counted on test predictions."
    test = active_rows(context.dataset, context.labels, "test", why)
    said = {
        "run": context.asked.id,
        "version": context.labels.version,
        "models": config.models,
        "share": config.share,
        "threshold": config.threshold,
        "subsets": subsets.folder.name,
    }
    parts = (
        "memorize",
        FORMAT,
        subsets.folder.name,
        config.models,
        context.asked.id,
        context.weights,
        config.threshold,
    )
    return Request(said, parts, ready=(subsets, test))


def _subsets(context: Context, config: MemorizeConfig, recipe: TrainConfig) -> Subsets:
    folder = context.folder / "subsets"
    model = context.network(recipe)
    return Subsets.at(folder, context.dataset, context.labels, model, recipe, share=config.share)


def compute(context: Context, config: MemorizeConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Retrain on random subsets and estimate memorization of every training label and influence on every test
    prediction.

    The models stay in the project's ``subsets``. Cost: one training on ``config.share`` of the data per model that is
    not there yet, and one backward pass over the training set for the proxy. The half-width of an interval is about
    ``0.98 / sqrt(models)`` at worst for a share of one half.
    """
    dataset, labels = context.dataset, context.labels
    subsets, test = asked.ready
    subsets.grow(dataset, labels, config.models, work.part(0.0, 0.9), trusted=context.trusted, device=config.device)
    numbers = subsets.finished()
    # A store that holds more models gives the same answer.
    first = [numbers.index(number) for number in range(config.models)]
    rows = labels.train_rows(dataset)
    members = subsets.members()[first]  # (m, n)
    work.update(0.92, 1, "comparing the models")
    own = subsets.correct(rows, labels.values[rows])[first] > 0.5  # (m, n)
    table = per_sample(members, own).assign(row=rows)
    table = table.merge(proxies(context, config, rows), on="row")
    right = subsets.correct(test, labels.values[test])[first] > 0.5  # (m, q)
    pairs = hanging(members, right, table["memorization"].to_numpy(), config.threshold)
    seen = count_hanging(members, right, table["memorization"].to_numpy(), config.threshold)
    chance = by_chance(members, right, table["memorization"].to_numpy(), config.threshold)
    pairs = pairs.assign(row=rows[pairs.pop("column")], test_row=test[pairs.pop("query")])
    write_table(out / "samples.parquet", table)
    write_table(out / "pairs.parquet", pairs)
    judged = table[np.isfinite(table["memorization"])]  # few models may all have, or all lack, a sample
    known = {name: judged[name].to_numpy() for name in PROXIES if np.isfinite(judged[name]).all()}
    agreement = {
        name: spearman_interval(values, judged["memorization"].to_numpy(), 500).to_json()
        for name, values in known.items()
    }
    return {"spearman": agreement, "pairs_found": seen, "pairs_by_chance": chance}


def cost(context: Context, config: MemorizeConfig) -> list[dict[str, Any]]:
    """Time against certainty for several numbers of models (``cost_by_models``)."""
    training_s = float(context.asked.config.get("seconds_s", 0.0))
    return cost_by_models(_subsets(context, config, context.likely_recipe), training_s, config.models, config.share)


def per_sample(members: np.ndarray, right: np.ndarray) -> "pd.DataFrame":
    """Memorization of each sample from which models were trained on it, ``members`` (m, n) bool, and were right on it,
    ``right`` (m, n) bool: memorization, low, high (95 %), trained_on, left_out, right_in, right_out. NaN for a sample
    that all or none were trained on."""
    import pandas as pd

    inside = members.sum(0)
    outside = (~members).sum(0)
    hits_in = (members & right).sum(0)
    hits_out = (~members & right).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_in, share_out = hits_in / inside, hits_out / outside
    low, high = newcombe(hits_in, inside, hits_out, outside)
    columns = {"memorization": share_in - share_out, "low": low, "high": high}
    columns |= {"trained_on": inside, "left_out": outside, "right_in": share_in, "right_out": share_out}
    return pd.DataFrame(columns)


def influence(members: np.ndarray, right: np.ndarray) -> np.ndarray:
    """P[right on j | i in] - P[right on j | i out], (n, q) float32, from ``members`` (m, n) and ``right`` (m, q) bool:
    two matrix products."""
    inside = members.astype(np.float32)  # (m, n)
    hits = right.astype(np.float32)  # (m, q)
    n_in = inside.sum(0)[:, None]
    n_out = (1 - inside).sum(0)[:, None]  # (n, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(inside.T @ hits / n_in - (1 - inside).T @ hits / n_out, dtype=np.float32)


def hanging(
    members: np.ndarray, right: np.ndarray, memorization: np.ndarray, threshold: float, limit: int = 200
) -> "pd.DataFrame":
    """The (training, test) pairs where leaving one memorized sample out most often turns a prediction wrong.

    A pair counts when both memorization and influence reach ``threshold``. At most one training sample per test
    prediction, the one with the largest influence; columns column, query (positions), influence, low, high, right_in,
    right_out, memorization; at most ``limit`` lines.
    """
    import pandas as pd

    known = np.flatnonzero(np.nan_to_num(memorization, nan=-1.0) >= threshold)
    names = ["column", "query", "influence", "low", "high", "right_in", "right_out", "memorization"]
    if not len(known) or not right.shape[1]:
        return pd.DataFrame(
            {name: np.zeros(0, dtype=np.int64 if name in ("column", "query") else np.float64) for name in names}
        )
    values = influence(members[:, known], right)  # (k, q)
    best = values.argmax(0)
    queries = np.flatnonzero(values[best, np.arange(values.shape[1])] >= threshold)
    columns = known[best[queries]]
    inside, chosen = members[:, columns], right[:, queries]
    hits_in = (inside & chosen).sum(0)
    hits_out = (~inside & chosen).sum(0)
    n_in = inside.sum(0)
    n_out = (~inside).sum(0)
    low, high = newcombe(hits_in, n_in, hits_out, n_out)
    table = pd.DataFrame(
        {"column": columns, "query": queries, "influence": hits_in / n_in - hits_out / n_out, "low": low, "high": high}
    )
    table = table.assign(right_in=hits_in / n_in, right_out=hits_out / n_out, memorization=memorization[columns])
    return (
        table.sort_values(["influence", "low"], ascending=False, kind="stable")
        .head(limit)
        .reset_index(drop=True)[names]
    )


def count_hanging(members: np.ndarray, right: np.ndarray, memorization: np.ndarray, threshold: float) -> int:
    """How many test predictions have a memorized training sample whose influence on them reaches ``threshold``."""
    known = np.nan_to_num(memorization, nan=-1.0) >= threshold
    if not known.any() or not right.shape[1]:
        return 0
    return int((influence(members[:, known], right).max(0) >= threshold).sum())


def by_chance(
    members: np.ndarray, right: np.ndarray, memorization: np.ndarray, threshold: float, seed: int = 0
) -> float:
    """How many test predictions would seem to hang on one sample if none did: the mean count when models and
    predictions are re-paired."""
    chance = np.random.default_rng(seed)
    counts = [
        count_hanging(members, right[chance.permutation(len(right))], memorization, threshold) for _ in range(SHUFFLES)
    ]
    return float(np.mean(counts))


def proxies(context: Context, config: MemorizeConfig, rows: np.ndarray) -> "pd.DataFrame":
    """What stands in for memorization without retraining: row, self_influence and unsure.

    ``self_influence`` is the squared gradient norm at the last checkpoint: to first order what one un-normalised
    Forward-INF step on the sample does to its own loss (normalising the step would delete the magnitude that carries
    memorization). ``unsure`` is one minus the mean confidence in the label over the epochs; NaN for a run without
    dynamics.
    """
    import pandas as pd

    trained = context.trained(config.device)
    norms = np.concatenate([trained.engine().norms(x, y).double().cpu().numpy() for x, y in trained.batches(rows)])
    dynamics = context.asked.dynamics()
    confidence = dynamics.groupby("row")["confidence"].mean().reindex(rows).to_numpy(dtype=np.float64)
    return pd.DataFrame({"row": rows, "self_influence": norms**2, "unsure": 1 - confidence})


def cost_by_models(subsets: Subsets, training_s: float, models: int, share: float) -> list[dict[str, Any]]:
    """Time against certainty: for several numbers of models ``{models, missing, seconds_s, half_width}``; half_width is
    that of a 95 % interval in the middle of the scale (both shares one half), where it is widest."""
    each_s = subsets.seconds_per_model or share * training_s
    there = subsets.count
    lines = []
    for count in sorted({8, 16, 24, 48, 96, 200, models}):
        half = 1.96 * 0.5 * np.sqrt(1 / max(1, round(share * count)) + 1 / max(1, round((1 - share) * count)))
        missing = max(0, count - there)
        lines.append(
            {"models": count, "missing": missing, "seconds_s": missing * each_s, "half_width": float(min(1.0, half))}
        )
    return lines
