"""Classes of suspects on the pages: their words and colours, groups for the map, and the table against what is known to
be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from attribution.views import colours
from attribution.views.numbers import count, percent, share_range
from attribution.views.scatter import Group

if TYPE_CHECKING:
    from attribution.studies.categories.categories import Categories

MEANING = {
    "mislabelled": "The evidence contradicts its label, surely enough that the label is probably wrong.",
    "hard": "The evidence is torn between two classes, or errs often when it contradicts a label like this; the "
    "label may well be right.",
    "rare": "Nothing in the training set is close to it, so the evidence has little to go by.",
    "leaked": "It repeats a test or validation sample.",
    "duplicate": "It repeats another training sample.",
    "memorized": "The model is right about it only because it was trained on it.",
    "ordinary": "Not a suspect, and no class fits it.",
}
COLOURS = {
    "mislabelled": "#C23B52",
    "hard": "#B09B1E",
    "rare": "#2AA3B5",
    "leaked": "#3F9B5B",
    "duplicate": "#8F6148",
    "memorized": "#D873B4",
}
Tint = Literal["red", "yellow", "blue", "green", "gray", "violet"]
BADGES: dict[str, Tint] = {
    "mislabelled": "red",
    "hard": "yellow",
    "rare": "blue",
    "leaked": "green",
    "duplicate": "gray",
    "memorized": "violet",
}


def behind(margin: float) -> str:
    """How far the second class is behind the first, of 1, in words."""
    return "far behind" if margin >= 0.4 else "behind" if margin >= 0.1 else "close behind"


@dataclass(frozen=True)
class Quality:
    """How well one class fits what is known: ``hits`` of ``claimed`` samples are so in truth, of ``known`` ones in
    all."""

    claimed: int
    known: int
    hits: int

    def sentence(self, claim: str, truth: str) -> str:
        """Precision and recall in words, each with its 95 % interval."""
        if not self.known:
            return f"No sample is known to be {truth}."
        if not self.claimed:
            return f"No sample is called {claim}; {count(self.known)} are {truth}."
        precision = f"{percent(self.hits / self.claimed)} ({share_range(self.hits, self.claimed)})"
        recall = f"{percent(self.hits / self.known)} ({share_range(self.hits, self.known)})"
        return (
            f"Of {count(self.claimed)} samples called {claim}, {count(self.hits)} are {truth}: {precision}. "
            f"That is {recall} of the {count(self.known)} there are."
        )


def counts_of(found: "Categories", rows: np.ndarray) -> dict[str, int]:
    """How many of these searched ``rows`` each class has, in a fixed order, without the classes that none has."""
    counts = found.table["category"].iloc[found.places(rows)].value_counts()
    return {kind: int(counts[kind]) for kind in MEANING if kind in counts}


def rows_of(table: pd.DataFrame, rows: np.ndarray, kind: str) -> np.ndarray:
    """Those of ``rows``, in their order, that have a class."""
    return rows[np.isin(rows, table.loc[table["category"] == kind, "row"])]


def groups(table: pd.DataFrame, rows: np.ndarray, dark: bool = False) -> list[Group]:
    """The map's points by class, the ordinary ones first so that the others lie on top; what was not searched is drawn
    quietly."""
    searched = table["row"].to_numpy(dtype=np.int64)
    found = [Group("not training data", colours.quiet(dark), rows[~np.isin(rows, searched)])]
    for kind in ("ordinary", *COLOURS):
        colour = COLOURS.get(kind, "#6B655B" if dark else "#A9A297")
        found.append(Group(kind, colour, rows_of(table, rows, kind)))
    return [group for group in found if len(group.rows)]


def data_map(told: pd.Series, n: int) -> np.ndarray:
    """Where training samples stand on a data map (n, 2) float32: the standard deviation over epochs of what is ``told``
    of them (row -> the label's probability, one value per epoch), and its mean; NaN for rows without a record.
    Swayamdipta et al. 2020, Dataset Cartography: low and steady means probably mislabelled, much movement hard, high
    and steady easy."""
    found = np.full((n, 2), np.nan, dtype=np.float32)
    if len(told):
        groups_of_rows = told.groupby(level=0)
        spread = groups_of_rows.std(ddof=0)
        mean = groups_of_rows.mean()
        found[mean.index.to_numpy(dtype=np.int64)] = np.stack([spread.to_numpy(), mean.to_numpy()], axis=1)
    return found


def truth_table(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Counts of training samples: a line per known kind, a column per class given, and ``all``."""
    both = truth.merge(table[["row", "category"]], on="row", validate="one_to_one")
    counts = pd.crosstab(both["kind"], both["category"])
    order = [kind for kind in MEANING if kind in counts]
    lines = sorted(counts.index, key=lambda kind: (kind.startswith("nothing"), kind))
    counts = counts.loc[lines, order]
    counts["all"] = counts.sum(axis=1)
    return counts.rename_axis("known to be").rename_axis(None, axis=1).reset_index()


def quality(
    table: pd.DataFrame, truth: pd.DataFrame, kind: str, known: str, among: Sequence[int] | np.ndarray | None = None
) -> Quality:
    """How well class ``kind`` fits the truth's column ``known`` (wrong or leak); ``among`` limits it to these rows (the
    queue)."""
    both = truth.merge(table[["row", "category"]], on="row", validate="one_to_one")
    if among is not None:
        both = both[both["row"].isin(np.asarray(among))]
    claimed = both["category"] == kind
    so = both[known].astype(bool)
    return Quality(int(claimed.sum()), int(so.sum()), int((claimed & so).sum()))
