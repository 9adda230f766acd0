"""Reads a finished damping sweep; needs pandas, no torch."""

from typing import TYPE_CHECKING

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class DampingResult(Artefact):
    """One sweep: ``NAME/dampings/ID``. ``config`` holds the request, the usual ratio, ``subsets`` (models behind the
    LDS, 0: none)."""

    what = "damping sweep"
    drawn_by = "damping"

    @property
    def sweep(self) -> "pd.DataFrame":
        """One line per ratio, ascending: ratio, damping (absolute), usual (bool: the default), agreement (mean over the
        queries of Spearman's correlation with the usual ratio's influences) with low and high (95 %), lds with lds_low
        and lds_high (NaN without subset models)."""

        return read_table(self.folder / "sweep.parquet")
