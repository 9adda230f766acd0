"""What several models say about the same samples, stacked: the raw material of a proof."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.tasks.figure import ACCURACY, Figure, loss

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.training.run import Run


def figures_of(dataset: "Dataset") -> tuple[Figure, ...]:
    """What a proof on these data compares, the figure that decides first."""
    return ACCURACY, loss()


def said_by(runs: "Sequence[Run]", rows: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """What the final models of ``runs`` say about these rows, ``(s, n)`` each, judged by ``values`` (n,)."""
    return stacked([said(np.asarray(run.probabilities()[rows], dtype=np.float64), values) for run in runs])


def said(probabilities: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """Per sample ``(n,)``: prediction, right, loss (nats), confidence (in the label) and certainty, from ``(n, c)``."""
    confidence = probabilities[np.arange(len(values)), values]
    predictions = probabilities.argmax(axis=1)
    return {
        "prediction": predictions,
        "right": (predictions == values).astype(np.float64),
        "loss": -np.log(np.maximum(confidence, 1e-30)),
        "confidence": confidence,
        "certainty": probabilities.max(axis=1),
    }


def stacked(each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One model's answers on the other, ``(s, n)``."""
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def groups_of(dataset: "Dataset", values: np.ndarray) -> dict[str, np.ndarray]:
    """The classes, or bands of a number, that test samples fall into: name -> (n,) bool."""
    return {name: values == index for index, name in enumerate(dataset.info.classes)}
