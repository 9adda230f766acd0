"""What K-FAC and EK-FAC share: factors fitted once per run, kept for all queries."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.estimators._preconditioned import Preconditioned

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature.kronecker import Kronecker
    from attribution.gradients.queries import QueryGradients


class KroneckerInfluence(Preconditioned):
    """The Gauss-Newton matrix replaced by one Kronecker product per layer, with biases; see ``kronecker_factors``.

    The factors are those of the true Fisher (labels as the model expects them, summed exactly up to 32 classes, drawn
    above). Damping is absolute and the same for all layers.
    """

    corrected: ClassVar[bool]
    needs = "weights with closed-form gradients; others are left out, and that is said"
    known_only = True
    contrary = False  # an inverse keeps the sign of g with itself, not that of two gradients under two labels

    @cached_property
    def _factors(self) -> "Kronecker":
        from attribution.gradients.curvature import kronecker_factors

        return kronecker_factors(self.curvature, self.corrected)

    def options(self) -> dict[str, Any]:
        return super().options() | ({"seed": self.seed} if self.curvature.by_chance else {})

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        return self._factors.solve(gradients)

    def preconditioned(self, queries: "QueryGradients") -> "QueryGradients":
        return self._factors.solve_queries(queries)
