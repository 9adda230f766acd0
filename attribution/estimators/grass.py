"""GraSS: the influence function on gradients of which a random mask keeps some entries and a sparse projection adds
them up."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attribution.estimators import register
from attribution.estimators._compressed import Compressed

if TYPE_CHECKING:
    import torch

    from attribution.gradients.compress import Masked
    from attribution.gradients.factors import Factor


@register("grass")
class GrassInfluence(Compressed):
    """influence(i, q) = (1 / n) p_q^T (F + (l2 + damping) I)^-1 p_i, p = S M g: a mask M and a sparse projection S of
    the gradient g.

    The map is random, fixed by the seed and the parameters, and scaled so that inner products of p estimate those of g;
    so this is the influence function over all covered parameters with every inner product of gradients replaced by its
    estimate. Without more parameters than ``dim`` nothing is lost and it equals ``influence-exact``. Layers are masked
    by sides (inputs, output gradients), so that no full gradient is formed (``attribution.gradients.compress.Masked``).
    """

    title = "Masked gradients (GraSS)"
    summary = (
        "The influence function on a random sketch of the gradients, kept as a short vector per sample: later "
        "questions cost no further pass over the training set. Noisier than LoGra at the same size, but cheaper to "
        "make and it covers every layer."
    )
    formula = "(1/n) p_qᵀ (F + λI)⁻¹ pᵢ,  p = S M ∇ℓ"
    cost = "One backward pass over the training set per class and one more for the samples, once for all queries."
    cheaper = "ip"
    source = (
        "Hu et al., GraSS: Scalable Data Attribution with Gradient Sparsification and Sparse Projection, "
        "arXiv 2505.18976."
    )
    dim: int = 1024
    entries: int = 64

    def compression(self) -> dict[str, Any]:
        return {"dim": self.dim, "entries": self.entries, "seed": self.seed}

    @cached_property
    def _map(self) -> "Masked":
        from attribution.gradients.compress import Masked

        return Masked(self.dim, self.seed, self.entries)

    def spans(self) -> Iterator[tuple[str, int, int]]:
        yield "all", 0, min(self.dim, self.curvature.size)

    def compressed(
        self, factors: "Iterable[tuple[int, int, str, Factor]]", x: "torch.Tensor", y: "torch.Tensor"
    ) -> "torch.Tensor":
        return self.trained.engine().compress_factors(x, y, factors, self._map)[:, : self._width]
