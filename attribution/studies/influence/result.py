"""Reads a finished score run; needs NumPy, pandas and safetensors, no torch."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.files import damage
from attribution.storage.sums import checked
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

NAMED = 4  # tensors that are left out and named one by one


class ScoreResult(Artefact):
    """One score run's folder.

    Signs everywhere: positive influence = training on the sample lowers the query's loss. ``row`` is a training row of
    the project, ``query`` a column number (see ``queries``). ``config`` holds estimator, options, run, version,
    queries, k, fingerprint, covered (parameters), seconds_s, forward_passes (over the training set; a backward pass
    counts two) and nonfinite. ``finished`` is False after one part of a run that was split with ``part``.
    """

    what = "score run"

    @property
    def estimator(self) -> str:
        return str(self.config["estimator"])

    @property
    def measure(self) -> str:
        """What was asked of: loss, or another measure's name."""
        return str(self.config.get("measure", {"name": "loss"})["name"])

    @property
    def questions(self) -> dict[str, Any]:
        """Of a score that was asked of a behaviour: its name, title, key and ``rows`` (turns as JSON, weight), which
        are the rows from the number of samples on; {} for one asked of samples."""
        return dict(self.config.get("questions", {}))

    @property
    def asked_of(self) -> str:
        """The hash of the behaviour or typed answer that it is about; "" for a score asked of samples."""
        return str(self.questions.get("about", ""))

    @property
    def memory_words(self) -> str:
        """What to say when memory ran out on the way; "" when it did not. The scores are the same either way."""
        batch = self.config.get("notes", {}).get("batch_after_memory_ran_out")
        if not batch:
            return ""
        samples = "one sample" if batch == 1 else f"{batch} samples"
        return (
            f"Memory ran out on the way, so the batches were cut to {samples} and the run went on, slower. "
            "The scores are not affected. Next time a smaller batch size or less memory per run avoids it."
        )

    @property
    def curvature_words(self) -> str:
        """What to say when the loss has no curvature at the outputs and something stood in for it; "" otherwise."""
        note = str(self.config.get("notes", {}).get("curvature", ""))
        return f"In place of the curvature: {note}" if note else ""

    @property
    def coverage_words(self) -> str:
        """The share of the model's weights that influence is of; "" where it is of no weights."""
        covers = self.config.get("covers", {})
        if not covers:
            return ""
        names = covers["left_out"]
        if not names:
            return f"Covers 100 % of {covers['of']:,} weights."
        many = len(names) > NAMED  # of a large frozen network a few of its names tell nothing
        named = f"{len(names)} weight tensors, {names[0]} to {names[-1]}" if many else ", ".join(names)
        return f"Covers {_share(covers['weights'], covers['of'])} of {covers['of']:,} weights; left out: {named}."

    @property
    def queries(self) -> list[dict[str, Any]]:
        """Per column ``{name, rows}``: the rows whose mean loss was asked about."""
        return list(self.config["queries"])

    @property
    def n_queries(self) -> int:
        return len(self.queries)

    @property
    def group(self) -> bool:
        """Whether the queries were asked about as one group."""
        return bool(self.config["group"])

    def query_rows(self, column: int) -> tuple[int, ...]:
        """The rows that a column asks about."""
        return tuple(self.config["queries"][column]["rows"])

    @cached_property
    def _columns(self) -> dict[tuple[int, ...], int]:
        return {tuple(sorted(query["rows"])): column for column, query in enumerate(self.queries)}

    def column_of(self, rows: Any) -> int | None:
        """The column that asks about exactly these rows (one row, or a group in any order), or None."""
        return self._columns.get(tuple(sorted(int(row) for row in np.atleast_1d(rows))))

    @cached_property
    def summary(self) -> "pd.DataFrame":
        """The most helpful (side 1) and most harmful (side -1) training rows of every query: query, side, rank, row,
        influence, cosine."""
        return self._table("summary")

    @cached_property
    def reverse(self) -> "pd.DataFrame":
        """The queries that every training row helps (side 1) and harms (side -1) most: row, side, rank, query,
        influence."""
        return self._table("reverse")

    @cached_property
    def _moments(self) -> "pd.DataFrame":
        return self._table("moments")

    def top(self, column: int) -> "pd.DataFrame":
        """The kept training rows of one column, both sides, strongest first within a side."""
        table = self.summary
        return (
            table[table["query"] == column]
            .sort_values(["side", "rank"], ascending=[False, True])
            .reset_index(drop=True)
        )

    def moments(self, column: int) -> dict[str, Any]:
        """One column's n, mean, std, min, max, and its histogram: counts in equal bins from ``lo`` to ``hi``."""
        line = self._moments.iloc[column].to_dict()
        return {**line, "histogram": [int(count) for count in line["histogram"]]}

    def affected_by(self, row: int) -> "pd.DataFrame":
        """The queries that one training row helps and harms most: query, side, rank, influence."""

        # Reads the row's stripe alone.
        table = read_table(self.folder / "reverse.parquet", filters=[("row", "==", int(row))])
        return table.drop(columns="row").reset_index(drop=True)

    @property
    def dense(self) -> bool:
        """Whether every pair can still be read (``column`` and ``row``); above the size limit only the reductions are
        kept."""
        return bool(self.config["dense"])

    def column(self, query: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Training rows (n,) int64 and their influence (n,) float32 on one query, NaN for the query itself; None unless
        ``dense``."""
        if not self.dense:
            return None
        pieces = [
            (part.get_tensor("rows"), part.get_slice("influence")[:, query - first])
            for part, first, last in self._shards()
            if first <= query < last
        ]
        rows = np.concatenate([piece[0] for piece in pieces])
        values = np.concatenate([np.asarray(piece[1]).reshape(-1) for piece in pieces]).astype(np.float32)
        values[np.isin(rows, self.queries[query]["rows"])] = np.nan
        return rows, values

    def every(self, query: int) -> tuple[np.ndarray, np.ndarray]:
        """``column``, or where only the reductions are kept the strongest rows (k,) of both sides and their
        influence."""
        found = self.column(query)
        if found is not None:
            return found
        top = self.top(query)
        return top["row"].to_numpy(dtype=np.int64), top["influence"].to_numpy(dtype=np.float32)

    def row(self, train_row: int) -> np.ndarray | None:
        """Influence (n_query,) float32 of one training row on every query; None unless ``dense`` or for a row that was
        not scored."""
        if not self.dense:
            return None
        values = np.full(len(self.queries), np.nan, dtype=np.float32)
        found = False
        for part, first, last in self._shards():
            position = np.flatnonzero(part.get_tensor("rows") == train_row)
            if len(position):
                found = True
                values[first:last] = np.asarray(
                    part.get_slice("influence")[int(position[0]) : int(position[0]) + 1]
                ).reshape(-1)
        return values if found else None

    def matrix(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Training rows (n,) and the whole (n_train, n_query) float32 matrix; None unless ``dense``."""
        if not self.dense:
            return None
        rows = np.unique(np.concatenate([part.get_tensor("rows") for part, _, _ in self._shards()]))
        values = np.full((len(rows), len(self.queries)), np.nan, dtype=np.float32)
        for part, first, last in self._shards():
            values[np.searchsorted(rows, part.get_tensor("rows")), first:last] = part.get_tensor("influence")
        return rows, values

    def _shards(self) -> Any:
        from safetensors import safe_open

        for path in sorted((self.folder / "shards").glob("part-*.safetensors")):
            with damage(path):
                opened = safe_open(checked(path), framework="np")
            with opened as part:
                header = part.metadata() or {}
                if header.get("fingerprint") == self.config["fingerprint"]:
                    first, last = header["place"].split("x")[1].split(":")
                    yield part, int(first), int(last)

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")


def _share(part: int, whole: int) -> str:
    """A share in per cent with as many digits as tell it from none and from all."""
    per_cent = 100 * part / max(1, whole)
    digits = next((digits for digits in range(1, 6) if 0 < round(per_cent, digits) < 100), 6)
    return f"{per_cent:.{digits}f} %"
