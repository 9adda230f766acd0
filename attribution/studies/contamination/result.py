"""Reads a finished comparison with a benchmark; needs NumPy and pandas, no torch."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table
from attribution.studies.contamination.verdicts import COMMON, HARMLESS, LEAK, by_words

if TYPE_CHECKING:
    import pandas as pd


class ContaminationResult(Artefact):
    """One comparison of the training rows with a benchmark: ``NAME/contamination/ID``.

    ``config`` holds the request, ``n`` (rows), ``items``, ``short`` (items of fewer words than a run),
    ``rule`` (the verdicts in words), ``twins`` (what questions are compared by) and, where a model was asked, ``asked``
    (items that fit it), ``controls`` and ``unit`` (of losses).
    """

    what = "comparison with a benchmark"

    @cached_property
    def hits(self) -> "pd.DataFrame":
        """One line per pair of an item and a training row that have something in common, leaks first: item (place in
        ``items``), row, id, source, split, verdict, why, part (of the item's uncommon runs of eight words in the row;
        question, answer: of those sides), twin (cosine of the questions), runs, common, span (words of the longest
        common run), span_text, long_runs (of thirteen words), and where the model was asked influence (positive:
        training on the row lowered the item's loss), cosine, highest (influence of the controls)."""
        return self._read("hits")

    @cached_property
    def items(self) -> "pd.DataFrame":
        """One line per item: name, line of the file, question, answer, verdict on its best hit ("" for none), loss,
        right (1: the model says the answer word for word; NaN: not asked)."""
        return self._read("items")

    def _read(self, name: str) -> "pd.DataFrame":
        return read_table(self.folder / f"{name}.parquet")

    @property
    def asked_model(self) -> bool:
        """Whether a model was asked."""
        return "weights" in self.config

    @property
    def run(self) -> str:
        """The training run whose model was asked; "" for none."""
        return str(self.config.get("run", ""))

    def of(self, verdict: str = "") -> "pd.DataFrame":
        """The hits with this verdict ("": all)."""
        return self.hits if not verdict else self.hits[self.hits["verdict"] == verdict].reset_index(drop=True)

    def leaked_rows(self, other_words: bool = True) -> np.ndarray:
        """The rows (m,) int64, ascending, that leak an item: word by word, and with ``other_words`` also those that
        seem to ask the same."""
        table = self.of(LEAK)
        return np.unique(table.loc[by_words(table) | other_words, "row"].to_numpy(dtype=np.int64))

    @property
    def leaked(self) -> np.ndarray:
        """Which items (n,) bool are leaked."""
        return (self.items["verdict"] == LEAK).to_numpy()

    @property
    def verdict(self) -> str:
        """The comparison in one sentence."""
        counts = {name: int((self.items["verdict"] == name).sum()) for name in (LEAK, COMMON, HARMLESS)}
        if not len(self.hits):
            return f"None of the {self.config['items']:,} items shares words with the {self.config['n']:,} rows."
        all_, sure = (len(self.leaked_rows(other)) for other in (True, False))
        how = f" ({sure:,} word by word, {all_ - sure:,} in other words)" if all_ > sure else ""
        return (
            f"{counts[LEAK]:,} of {self.config['items']:,} items leak, through {all_:,} of {self.config['n']:,} rows"
            f"{how}; {counts[COMMON]:,} more share common text, {counts[HARMLESS]:,} a few words."
        )
