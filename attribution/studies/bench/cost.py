"""What the linear datamodeling score would cost: time against the width of its interval."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.studies.base import Context
from attribution.studies.bench.result import BenchResult
from attribution.studies.bench.study import BenchConfig
from attribution.training.subsets import Subsets

if TYPE_CHECKING:
    import pandas as pd

COUNTS = (8, 16, 24, 48, 96)
# half-width times the root of the number of subsets where nothing is measured: .5 to .65 on digits with 40 queries
PRIOR = 0.6


def cost_by_subsets(context: Context, config: BenchConfig) -> "pd.DataFrame":
    """One line per number of subsets: subsets, missing (trainings still to do), seconds_s (their time), half_width (of
    the LDS interval at 95 %), measured (whether from an earlier bench on the same subsets, or the usual one).

    A training is taken to last as long as those in the store did, or else ``share`` of the run's own. The interval has
    a part from the choice of queries and one from the choice of subsets, which shrinks with the root of their number;
    both come from the newest bench on this store.
    """
    import pandas as pd

    subsets = Subsets.at(
        context.folder / "subsets",
        context.dataset,
        context.labels,
        context.network(context.likely_recipe),
        context.likely_recipe,
        share=config.share,
        repeats=config.repeats,
    )
    each_s = subsets.seconds_per_model or config.share * float(context.asked.config.get("seconds_s", 0.0))
    there = subsets.count
    spread = measured_spread(context.folder, context.labels.version, config)
    lines = []
    for count in sorted({*COUNTS, config.subsets}):
        missing = max(0, count - there) * config.repeats
        half = PRIOR / count**0.5 if spread is None else float(np.hypot(spread[0], spread[1] / count**0.5))
        lines.append(
            {
                "subsets": count,
                "missing": missing,
                "seconds_s": missing * each_s,
                "half_width": half,
                "measured": spread is not None,
            }
        )
    return pd.DataFrame(lines)


def measured_spread(home: Path, version: str, config: BenchConfig) -> tuple[float, float] | None:
    """Half-width that the choice of queries alone gives, and that of one subset (to be divided by the root of their
    number): medians over the estimators of the newest bench on this version and share; None when there is none."""
    found = sorted((home / "benches").glob("*/fidelity.parquet"), key=lambda path: -path.stat().st_mtime_ns)
    for result in (BenchResult(path.parent) for path in found):
        same = all(result.request["bench"][name] == getattr(config, name) for name in ("share", "repeats"))
        if result.version == version and same:
            return _spread(result, config.count)
    return None


def _spread(result: BenchResult, count: int) -> tuple[float, float]:
    table, each = result.fidelity, result.lds_queries
    table, each = table[table["measure"] == "loss"], each[each["measure"] == "loss"]
    variance = each.groupby("estimator")["lds"].var()
    queries, subsets = [], []
    for line in table.itertuples():
        half = (line.high - line.low) / 2
        # Variance of one query's rank correlation over so few subsets.
        by_chance = (1 - line.lds**2) ** 2 / (line.subsets - 1)
        own = 1.96 * (max(0.0, float(variance[line.estimator]) - by_chance) / line.queries) ** 0.5
        queries.append(min(own, half) * (line.queries / count) ** 0.5)
        subsets.append((max(0.0, half**2 - own**2) * line.subsets) ** 0.5)
    return float(np.median(queries)), float(np.median(subsets))
