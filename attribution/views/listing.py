"""A table of samples: its order by a column, and the lines of one page."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.datasets.names import NO_LABEL, class_word

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

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


def label_word(labels: "Labels", classes: tuple[str, ...], row: int) -> str:
    """A sample's label as a table says it: "Shirt", "Shirt, dropped", "no label"."""
    label = int(labels.values[row])
    return class_word(classes, label) + ("" if labels.active[row] or label == NO_LABEL else ", dropped")


def lines(
    rows: np.ndarray, dataset: "Dataset", labels: "Labels", predictions: pd.DataFrame, suspicion: np.ndarray | None
) -> pd.DataFrame:
    """One line per row of a page: id, split, label (with "dropped" where it is), prediction, confidence (percent), loss
    (nats) and, after a search, suspicion (0 to 1)."""
    classes = dataset.info.classes
    said = predictions.iloc[rows]
    ends = np.cumsum([dataset.info.counts[split] for split in ("train", "val", "test")])
    splits = np.array(["training", "validation", "test"])
    found = pd.DataFrame(
        {
            "id": dataset.ids[rows],
            "split": splits[np.searchsorted(ends, rows, side="right")],
            "label": [label_word(labels, classes, row) for row in rows],
            "prediction": [classes[label] for label in said["prediction"]],
            "confidence": 100 * said["confidence"].to_numpy(),
            "loss": said["loss"].to_numpy(),
        }
    )
    return found if suspicion is None else found.assign(suspicion=suspicion[rows])
