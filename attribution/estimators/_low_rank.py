"""What the two low-rank estimators share: a basis found once per run, kept for all queries."""

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attribution.estimators._preconditioned import Preconditioned

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature.low_rank import LowRank


class LowRankInfluence(Preconditioned):
    """The Gauss-Newton matrix replaced by one of rank ``rank``; directions outside count as flat and keep their weight
    1 / (l2 + damping).

    Dropping them instead (``rest = False``, as the authors of the Arnoldi form do) loses what the query has outside the
    basis.
    """

    rank: int = 100
    rest: bool = True

    @abstractmethod
    def basis(self) -> "LowRank":
        """Eigenvectors and eigenvalues of the approximation."""

    @cached_property
    def _basis(self) -> "LowRank":
        return self.basis()

    def options(self) -> dict[str, Any]:
        return super().options() | {"rank": self.rank, "rest": self.rest, "seed": self.seed}

    def notes(self) -> dict[str, Any]:
        explained = float(self._basis.values.sum()) / self.curvature.trace if self.curvature.trace else 1.0
        return super().notes() | {"rank": len(self._basis.values), "share_of_trace": explained}

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        return self._basis.solve(gradients, self.curvature.shift, self.rest)
