"""The gradients of what is asked: a measure of some rows, at a checkpoint or at other weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attribution.measures import measures
from attribution.measures.base import Measure
from attribution.settings.options import own

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.gradients.capture import Loss
    from attribution.gradients.queries import QueryGradients
    from attribution.training.trained import TrainedModel


class Asked(Protocol):
    """A query: a measure, by default the mean loss, of these rows."""

    @property
    def rows(self) -> Sequence[int]: ...

    @property
    def measure(self) -> str: ...


def measure_of(trained: "TrainedModel", name: str = "loss") -> Measure:
    """The measure called ``name`` with the settings of ``trained``; ``UserError`` where its task has none such."""
    kind: type[Measure] = measures.get(name)
    kind.check(trained.task)
    return kind(own(kind.Settings, trained.asking))


def weights_of(trained: "TrainedModel", query: Asked) -> np.ndarray:
    """What each row of a query counts ``(n,)`` float64; below 0 for rows that stand against the others."""
    return measure_of(trained, query.measure).weights(trained, np.asarray(query.rows, dtype=np.int64))


def query_gradients(trained: "TrainedModel", queries: Sequence[Asked], checkpoint: int = -1) -> "QueryGradients":
    """Prepared gradients of all queries' measures at a checkpoint, one column each, for ``engine.dots``."""
    from attribution.gradients.queries import QueryGradients

    trained.count(3 * sum(len(query.rows) for query in queries))
    names = {query.measure for query in queries}
    if len(names) == 1 and all(len(query.rows) == 1 for query in queries):
        return measure_of(trained, names.pop()).queries(trained, [query.rows[0] for query in queries], checkpoint)
    return QueryGradients.from_gradients(
        [measure_of(trained, query.measure).gradient(trained, query.rows, checkpoint) for query in queries]
    )


def mean_gradient(
    trained: "TrainedModel", query: Asked, parameters: "dict[str, Tensor]", loss: "Loss | None" = None
) -> "dict[str, Tensor]":
    """Gradient of a query's measure at the given parameters, by name; adversarial points and the two groups of a gap
    are those of the last checkpoint. Where the measure is the loss, ``loss`` is taken for it."""
    import torch
    from torch.func import functional_call

    from attribution.gradients.capture import exact_kernels

    measure = measure_of(trained, query.measure)
    rows = np.asarray(query.rows, dtype=np.int64)
    weights = measure.weights(trained, rows)
    per_sample = loss if loss and measure.name == "loss" else measure.per_sample(trained)
    leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    total = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for start in range(0, len(rows), trained.batch_size):
        x, y = trained.batch(rows[start : start + trained.batch_size])
        moved, said = measure.asked(trained, x, y)
        with exact_kernels(trained.model()):
            values = per_sample(functional_call(trained.model(), leaves, (moved,)), said)
            shares = torch.tensor(weights[start : start + trained.batch_size], dtype=values.dtype, device=values.device)
            gradients = torch.autograd.grad((values * shares).sum(), list(leaves.values()), allow_unused=True)
        for name, gradient in zip(leaves, gradients, strict=True):
            if gradient is not None:
                total[name] += gradient
        trained.count(3 * len(y))
    return total
