"""The user's own columns: the features of a table, and what else stood beside the data when it was imported."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.browse.kinds import Category, Column, Flag, Number, Text

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMES = 200  # different words in a column that is taken as one of names, and
FEWEST = 12  # as many of them are names in any case, more only where there are
EACH = 4  # samples for each of them
KEPT = 256  # columns in memory


def own_column(dataset: Any, name: str, shown: str) -> Column:
    """One of the user's columns, as numbers, yes and no, names or text, whichever it holds."""
    return _read(dataset.folder, dataset.info.base_hash, name, shown, Held(dataset))


class Held:
    """A dataset that is no part of a cache's key: its folder and hash are."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=KEPT)
def _read(folder: Any, base_hash: str, name: str, shown: str, held: Held) -> Column:
    values = held.dataset.own(name)
    given = "is" if f"col:{name}" in held.dataset.column_names else "is not"
    summary = f"A column of your data that the model {given} given."
    if values.dtype.kind == "b":
        return Flag(shown, summary, lambda: values.to_numpy().astype(np.int8), own=True)
    if values.dtype.kind in "iuf":
        return Number(shown, summary, lambda: values.to_numpy(dtype=np.float64), own=True)
    return _of_words(values, shown, summary)


def _of_words(values: "pd.Series", shown: str, summary: str) -> Column:
    import pandas as pd

    codes, names = pd.factorize(values)
    if len(names) > min(MOST_NAMES, max(FEWEST, len(values) // EACH)):
        return Text(shown, summary, lambda: values, own=True)
    order = np.argsort(np.array([str(name) for name in names], dtype=object), kind="stable")
    ranks = np.append(np.argsort(order), -1)
    return Category(shown, summary, lambda: (ranks[codes], tuple(str(names[place]) for place in order)), own=True)
