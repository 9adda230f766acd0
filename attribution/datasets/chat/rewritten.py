"""A dataset some of whose rows were rewritten: their words, tokens and hashes are those of the new text."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.chat.conversation import ROW, TURNS, Conversation
from attribution.datasets.chat.encode import encoded
from attribution.datasets.chat.rewriting import kept, merged_text
from attribution.datasets.chat.schemas import read
from attribution.datasets.dataset import Dataset, Labels
from attribution.datasets.row_hashes import content_hash

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("text", TURNS, ROW, "hash")  # of ``samples`` that a rewritten row has anew


class Rewritten(Dataset):
    """The dataset of a folder with ``rewritten`` rows, row -> number of what it was rewritten to. What is not of those
    rows is the dataset's own; ``base_hash`` stays, as versions of the labels say which rows are rewritten."""

    def __init__(self, base: Dataset, rewritten: Mapping[int, int]) -> None:
        super().__init__(base.folder, base.info)
        self._base = base
        self.rewritten = dict(rewritten)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return _opened, (self.folder, self.rewritten)

    @property
    def imported(self) -> Dataset:
        return self._base

    def as_of(self, labels: Labels) -> Dataset:
        return self._base.as_of(labels)

    @cached_property
    def _rows(self) -> "dict[int, dict[str, Any]]":
        """What ``COLUMNS`` hold of each rewritten row."""
        found = {}
        for row, value in self.rewritten.items():
            schema, fields = kept(self.folder, value)
            conversation = read(fields, schema).conversation
            turns = conversation.to_json()
            texts = (
                conversation.plain,
                turns,
                merged_text(str(self._base.line(row)[ROW]), schema, fields),
                content_hash(turns.encode()),
            )
            found[row] = dict(zip(COLUMNS, texts, strict=True))
        return found

    @cached_property
    def inputs(self) -> Any:
        vocabulary = self.info.preprocessing["vocabulary"]
        length = self.info.shape[-1]
        each = {row: Conversation.from_json(held[TURNS]) for row, held in self._rows.items()}
        return Overlaid(self._base.inputs, {row: encoded(one, vocabulary, length) for row, one in each.items()})

    @cached_property
    def samples(self) -> "pd.DataFrame":
        found = self._base.samples.copy()
        return found.assign(**{name: self._anew(found[name], name) for name in COLUMNS if name in found})

    def column(self, name: str) -> "pd.Series":
        found = self._base.column(name)
        return self._anew(found, name) if name in COLUMNS else found

    def _anew(self, column: "pd.Series", name: str) -> "pd.Series":
        found = column.copy()
        found.iloc[list(self._rows)] = [held[name] for held in self._rows.values()]
        return found

    def line(self, row: int) -> "pd.Series":
        found = self._base.line(row)
        if int(row) not in self._rows:
            return found
        found = found.copy()
        for name, value in self._rows[int(row)].items():
            if name in found.index:
                found[name] = value
        return found


class Overlaid:
    """An array ``(n, ...)`` that is read as it is but for some rows."""

    def __init__(self, base: Any, rows: Mapping[int, np.ndarray]) -> None:
        self._base = base
        self._rows = dict(rows)
        self.shape = base.shape
        self.dtype = base.dtype
        self.ndim = base.ndim

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Rows by number, numbers, slice or mask; a further index is one into them."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        rows = np.arange(len(self))[first]
        found = np.array(self._base[first])
        parts = found[None] if rows.ndim == 0 else found
        for place, row in enumerate(np.atleast_1d(rows).tolist()):
            if row in self._rows:
                parts[place] = self._rows[row]
        return found[(slice(None),) * rows.ndim + rest] if rest else found

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


def _opened(folder: Path, rewritten: Mapping[int, int]) -> Rewritten:
    return Rewritten(Dataset.open(folder), rewritten)
