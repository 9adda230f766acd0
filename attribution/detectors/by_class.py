"""Influence on the validation samples added up class by class, because over all classes it cancels; shared by three
detectors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.estimators.base import Query
from attribution.measures.query import query_gradients

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel


@dataclass(frozen=True)
class ByClass:
    """Sums of S[i, v] = <grad l_i, grad l_v> at the last checkpoint over validation rows v; positive = helpful.

    ``sums`` (n, c): over the validation rows of each class. ``harm`` (n,): minus the sum of the negative entries.
    ``cosines`` (n, c): mean cosine with each class's validation gradients; 0 for a class without validation rows.
    ``counts`` (c,): validation rows of each class. All float64.
    """

    sums: np.ndarray
    harm: np.ndarray
    cosines: np.ndarray
    counts: np.ndarray


def by_class(
    trained: "TrainedModel", rows: np.ndarray, validation: np.ndarray, group: np.ndarray, n_classes: int
) -> ByClass:
    """The sums for training ``rows (n,)`` and ``validation (v,)`` rows under their current labels.

    Costs one forward and backward pass over the training rows per block of validation gradients that fits the engine's
    memory budget; never holds more than one batch of the matrix.
    """
    import torch

    engine = trained.engine()
    block = min(len(validation), engine.query_capacity(*trained.batch(validation[:4])))
    sums = np.zeros((len(rows), n_classes))
    cosines = np.zeros((len(rows), n_classes))
    harm = np.zeros(len(rows))
    for first in range(0, len(validation), block):
        part = validation[first : first + block]
        queries = query_gradients(trained, [Query(str(row), (int(row),)) for row in part])
        member = torch.nn.functional.one_hot(
            torch.as_tensor(group[first : first + block]), n_classes
        ).double()  # (q, c)
        start = 0
        for x, y in trained.batches(rows):
            dots, norms = engine.dots_and_norms(x, y, queries)  # (b, q), (b,)
            scale = (norms[:, None] * queries.norms[None, :]).clamp_min(1e-30)
            span = slice(start, start + len(y))
            sums[span] += (dots.cpu().double() @ member).numpy()
            cosines[span] += ((dots / scale).cpu().double() @ member).numpy()
            harm[span] -= dots.cpu().double().clamp_max(0).sum(1).numpy()
            trained.count(3 * len(y))
            start += len(y)
    counts = np.bincount(group, minlength=n_classes)
    return ByClass(sums, harm, cosines / np.maximum(counts, 1), counts)
