"""How a prediction of what edits do held up where retraining gave the answer, and so whether its size may be told."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.statistics.intervals import Interval, spearman_interval

if TYPE_CHECKING:
    import pandas as pd

LEAST_RANK = 0.3  # the rank correlation's lower bound
SIZES = (0.5, 2.0)  # real change per predicted change: within a factor of two


@dataclass(frozen=True)
class TrackRecord:
    """Predicted against real changes of the test samples' losses: their rank correlation, and the slope of real on
    predicted."""

    rank: Interval
    slope: float

    @property
    def orders(self) -> bool:
        """Whether it foresaw which test samples gain more than others."""
        return self.rank.low > 0

    @property
    def sizes(self) -> bool:
        """Whether it foresaw by how much, so that a size may be stated."""
        return self.rank.low > LEAST_RANK and SIZES[0] <= self.slope <= SIZES[1]


def track_record(pairs: "pd.DataFrame", resamples: int = 500) -> TrackRecord:
    """From the columns ``predicted`` and ``actual``, a line per test sample. Slope NaN for a constant prediction."""
    predicted, actual = (pairs[name].to_numpy(np.float64) for name in ("predicted", "actual"))
    spread = float(np.square(predicted - predicted.mean()).sum()) if len(pairs) else 0.0
    slope = float((predicted - predicted.mean()) @ (actual - actual.mean()) / spread) if spread > 0 else float("nan")
    return TrackRecord(spearman_interval(predicted, actual, resamples), slope)
