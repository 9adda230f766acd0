"""How much the damping of a curvature estimator matters on this model: the same queries over a range of damping ratios.

result = project.studies.damping.run(DampingConfig())
result.sweep     # one line per ratio: agreement with the default ratio, and the LDS where subset models are there
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators._preconditioned import usual_ratio
from attribution.estimators.base import Query
from attribution.estimators.datamodels import store_of
from attribution.progress import Progress
from attribution.statistics.intervals import Interval, bootstrap
from attribution.statistics.ranking import average_ranks
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.bench.lds import lds, summed
from attribution.studies.damping.study import DampingConfig
from attribution.studies.influence import settings
from attribution.training.subsets import Subsets

FORMAT = 1


def request(context: Context, config: DampingConfig) -> Request:
    """The queries that the seed draws, the ratios with the usual one, and the subset models that judge them."""
    rows = context.rows(config.queries, context.run)
    queries = np.sort(np.random.default_rng(config.seed).permutation(rows)[: config.count])
    trained = context.trained(config.device)
    usual = usual_ratio(trained)
    ratios = _ratios(config, usual)
    store = _store(trained)
    said = {
        "format": FORMAT,
        "run": context.asked.id,
        "weights": context.weights,
        "version": context.labels.version,
        "estimator": config.estimator,
        "ratios": ratios,
        "queries": [int(row) for row in queries],
        "seed": config.seed,
        "models": [store.folder.name, store.finished()] if store else [],
    }
    return Request(said, ("damping", said), ready=(trained, usual, store, queries))


def compute(context: Context, config: DampingConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Influences of all active training rows on the queries at every ratio, compared with those at the usual ratio.

    Nothing tells from agreement alone which ratio is right; the LDS does, where models retrained on random subsets are
    there (it is judged on them, so a ratio picked from it is picked in-sample). Cost: one score run per ratio.
    ``UserError`` for an estimator without damping and a ratio that is not above 0.
    """
    trained, usual, store, queries = asked.ready
    ratios = asked.said["ratios"]
    found, dampings = [], []
    for done, ratio in enumerate(ratios):
        work.update(done, len(ratios), f"damping ratio {ratio:g}")
        influence, damping = _influences(trained, config, ratio, queries)
        found.append(influence)
        dampings.append(damping)
    lines = _lines(ratios, dampings, found, ratios.index(usual), _truth(store, context.labels, queries))
    write_table(out / "sweep.parquet", pd.DataFrame(lines))
    return {"usual": usual, "subsets": store.count if store else 0}


def _ratios(config: DampingConfig, usual: float) -> list[float]:
    if "damping_ratio" not in settings.usual(config.estimator):
        with_damping = [name for name in estimators.names() if "damping_ratio" in settings.usual(name)]
        raise UserError(
            f"{config.estimator} has no damping.",
            "There is nothing to sweep.",
            f"Choose one of: {', '.join(with_damping)}.",
        )
    return sorted({float(ratio) for ratio in config.ratios} | {usual})


def _store(trained: Any) -> "Subsets | None":
    """The subset models, if there are enough to judge by."""
    try:
        return store_of(trained)
    except UserError:  # no truth at hand: agreement alone is drawn
        return None


def _truth(store: "Subsets | None", labels: "Labels", queries: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Members (m, n) and minus the retrained losses (m, q)."""
    return (store.members(), -store.losses(queries, labels.values[queries])) if store else None


def _influences(trained: Any, config: DampingConfig, ratio: float, queries: np.ndarray) -> tuple[np.ndarray, float]:
    """Influences (n, q) float64 and the absolute damping."""
    import torch

    estimator = estimators.get(config.estimator)(trained, config.seed).adjusted(damping_ratio=ratio)
    estimator.prepare([Query(str(row), (int(row),)) for row in queries])
    size = trained.batch_size
    parts = [
        estimator.score(trained.rows[start : start + size]).influence for start in range(0, len(trained.rows), size)
    ]
    return torch.cat(parts).double().numpy(), float(estimator.notes()["damping"])


def _lines(
    ratios: list[float],
    dampings: list[float],
    found: list[np.ndarray],
    usual: int,
    truth: tuple[np.ndarray, np.ndarray] | None,
) -> list[dict[str, Any]]:
    reference = _ranked(found[usual])
    lines = []
    for place, influence in enumerate(found):
        each = (_ranked(influence) * reference).mean(0)  # Spearman's correlation of each query (q,)
        agreement = bootstrap(lambda picked, each=each: float(np.nanmean(each[picked])), len(each))  # type: ignore[misc]
        score = lds(summed(truth[0], influence), truth[1]) if truth else Interval(np.nan, np.nan, np.nan, 0.95)
        lines.append(
            {
                "ratio": ratios[place],
                "damping": dampings[place],
                "usual": place == usual,
                "agreement": float(np.nanmean(each)),
                "low": agreement.low,
                "high": agreement.high,
                "lds": score.estimate,
                "lds_low": score.low,
                "lds_high": score.high,
            }
        )
    return lines


def _ranked(values: np.ndarray) -> np.ndarray:
    """Ranks down each column with mean 0 and variance 1 (n, q); NaN for a column of equal values."""
    ranks = np.stack([average_ranks(column) for column in values.T], axis=1)
    ranks -= ranks.mean(0)
    spread = ranks.std(0)
    return np.divide(ranks, spread, out=np.full_like(ranks, np.nan), where=spread > 0)
