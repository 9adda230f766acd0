"""What a transform gives is found out when a project is made: its shape, and that it gives the same twice."""

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.transforms.base import Transform
from attribution.transforms.handing import augmented, make, opened, seeded_all

ASKED = 8  # samples, spread over the data


def settled_shape(dataset: Dataset, said: str) -> tuple[int, ...]:
    """The shape of one tensor that the transform ``said`` makes; ``UserError`` where it fails, draws at random, or
    gives what no model can be handed."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(ASKED, len(dataset))).round().astype(np.int64))
    transform = opened(dataset, said, ())
    shape = getattr(transform, "settled", tuple)() or _shape(transform, dataset, rows)
    settled = opened(dataset, said, shape)
    with seeded_all(1):
        first = make(settled, dataset, rows)
    with seeded_all(2):
        second = make(settled, dataset, rows)
    if not np.isfinite(first).all():
        row = rows[np.flatnonzero(~np.isfinite(first.reshape(len(rows), -1)).all(axis=1))[0]]
        raise UserError(
            f"The transform {said} gives NaN or infinity for sample {dataset.ids[row]}.",
            "A model cannot compute with it.",
            "Look for a division by 0 in it.",
        )
    if not np.array_equal(first, second):
        raise UserError(
            f"The transform {said} gives another tensor the second time.",
            "Scores are about one input per sample; random augmentation is for training.",
            "Give this one as the training transform (--train-transform), and a fixed one as --transform.",
        )
    return shape


def check_training(dataset: Dataset, said: str, shape: tuple[int, ...]) -> None:
    """``UserError`` where the training transform ``said`` gives another shape than the one for scoring."""
    rows = np.unique(np.linspace(0, len(dataset.rows("train")) - 1, 4).round().astype(np.int64))
    augmented(dataset, rows, said, shape, rows)


def _shape(transform: Transform, dataset: Dataset, rows: np.ndarray) -> tuple[int, ...]:
    """That of the first sample's tensor; of packed texts (k, L) with the length of the longest."""
    with seeded_all(1):
        shapes = [make(transform, dataset, np.array([row])).shape[1:] for row in rows]
        if len(set(shapes)) > 1 and all(len(one) == 2 for one in shapes):
            every = dataset.rows("all")
            return max((make(transform, dataset, every[i : i + 1]).shape[1:] for i in every), key=lambda one: one[-1])
    return shapes[0]
