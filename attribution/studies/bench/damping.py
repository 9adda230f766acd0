"""How much the damping of a curvature estimator matters on this model: the same queries over a range of damping ratios.

result = damping_sweep(dataset, labels, run, DampingConfig(), queries, out)
result.sweep          # one line per ratio: agreement with the default ratio, and the LDS where subset models are there
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators._preconditioned import usual_ratio
from attribution.estimators.base import Query
from attribution.estimators.datamodels import store_of
from attribution.progress import Progress
from attribution.settings.configs import DampingConfig, fingerprint
from attribution.statistics.intervals import Interval, bootstrap
from attribution.statistics.ranking import average_ranks
from attribution.storage.artefact import Artefact
from attribution.storage.files import file_hash
from attribution.storage.sums import finish
from attribution.storage.tables import read_table, write_table
from attribution.studies.bench.lds import lds, summed

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.subsets import Subsets
    from attribution.training.train import Run

FORMAT = 1


class DampingResult(Artefact):
    """One sweep: ``NAME/dampings/ID``. ``config`` holds the request, the usual ratio, ``subsets`` (models behind the
    LDS, 0: none)."""

    what = "damping sweep"

    @property
    def sweep(self) -> "pd.DataFrame":
        """One line per ratio, ascending: ratio, damping (absolute), usual (bool: the default), agreement (mean over the
        queries of Spearman's correlation with the usual ratio's influences) with low and high (95 %), lds with lds_low
        and lds_high (NaN without subset models)."""

        return read_table(self.folder / "sweep.parquet")


def damping_sweep(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    config: DampingConfig,
    queries: np.ndarray,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
) -> DampingResult:
    """Influences of all active training rows on ``queries`` (global rows) at every ratio, compared with those at the
    usual ratio.

    Nothing tells from agreement alone which ratio is right; the LDS does, where models retrained on random subsets are
    there (it is judged on them, so a ratio picked from it is picked in-sample). Cost: one score run per ratio.
    ``UserError`` for an estimator without damping and a ratio that is not above 0.
    """
    from attribution.training.trained import TrainedModel

    work = progress or Progress()
    started_s = time.perf_counter()
    trained = TrainedModel(dataset, labels, run, device=config.device, trusted=trusted)
    usual = usual_ratio(trained)
    ratios = _ratios(config, usual)
    store = _store(trained)
    request = {
        "format": FORMAT,
        "run": run.id,
        "weights": file_hash(Path(run.checkpoints[-1][0])),
        "version": labels.version,
        "estimator": config.estimator,
        "ratios": ratios,
        "queries": [int(row) for row in queries],
        "seed": config.seed,
        "models": [store.folder.name, store.finished()] if store else [],
    }
    result = DampingResult(Path(out) / fingerprint("damping", request))
    if result.finished:
        return result
    found, dampings = [], []
    for done, ratio in enumerate(ratios):
        work.update(done, len(ratios), f"damping ratio {ratio:g}")
        influence, damping = _influences(trained, config, ratio, queries)
        found.append(influence)
        dampings.append(damping)
    lines = _lines(ratios, dampings, found, ratios.index(usual), _truth(store, labels, queries))
    import pandas as pd

    write_table(result.folder / "sweep.parquet", pd.DataFrame(lines))
    extra = {"usual": usual, "subsets": store.count if store else 0, "seconds_s": time.perf_counter() - started_s}
    finish(result.folder, {**request, **extra})
    work.update(1, 1, "done")
    return result


def _ratios(config: DampingConfig, usual: float) -> list[float]:
    taken = estimators.get(config.estimator)
    if "damping_ratio" not in taken.settings:
        with_damping = [name for name in estimators.names() if "damping_ratio" in estimators.get(name).settings]
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

    estimator = estimators.get(config.estimator)(trained, config.seed)
    estimator.damping_ratio = ratio
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
