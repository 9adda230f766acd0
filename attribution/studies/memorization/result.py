"""Reads a finished estimate of memorization; needs pandas, no torch."""

from typing import TYPE_CHECKING

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class MemorizationResult(Artefact):
    """One measurement: ``NAME/memorizations/ID``. ``config`` holds models, share, run, version, threshold, spearman
    (proxy -> Interval as JSON), pairs_found and pairs_by_chance (counts of test predictions), seconds_s."""

    what = "memorization estimate"

    @property
    def samples(self) -> "pd.DataFrame":
        """Per active training row: row, memorization (-1 to 1) with low and high (95 %, Newcombe), trained_on and
        left_out (models), right_in and right_out (shares), and the proxies ``self_influence`` and ``unsure`` (NaN where
        the run cannot give it)."""
        return self._table("samples")

    @property
    def pairs(self) -> "pd.DataFrame":
        """Predictions that hang on one memorized training sample: row (training), test_row, influence (-1 to 1) with
        low and high, right_in and right_out (shares of the models), memorization; the largest influence first."""
        return self._table("pairs")

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")
