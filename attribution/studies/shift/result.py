"""Reads a finished comparison of test and training data; needs pandas, no torch."""

import math
from functools import cached_property
from typing import TYPE_CHECKING

from attribution.statistics.intervals import Interval
from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

SLIGHT, CLEAR = 0.6, 0.75  # AUC: from here "sometimes" and "usually"; words only, nothing is decided by them


class ShiftResult(Artefact):
    """One comparison of the test with the training set: ``NAME/shifts/SHIFT``.

    ``config`` holds the request, space, counts, ``auc`` and ``control`` (intervals; control is training against
    validation, None without a validation set), p_value, seconds_s.
    """

    what = "comparison of test and training data"
    drawn_by = "shift"

    @property
    def space(self) -> str:
        """What the classifier was given: inputs or representation."""
        return str(self.config["space"])

    @property
    def auc(self) -> Interval:
        """Chance that a test sample looks more like one than a training sample does; 0.5 is no difference."""
        return Interval.from_json(self.config["auc"])

    @property
    def control(self) -> Interval | None:
        """The same for validation against training samples: what the split itself, or the model's memory of its
        training data, gives away."""
        found = self.config["control"]
        return Interval.from_json(found) if found else None

    @property
    def p_value(self) -> float:
        """One-sided: how often an AUC this large would come about by chance if both sets were drawn alike."""
        return float(self.config["p_value"])

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """The extremes: row, split, p_test (0..1: how test-like it looks to a classifier that did not train on it, were
        both sets of one size), rank (1 = most test-like of the training samples, most train-like of the test
        samples)."""
        return self._table("samples")

    @cached_property
    def differences(self) -> "pd.DataFrame":
        """What differs, the surest difference first: kind (column, region, label or value), name, train, test (mean or
        share of one), difference with low and high (in standard deviations for a numeric column, else in shares),
        importance (drop of the AUC without the column; NaN if not measured), unit, words, row (a typical sample, else
        -1). Intervals are widened for the number of lines of their kind (Bonferroni)."""
        return self._table("differences")

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        return verdict(self.auc, self.config["counts"])

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")


def verdict(auc: Interval, counts: dict[str, int]) -> str:
    """Can it tell, in words with the AUC and its interval."""
    if not math.isfinite(auc.low):
        return f"{counts['test']:,} test samples are too few to tell."
    figures = f"AUC {auc.estimate:.2f} ({auc.low:.2f} to {auc.high:.2f})"
    if auc.low <= 0.5:
        return f"A classifier cannot tell your test set from your training set: {figures}."
    word = "barely" if auc.estimate < SLIGHT else "sometimes" if auc.estimate < CLEAR else "usually"
    return f"A classifier can {word} tell your test set from your training set: {figures}."
