"""What influence says of a suspected leak: does the training sample match the held-out one better than others of its
class do?"""

from typing import TYPE_CHECKING

import numpy as np

from attribution.estimators.base import Query
from attribution.estimators.cosine import GradientCosine
from attribution.estimators.forward_inf import ForwardInfluence
from attribution.progress import Progress

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel

CONTROLS = 64  # training samples of the same class that a candidate is held against


def self_match(
    trained: "TrainedModel",
    rows: np.ndarray,
    others: np.ndarray,
    suspected: dict[int, set[int]],
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """For m pairs of a training row and a held-out row: ``gradient_cosine``, ``forward_inf`` (m,) float64, and the
    highest value that up to ``CONTROLS`` seeded training samples of the training row's class (of numbers: tenth) reach
    for the same held-out row (``NAME:highest``). ``suspected`` lists the training rows that may repeat a held-out row
    themselves: they are no controls for it.

    A training sample that repeats the held-out one has (nearly) its gradient, so both should exceed every control's.
    Costs, per pair, a forward and backward pass over the controls for the cosine, and a few steps on the query with one
    forward pass over the controls for Forward-INF.
    """
    training = trained.rows
    group = np.zeros(len(trained.dataset), dtype=np.int64)
    group[training] = trained.dataset.task.targets.strata(trained.labels.values[training])
    found = {name: np.full(len(rows), np.nan) for name in ("gradient_cosine", "forward_inf")}
    found |= {f"{name}:highest": np.full(len(rows), np.nan) for name in list(found)}
    chance = np.random.default_rng(seed)
    pools = {int(c): chance.permutation(training[group[training] == c]) for c in np.unique(group[rows])}
    methods = {"gradient_cosine": GradientCosine(trained, seed), "forward_inf": ForwardInfluence(trained, seed)}
    for at, (row, other) in enumerate(zip(rows.tolist(), others.tolist(), strict=True)):
        pool = pools[int(group[row])]
        others_of_class = pool[~np.isin(pool, [row, *suspected.get(other, ())])][:CONTROLS]
        asked = np.concatenate([[row], others_of_class]).astype(np.int64)
        for name, method in methods.items():
            method.prepare([Query(str(other), (other,))])
            values = np.concatenate(
                [
                    method.score(asked[start : start + trained.batch_size]).influence[:, 0].double().numpy()
                    for start in range(0, len(asked), trained.batch_size)
                ]
            )
            found[name][at] = values[0]
            found[f"{name}:highest"][at] = values[1:].max() if len(values) > 1 else np.nan
        if progress is not None:
            progress.update(at + 1, len(rows), f"asking the gradients, {at + 1} of {len(rows)} pairs")
    return found
