"""What the curvature estimators share: precondition the queries' gradients once, then take dot products with the
training set's."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.estimators._hash import uniform
from attribution.estimators._tokens import token_dots
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import query_gradients
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature import GaussNewton
    from attribution.gradients.queries import QueryGradients
    from attribution.training.trained import TrainedModel


LINEAR, NETWORK = 0.1, 1.0  # damping ratios
KEEP_BYTES = 64 << 20  # the curvature's square root is written out where it fits


def usual_ratio(trained: "TrainedModel") -> float:
    """The damping ratio where none is set: 0.1 where a single linear layer is covered, 1 otherwise.

    A model that is linear in its weights and trained to its optimum needs no damping to follow leave-one-out, so it
    gets as little as keeps the inverse stable (benchmarks/convex.py: Pearson above 0.99 at 0.1, 0.96 at 1). What a
    network wants depends on how far it was trained, because stopping early damps flat directions too. By the linear
    datamodeling score over a sweep: trained to rest with a clear L2 penalty (benchmarks/lds.py) 0.1 to 1 is best and 10
    costs up to 0.18; stopped early with a weak one (benchmarks/damping.py) 10 is best, and 1 costs the exact inverse
    0.04 but the low-rank ones 0.2. The Kronecker factors like 0.1 to 1 in both.
    """
    from torch import nn

    owners = {name.rpartition(".")[0] for name in trained.parameters()}
    linear = len(owners) == 1 and isinstance(trained.model().get_submodule(next(iter(owners))), nn.Linear)
    return LINEAR if linear else NETWORK


def curvature_of(
    trained: "TrainedModel", seed: int, damping_ratio: float, checkpoint: int = -1, rows: np.ndarray | None = None
) -> "GaussNewton":
    """The curvature of the mean training loss at a checkpoint (the last one), over the training rows that are not
    dropped, or over ``rows``.

    The L2 penalty of the recipe is part of it: SGD's weight decay is the gradient of weight_decay / 2 |w|^2. AdamW's is
    no term of the loss, and the recipe of loaded weights is unknown unless they say it: both count as 0.
    """
    from attribution.gradients.curvature import GaussNewton

    rows = trained.rows if rows is None else rows
    recipe = trained.run.train_config
    known = trained.run.config["source"] == "trained"
    made = GaussNewton(
        trained.engine(checkpoint),
        lambda positions: trained.batch(rows[positions]),
        len(rows),
        lambda: uniform([str(name) for name in trained.dataset.ids[rows]], seed),
        task=trained.task,
        l2=recipe.l2 if known else float(trained.run.config.get("l2", 0.0)),
        damping_ratio=damping_ratio,
        batch_size=trained.batch_size,
        keep_bytes=int(KEEP_BYTES * trained.share),
        count=trained.count,
    )
    made.owe = trained.owe if trained.share < 1 else None
    return made


@dataclass(frozen=True)
class CurvatureSettings(Settings):
    """What every estimator with a curvature can be asked for."""

    damping_ratio: float = opt(
        0.0,
        "Damping in mean eigenvalues of the curvature; 0: 0.1 for a linear model, 1 for a network.",
        low=0.0,
        high=1e12,
    )


def stand_in(curvature: "GaussNewton") -> dict[str, str]:
    """What to note where the empirical Fisher stands for the curvature."""
    return {"curvature": f"empirical Fisher: {curvature.empirical}"} if curvature.empirical else {}


class Preconditioned(Estimator):
    """influence(i, q) = (1 / n) g_q^T (C + damping I)^-1 g_i at the last checkpoint: the drop in the query's loss owed
    to sample i, in nats.

    C is the Gauss-Newton matrix of the mean training loss plus the recipe's L2 term
    (``attribution.gradients.curvature``), damping is ``damping_ratio`` (0: ``usual_ratio``) times its mean eigenvalue:
    the same for every subclass, so their values compare. A subclass says how it solves.
    """

    family = "curvature"
    unit = "nats"
    Settings = CurvatureSettings
    settings: CurvatureSettings
    copies: ClassVar[int] = 4  # vectors of the model's size that one query takes while it is solved

    @abstractmethod
    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        """``(C + damping I)^-1`` times the queries' gradients ``(q, P)``."""

    @cached_property
    def curvature(self) -> "GaussNewton":
        """The curvature that all queries share."""
        return curvature_of(self.trained, self.seed, self._ratio)

    @property
    def _ratio(self) -> float:
        return self.settings.damping_ratio or usual_ratio(self.trained)

    def options(self) -> dict[str, Any]:
        return {"damping_ratio": self._ratio}

    def query_bytes(self) -> int:
        return self.copies * self.trained.parameter_bytes()

    def notes(self) -> dict[str, Any]:
        return {
            "damping": self.curvature.damping,
            "l2": self.curvature.l2,
            "mean_eigenvalue": self.curvature.trace / self.curvature.size,
        } | stand_in(self.curvature)

    def prepare(self, queries: Sequence[Query]) -> None:
        self._queries = self.preconditioned(query_gradients(self.trained, queries))

    def preconditioned(self, queries: "QueryGradients") -> "QueryGradients":
        """``(C + damping I)^-1`` times the queries' gradients."""
        layout = self.curvature.layout
        return layout.to_queries(self.solve(layout.from_queries(queries)))

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        dots = self.trained.engine().dots(x, y, self._queries)  # (b, q)
        self.trained.count(3 * len(rows))
        return ScoreBlock((dots / self.curvature.n).cpu())

    def by_token(self, row: int) -> "torch.Tensor":
        return token_dots(self.trained, row, self._queries).cpu() / self.curvature.n
