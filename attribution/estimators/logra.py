"""LoGra: the influence function on gradients that are projected layer by layer, inputs and output gradients each to a few directions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators._preconditioned import curvature_of, usual_ratio
from attribution.estimators.base import Estimator, Query, ScoreBlock

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature import GaussNewton
    from attribution.gradients.curvature.kronecker import Kronecker
    from attribution.gradients.factors import Factor


@dataclass(frozen=True)
class _Projection:
    """One layer: orthonormal directions of its output gradients (o, a) and of its inputs with a 1 for the bias (i, b)."""

    outputs: "torch.Tensor"
    inputs: "torch.Tensor"

    @property
    def size(self) -> int:
        return self.outputs.shape[1] * self.inputs.shape[1]


@register("logra")
class LograInfluence(Estimator):
    """influence(i, q) = (1 / n) sum over layers of p_q^T (F + (l2 + damping) I)^-1 p_i, p the projected gradient of a layer.

    A layer's gradient is a sum over positions of (output gradient) (input)^T; each side is projected to its ``rank`` leading directions
    (eigenvectors of the two Kronecker factors; a side with no more dimensions is kept whole), so p has at most rank^2 numbers. F is the
    Gauss-Newton matrix of p, written out per layer. It is the influence function when the weights may move inside these directions only
    and layers do not interact; with ``rank`` at least as large as every layer, that of the block-diagonal curvature. Damping: as everywhere
    here, ``damping_ratio`` times the mean eigenvalue of the whole curvature. Layers other than linear and convolution are left out.
    """

    title = "Low-rank influence (LoGra)"
    summary = (
        "The influence function in a few hundred directions per layer, kept as a short vector per sample: later questions cost no further "
        "pass over the training set. Misses what lies outside these directions."
    )
    formula = "(1/n) Σ_layers p_qᵀ (F + λI)⁻¹ pᵢ,  p = U_Sᵀ ∇_W ℓ U_A"
    cost = "Two backward passes over the training set per class and one more for the samples, once for all queries."
    source = "Choe et al., What is Your Data Worth to GPT?, arXiv 2405.13954."
    cheaper = "ip"
    loss_only = True
    needs = "linear or convolution layers"
    unit = "nats"
    settings: ClassVar[tuple[str, ...]] = ("damping_ratio",)
    damping_ratio: float = 0.0
    rank: int = 16
    keep_bytes: int = 256 << 20  # projected gradients of the training set are kept up to this size

    def options(self) -> dict[str, Any]:
        drawn = {"seed": self.seed} if len(self.subject.dataset.info.classes) > 32 else {}
        return {"damping_ratio": self._ratio, "rank": self.rank} | drawn

    def notes(self) -> dict[str, Any]:
        return {"damping": self.curvature.damping, "l2": self.curvature.l2, "numbers per sample": self._width}

    @property
    def _ratio(self) -> float:
        return self.damping_ratio or usual_ratio(self.subject)

    def query_bytes(self) -> int:
        return 8 * self._width

    @cached_property
    def curvature(self) -> "GaussNewton":
        """The curvature whose damping and l2 are used."""
        return curvature_of(self.subject, self.seed, self._ratio)

    @cached_property
    def _kronecker(self) -> "Kronecker":
        from attribution.gradients.curvature import kronecker_factors

        found = kronecker_factors(self.curvature, corrected=False)
        if not found.layers:
            raise UserError(
                "The model has no linear or convolution layer that influence covers.",
                "LoGra projects the gradients of such layers.",
                "Use influence-cg or nystroem, which take any layer.",
            )
        return found

    @cached_property
    def projections(self) -> dict[str, _Projection]:
        """By the name of a layer's weight."""
        layers = self._kronecker.layers
        return {name: _Projection(layer.outputs[:, -self.rank :], layer.inputs[:, -self.rank :]) for name, layer in layers.items()}

    @cached_property
    def _width(self) -> int:
        return sum(projection.size for projection in self.projections.values())

    def spans(self) -> Iterator[tuple[str, int, int]]:
        """``(layer, start, stop)``: where a layer's numbers lie in a projected gradient."""
        start = 0
        for name, projection in self.projections.items():
            yield name, start, start + projection.size
            start += projection.size

    def _part(self, name: str, factor: "Factor") -> "torch.Tensor":
        """Projected gradients of one layer (b, a * b')."""
        left, right = _sides(factor, self._kronecker.layers[name].bias is not None)  # (b, t, o), (b, t, i)
        left, right = left @ self.projections[name].outputs, right @ self.projections[name].inputs
        return (left.mT @ right).flatten(1)

    def features(self, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Projected gradients of samples with these labels (b, w) float64."""
        import torch

        found = torch.zeros(len(x), self._width, dtype=torch.float64, device=x.device)
        places = {name: (start, stop) for name, start, stop in self.spans()}
        for _, _, name, factor in self.subject.engine().factors(x, y):
            if name in places:
                found[:, places[name][0] : places[name][1]] = self._part(name, factor)
        self.subject.count(3 * len(x))
        return found

    @cached_property
    def _inverse(self) -> "list[tuple[int, int, torch.Tensor]]":
        """``(start, stop, Cholesky factor of F + (l2 + damping) I)`` of every layer."""
        import torch

        blocks = [(start, stop, torch.zeros(stop - start, stop - start, dtype=torch.float64)) for _, start, stop in self.spans()]
        blocks = [(start, stop, block.to(self.subject.device)) for start, stop, block in blocks]
        for _, x, y, weights in self.curvature.labelled():
            p = self.features(x, y) * (weights.double() / self.curvature.n).sqrt()[:, None]
            for start, stop, block in blocks:
                block += p[:, start:stop].T @ p[:, start:stop]
        for _, _, block in blocks:
            block.diagonal().add_(self.curvature.shift)
        return [(start, stop, torch.linalg.cholesky(block)) for start, stop, block in blocks]

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        means = [torch.cat([self.features(x, y) for x, y in self.subject.batches(list(query.rows))]).mean(0) for query in queries]
        asked = torch.stack(means, dim=1)  # (w, q)
        parts = [torch.cholesky_solve(asked[start:stop], factor) for start, stop, factor in self._inverse]
        self._solved = torch.cat(parts) / self.curvature.n

    @cached_property
    def _kept(self) -> "torch.Tensor":
        """Projected gradients by row of the data set; NaN where not computed yet. Empty when they would not fit ``keep_bytes``."""
        import torch

        fits = 8 * self._width * len(self.subject.dataset) <= self.keep_bytes
        shape = (len(self.subject.dataset) if fits else 0, self._width)
        return torch.full(shape, torch.nan, dtype=torch.float64, device=self.subject.device)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        if not len(self._kept):
            return ScoreBlock((self.features(*self.subject.batch(rows)) @ self._solved).cpu())
        places = torch.as_tensor(rows, device=self.subject.device)
        if self._kept[places].isnan().any():
            self._kept[places] = self.features(*self.subject.batch(rows))
        return ScoreBlock((self._kept[places] @ self._solved).cpu())


def _sides(factor: "Factor", bias: bool) -> "tuple[torch.Tensor, torch.Tensor]":
    """Output gradients (b, t, o) and inputs (b, t, i) of a layer in float64, a constant 1 behind the inputs where there is a bias."""
    import torch

    from attribution.gradients.convolution import Convolution
    from attribution.gradients.factors import Outer

    assert isinstance(factor, Outer | Convolution)
    part = factor.block(0, factor.count)
    left, right = part.left[:, 0].double(), part.right[:, 0].double()
    return left, torch.cat([right, torch.ones_like(right[..., :1])], 2) if bias else right
