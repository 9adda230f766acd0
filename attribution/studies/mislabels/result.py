"""Reads a finished search for wrong labels; needs NumPy and pandas, no torch."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.detectors import detectors
from attribution.detectors.base import Units
from attribution.storage.artefact import Artefact
from attribution.storage.files import read_array
from attribution.storage.places import Places
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class FlagResult(Artefact):
    """One search for wrong labels: ``NAME/flags/FLAG``. ``row`` is a training row of the project.

    ``config`` holds the request, detectors (name -> title), combined, rule, skipped, held_out, estimate, n_train and
    seconds_s.
    """

    what = "search for wrong labels"

    @property
    def estimate(self) -> dict[str, float]:
        """Expected number of wrong labels: ``low``, ``mid``, ``high`` (95 %); {} where there is no sound one."""
        return dict(self.config["estimate"] or {})

    @property
    def apart(self) -> dict[str, Any]:
        """Where there is no estimate: how many targets stand apart (``count``), in which way, and why no number of
        wrong ones follows from it (``words``, ``why``); {} otherwise."""
        return dict(self.config.get("apart") or {})

    @property
    def suspects(self) -> float:
        """How many of the first in the queue may be wrong: the estimate's upper end, or those that stand apart."""
        return float(self.estimate["high"] if self.estimate else self.apart["count"])

    @cached_property
    def units(self) -> "Units":
        """The words for this search's targets."""
        return Units(**self.config.get("units", {}))

    @cached_property
    def detectors(self) -> "pd.DataFrame":
        """One line per active training row: row, id, label, a value per detector (higher = more suspicious),
        ``rank:DETECTOR`` (1 = most suspicious), suspicion (0..1, see ``config["rule"]``), position (1 = first in the
        queue), suggested (the likeliest other label, or the predicted value with suggested_low and suggested_high,
        which nine of ten right values lie between), suggested_p (its probability), judged (whether its class has
        another different sample; if not, it comes last, with suspicion 0)."""
        return self._table("detectors")

    @cached_property
    def cases(self) -> "pd.DataFrame":
        """For the most suspicious rows: row, kind (supporter or opponent), rank, other, cosine of the gradients."""
        return self._table("cases")

    @cached_property
    def neighbors(self) -> np.ndarray:
        """Nearest other training rows (n, k) int32 in the representation, most similar first; in the order of
        ``detectors``."""
        return read_array(self.folder / "neighbors.npy")

    @cached_property
    def out_of_fold(self) -> np.ndarray:
        """Class probabilities (n, c) float32 from models that did not train on the row; in the order of
        ``detectors``."""
        return read_array(self.folder / "out_of_fold.npy")

    @cached_property
    def _place(self) -> Places:
        return Places(self.detectors["row"].to_numpy())

    @cached_property
    def order(self) -> np.ndarray:
        """All searched rows (n,) int64, most suspicious first."""
        rows = self.detectors["row"].to_numpy(dtype=np.int64)
        return rows[np.argsort(self.detectors["position"].to_numpy(), kind="stable")]

    def has(self, row: int) -> bool:
        """Whether the row was searched (an active training row at the time)."""
        return int(row) in self._place

    def searched(self, rows: np.ndarray) -> np.ndarray:
        """Which of these rows (k,) were searched, (k,) bool."""
        return self._place.known(rows)

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Where these searched rows (k,) stand in ``detectors``, (k,) int64."""
        return self._place.of(rows)

    def entry(self, row: int) -> "pd.Series":
        """The row's line of ``detectors``."""
        return self.detectors.iloc[self._place[int(row)]]

    def queue(self, top: int | None = None) -> "pd.DataFrame":
        """The lines of ``detectors``, most suspicious first; the first ``top`` of them."""
        rows = self.order if top is None else self.order[:top]
        return self.detectors.iloc[self.places(rows)].reset_index(drop=True)

    def case(self, row: int, kind: str) -> "pd.DataFrame":
        """The row's supporters or opponents, strongest first: rank, other, cosine; empty for a row without a prepared
        case."""
        table = self.cases
        return (
            table[(table["row"] == row) & (table["kind"] == kind)]
            .sort_values("rank")[["rank", "other", "cosine"]]
            .reset_index(drop=True)
        )

    def probabilities_of(self, row: int) -> np.ndarray:
        """The row's out-of-fold class probabilities (c,)."""
        return self.out_of_fold[self._place[int(row)]]

    def reasons(self, row: int) -> list[str]:
        """Why the row is suspicious, in plain sentences, the most telling detector first; then how the detectors rank
        it together."""
        entry = self.entry(row)
        n = len(self.detectors)
        if not bool(entry.get("judged", True)):
            return ["Its label is not judged: no other training sample of its class differs from it."]
        ranks = sorted((int(entry[f"rank:{name}"]), name) for name in self.config["detectors"])
        sentences = [
            detectors.get(name)(self.units).reason(float(entry[name]), 100 * (n - rank) / n) for rank, name in ranks
        ]
        return [*sentences, f"All told it is number {int(entry['position']):,} of {n:,} in the queue."]

    def headline(self) -> str:
        """How many labels are probably wrong, in one sentence."""
        alone = int(self.config.get("not_judged", 0))
        found = self.estimate
        n = len(self.detectors) - alone
        if not n:
            return "No label can be judged: no class has two different training samples."
        if not found:
            return (
                f"{self.apart['count']:,} of {n:,} training {self.units.noun.removesuffix('s')}s are "
                f"{self.apart['words']}. {self.apart['why']}"
            )
        others = f" {alone:,} samples are not judged: their classes have no other different ones."
        words = {0: "", 1: " One sample is not judged: its class has no other."}
        if not round(found["high"]):
            return (
                f"None of the {n:,} training labels looks wrong; the most suspicious are shown all the same."
                + words.get(alone, others)
            )
        return (
            f"About {found['mid']:,.0f} of {n:,} training labels are probably wrong "
            f"({found['low']:,.0f} to {found['high']:,.0f}, {100 * found['mid'] / max(1, n):.1f} %)."
        ) + words.get(alone, others)

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")
