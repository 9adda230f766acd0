"""Reads a finished search for leaks and duplicates; needs NumPy and pandas, no torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table
from attribution.studies.leaks import cases as leak_cases

if TYPE_CHECKING:
    import pandas as pd

# pairs up to this multiple of the usual distance between neighbours are kept, so that the threshold can be moved
REACH = 0.6
GRID = np.round(np.arange(0.01, REACH + 1e-9, 0.01), 2)  # thresholds whose counts are shown


@dataclass(frozen=True)
class Finding:
    """One piece of evidence on a pair: what was measured, its value and unit, the threshold it is held against, and
    what it says (``copy``, ``no`` or ``unknown``)."""

    title: str
    value: float
    threshold: float
    at_least: bool
    says: str
    note: str = ""


class LeakResult(Artefact):
    """One search for leaks and duplicates: ``NAME/leaks/ID``. Rows are rows of the project.

    ``config`` holds the request, ``units`` (usual distance between training neighbours: ``own`` in the samples' own
    space, ``model`` in the model's), ``titles``, ``measures`` (title, threshold, at_least, note by name), ``alike`` (of
    numbers), ``certain`` (the ratio up to which each pair was compared, null for all; ``recall`` of the nearest rows
    beyond; neither in older searches, which compared all) and seconds_s.
    """

    what = "search for leaks"

    @property
    def threshold(self) -> float:
        """The multiple of the usual distance between neighbours up to which a pair is a candidate, as it was asked
        for."""
        return float(self.config["threshold"])

    @property
    def alike(self) -> float:
        """How far apart the numbers of one thing may be, in their unit; 0 for classes and sets."""
        return float(self.config.get("alike", 0.0))

    @cached_property
    def pairs(self) -> "pd.DataFrame":
        """One line per pair: relation (leak, duplicate), row (training), other (held-out for a leak, training for a
        duplicate), exact, distance, ratio (distance over ``units["own"]``), change (what was done to ``other`` to
        match), model_distance, model_ratio, a column per measure, and where it was asked gradient_cosine, forward_inf,
        each with ``:highest``, the highest of the controls."""
        return self._table("pairs")

    def of(self, relation: str) -> "pd.DataFrame":
        """The pairs of a relation."""
        return self.pairs[self.pairs["relation"] == relation].reset_index(drop=True)

    def counts(self, relation: str = "leak") -> np.ndarray:
        """Number of cases at each threshold of ``GRID``."""
        return leak_cases.counts(self.of(relation), GRID)

    def cases(self, labels: np.ndarray, threshold: float | None = None, relation: str = "leak") -> "pd.DataFrame":
        """The cases at a threshold (default: the one asked for), best evidence first; columns as in
        ``leak_cases.summary``.

        ``labels`` (n,) are the current labels. Duplicates with conflicting labels come first.
        """
        pairs = leak_cases.group(self.of(relation), self.threshold if threshold is None else threshold)
        found = leak_cases.summary(pairs, labels, self.alike)
        if relation == "duplicate":
            found = found.sort_values("conflict", ascending=False, kind="stable").reset_index(drop=True)
        return found

    def pair(self, row: int, other: int) -> "pd.Series":
        """The line of ``pairs`` of two rows, given in either order."""
        pairs = self.pairs
        here = ((pairs["row"] == row) & (pairs["other"] == other)) | ((pairs["row"] == other) & (pairs["other"] == row))
        return pairs[here].iloc[0]

    def evidence(self, row: int, other: int, threshold: float | None = None) -> list[Finding]:
        """Every piece of evidence on a pair, the deciding ones first."""
        pair = self.pair(row, other)
        config = self.config
        limit = self.threshold if threshold is None else threshold
        found = [
            Finding(
                "same content (hash)",
                float(pair["exact"]),
                1.0,
                True,
                "copy" if pair["exact"] else "no",
                "1 is equal, 0 is not.",
            ),
            _finding(
                f"distance: {config['titles']['own']}",
                pair["ratio"],
                limit,
                False,
                "In usual distances between neighbours in training.",
            ),
        ]
        for name, measure in config["measures"].items():
            found.append(
                _finding(measure["title"], pair[name], measure["threshold"], measure["at_least"], measure["note"])
            )
        found.append(
            _finding(
                f"distance: {config['titles']['model']}",
                pair["model_ratio"],
                limit,
                False,
                "In usual distances between neighbours in training.",
            )
        )
        for name, title in (("gradient_cosine", "cosine of the gradients"), ("forward_inf", "Forward-INF, nats")):
            if np.isfinite(pair.get(name, np.nan)):
                note = f"Threshold: the highest of {config['controls']} other training samples with the same target."
                found.append(_finding(title, pair[name], pair[f"{name}:highest"], True, note))
        return found

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")


def _finding(title: str, value: Any, threshold: float, at_least: bool, note: str) -> Finding:
    value = float(value)
    if not np.isfinite(value):
        return Finding(title, value, float(threshold), at_least, "unknown", note)
    holds = value >= threshold if at_least else value <= threshold
    return Finding(title, value, float(threshold), at_least, "copy" if holds else "no", note)


def verdict(rows: tuple[int, ...], others: tuple[int, ...], states: "pd.DataFrame") -> str:
    """What the ledger says of a leak case: ``leak`` (its training samples are dropped), ``test`` (its held-out samples
    are), ``legitimate`` (the held-out samples were looked at and kept), or empty. ``states`` as of
    ``Project.states``."""
    standing = states["verdict"].to_dict()
    if all(standing.get(row) == "drop" for row in rows):
        return "leak"
    if all(standing.get(row) == "drop" for row in others):
        return "test"
    return "legitimate" if all(standing.get(row) == "keep" for row in others) else ""
