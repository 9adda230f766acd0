"""Reads a finished calibration; needs pandas, no torch."""

from functools import cached_property
from typing import TYPE_CHECKING

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class CalibrationResult(Artefact):
    """One calibration: ``NAME/calibration/ID``. ``config`` holds the request, n_train, planted (count) and
    seconds_s."""

    what = "calibration"
    drawn_by = "calibration"

    @cached_property
    def planted(self) -> "pd.DataFrame":
        """One line per planted error: row, kind (uniform or confused), label (before), planted (the wrong label),
        position (1 = first in the sandbox's queue), suggested (what the sandbox suggested instead; calibrations of
        earlier versions lack it)."""

        return read_table(self.folder / "planted.parquet")

    @property
    def n_train(self) -> int:
        """Samples in the sandbox's queue."""
        return int(self.config["n_train"])

    def recall(self, share: float) -> float:
        """Share of the planted errors in the first ``share`` (0..1) of the queue."""
        return float((self.planted["position"] <= share * self.n_train).mean())

    @property
    def headline(self) -> str:
        """Where the planted errors came to lie, in one sentence."""
        kinds = self.planted.groupby("kind")["position"].apply(lambda places: (places <= 0.1 * self.n_train).mean())
        words = ", ".join(f"{100 * share:.0f} % of the {kind} ones" for kind, share in kinds.items())
        return (
            f"Of {len(self.planted)} {self.config.get('nouns', 'labels')} set wrong on purpose in a copy, "
            f"{100 * self.recall(0.1):.0f} % came to lie in the first tenth of the queue"
            + (f" ({words})." if len(kinds) > 1 else ".")
        )
