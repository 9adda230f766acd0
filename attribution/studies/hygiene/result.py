"""Reads a finished search for faulty rows; needs NumPy and pandas, no torch."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table
from attribution.studies.hygiene.finding import DROP, KINDS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "row": "int64",
    "id": "str",
    "source": "str",
    "split": "str",
    "kind": "str",
    "severity": "str",
    "sentence": "str",
    "action": "str",
    "excerpt": "str",
    "group": "int64",
    "other": "int64",
}


class HygieneResult(Artefact):
    """One look at the rows of a chat file: ``NAME/hygiene/ID``. ``config`` holds the request, ``n`` (rows looked at),
    ``rows`` (those with a finding) and ``kinds_found`` (findings by kind)."""

    what = "search for faulty rows"

    @cached_property
    def findings(self) -> "pd.DataFrame":
        """One line per finding (``COLUMNS``), the gravest first: the row with its id, place in the user's file and
        split, the kind, the severity (high, medium, low), a sentence, what is suggested (drop, edit, keep one, look),
        an excerpt, the number of its group and the row of the group that stays (-1: none)."""
        return read_table(self.folder / "findings.parquet")

    def of(self, kind: str = "", active: np.ndarray | None = None) -> "pd.DataFrame":
        """The findings of a kind ("": of all) on the rows that are still in use (``active`` (n,) bool; None: all).
        Repeats of which only one row is left are none any more."""
        table = self.findings if not kind else self.findings[self.findings["kind"] == kind]
        if active is None:
            return table.reset_index(drop=True)
        table = table[active[table["row"].to_numpy()]]
        return table[_still(table, active)].reset_index(drop=True)

    def to_drop(self, active: np.ndarray, kinds: Sequence[str] = tuple(KINDS)) -> np.ndarray:
        """The rows (m,) int64, ascending, that are suggested for dropping among findings of these ``kinds`` and still
        in use; of repeats all but one, whichever were dropped before."""
        table = self.findings[(self.findings["action"] == DROP) & self.findings["kind"].isin(kinds)]
        rows = table.loc[active[table["row"].to_numpy()] if len(table) else [], "row"]
        chosen = set(rows.tolist())
        for _, group in table[table["group"] >= 0].groupby(["kind", "group"]):
            members = [int(group["other"].iloc[0]), *sorted(group["row"].tolist())]
            left = [row for row in members if active[row]]
            if left and set(left) <= chosen and not active[members[0]]:
                chosen.discard(left[0])  # the one that was to stay is gone
        return np.array(sorted(chosen), dtype=np.int64)

    @property
    def verdict(self) -> str:
        """The findings in one sentence."""
        found = self.config["kinds_found"]
        if not found:
            return f"Nothing was found in {self.config['n']:,} rows."
        parts = [f"{found[name]:,} {kind.title.lower()}" for name, kind in KINDS.items() if name in found]
        return f"{self.config['rows']:,} of {self.config['n']:,} rows have a finding: {', '.join(parts)}."


def _still(table: "pd.DataFrame", active: np.ndarray) -> np.ndarray:
    """Which findings (m,) bool on rows in use still hold: in a group, where more than one row of it is left."""
    named = table["kind"] + table["group"].astype(str)
    left = named.groupby(named).transform("size").to_numpy()  # a conflict's rows all have a finding
    stays = table["other"].to_numpy()
    return np.asarray((table["group"] < 0) | (left > 1) | ((table["kind"] != "conflict") & active[stays]))
