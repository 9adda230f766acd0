"""A table of samples: its order by a column, and the lines of one page."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.views.faces import Face

NATURAL = "order of the data"


def order(values: np.ndarray) -> np.ndarray:
    """Rows in falling order of ``values`` (n,), int32; equal ones by row, those without a value (NaN) last."""
    return np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable").astype(np.int32)


def among(ordered: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of ``ordered`` (n,) that are in ``rows`` (k,), in its order. Costs one pass over all rows, whatever k
    is."""
    wanted = np.zeros(len(ordered), dtype=bool)
    wanted[rows] = True
    return ordered[wanted[ordered]]


def label_word(labels: "Labels", face: "Face", row: int) -> str:
    """A sample's target as a table says it: "Shirt", "Shirt, dropped", "no label"."""
    value = labels.values[row]
    return face.word(value) + ("" if labels.active[row] or face.bare(value) else ", dropped")


def lines(
    rows: np.ndarray,
    dataset: "Dataset",
    labels: "Labels",
    predictions: pd.DataFrame,
    suspicion: np.ndarray | None,
    face: "Face",
) -> pd.DataFrame:
    """One line per row of a page: id, split, the target (with "dropped" where it is), what the model says of it, loss
    and, after a search, suspicion (0 to 1)."""
    said = predictions.iloc[rows]
    ends = np.cumsum([dataset.info.counts[split] for split in ("train", "val", "test")])
    splits = np.array(["training", "validation", "test"])
    found = pd.DataFrame(
        {
            "id": dataset.ids[rows],
            "split": splits[np.searchsorted(ends, rows, side="right")],
            face.noun: [label_word(labels, face, row) for row in rows],
            **face.line(said),
            "loss": said["loss"].to_numpy(),
        }
    )
    return found if suspicion is None else found.assign(suspicion=suspicion[rows])
