"""LoGra: the influence function on gradients that are projected layer by layer, inputs and output gradients each to a
few directions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators._compressed import Compressed

if TYPE_CHECKING:
    import torch

    from attribution.gradients.convolution import Convolution
    from attribution.gradients.factors import Factor, Outer


@dataclass(frozen=True)
class _Projection:
    """One layer: orthonormal directions of its output gradients (o, a) and of its inputs with a 1 for the bias (i,
    b)."""

    outputs: "torch.Tensor"
    inputs: "torch.Tensor"

    @property
    def size(self) -> int:
        return self.outputs.shape[1] * self.inputs.shape[1]


@register("logra")
class LograInfluence(Compressed):
    """influence(i, q) = (1 / n) sum over layers of p_q^T (F + (l2 + damping) I)^-1 p_i, p the projected gradient of a
    layer.

    A layer's gradient is a sum over positions of (output gradient) (input)^T; each side is projected to its ``rank``
    leading directions (eigenvectors of the two Kronecker factors; a side with no more dimensions is kept whole), so p
    has at most rank^2 numbers. F is the Gauss-Newton matrix of p, written out per layer. It is the influence function
    when the weights may move inside these directions only and layers do not interact; with ``rank`` at least as large
    as every layer, that of the block-diagonal curvature. Damping: as everywhere here, ``damping_ratio`` times the mean
    eigenvalue of the whole curvature. Layers other than linear and convolution are left out.
    """

    title = "Low-rank influence (LoGra)"
    summary = (
        "The influence function in a few hundred directions per layer, kept as a short vector per sample: later "
        "questions cost no further pass over the training set. Misses what lies outside these directions."
    )
    formula = "(1/n) Σ_layers p_qᵀ (F + λI)⁻¹ pᵢ,  p = U_Sᵀ ∇_W ℓ U_A"
    cost = "Two backward passes over the training set per class and one more for the samples, once for all queries."
    source = "Choe et al., What is Your Data Worth to GPT?, arXiv 2405.13954."
    cheaper = "ip"
    needs = "linear or convolution layers; weights without closed-form gradients are left out, and that is said"
    known_only = True
    rank: int = 16

    def compression(self) -> dict[str, Any]:
        drawn = {"seed": self.seed} if self.curvature.by_chance else {}
        return {"rank": self.rank} | drawn

    @cached_property
    def projections(self) -> dict[str, _Projection]:
        """By the name of a layer's weight."""
        found = self.kept("directions", self._leading)
        names = [key.removeprefix("inputs of ") for key in found if key.startswith("inputs of ")]
        order = [name for name in self.trained.engine().covered if name in names]
        return {name: _Projection(found[f"outputs of {name}"], found[f"inputs of {name}"]) for name in order}

    def covered(self) -> list[str]:
        from attribution.gradients.compress import sided

        engine = self.trained.engine()
        layers = sided(engine.model, engine.plan(*self.trained.batch(self.trained.rows[:3])))
        biases = {name.removesuffix("weight") + "bias" for name in layers if name.endswith("weight")}
        return [name for name in engine.covered if name in {*layers, *biases}]

    def _leading(self) -> "dict[str, torch.Tensor]":
        """Leading eigenvectors of both Kronecker factors of every layer."""
        from attribution.gradients.curvature import kronecker_factors

        layers = kronecker_factors(self.curvature, corrected=False).layers
        if not layers:
            raise UserError(
                "The model has no linear or convolution layer that influence covers.",
                "LoGra projects the gradients of such layers.",
                "Use influence-cg, nystroem or grass, which take any layer.",
            )
        outputs = {f"outputs of {name}": layer.outputs[:, -self.rank :] for name, layer in layers.items()}
        return outputs | {f"inputs of {name}": layer.inputs[:, -self.rank :] for name, layer in layers.items()}

    def spans(self) -> Iterator[tuple[str, int, int]]:
        """``(layer, start, stop)``: where a layer's numbers lie in a projected gradient."""
        start = 0
        for name, projection in self.projections.items():
            yield name, start, start + projection.size
            start += projection.size

    def _part(self, name: str, factor: "Factor") -> "torch.Tensor":
        """Projected gradients of one layer (b, a * b')."""
        from attribution.gradients.convolution import Convolution
        from attribution.gradients.factors import Outer

        assert isinstance(factor, Outer | Convolution)
        projection = self.projections[name]
        left, right = _sides(factor, projection.inputs)  # (b, t, o), (b, t, i)
        left, right = left @ projection.outputs, right @ projection.inputs
        return (left.mT @ right).flatten(1)

    def compressed(
        self, factors: "Iterable[tuple[int, int, str, Factor]]", x: "torch.Tensor", y: "torch.Tensor"
    ) -> "torch.Tensor":
        import torch

        found = torch.zeros(len(x), self._width, dtype=torch.float64, device=x.device)
        places = {name: slice(start, stop) for name, start, stop in self.spans()}
        for start, stop, name, factor in factors:
            if name in places:
                found[start:stop, places[name]] = self._part(name, factor)
        return found


def _sides(factor: "Outer | Convolution", basis: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Output gradients (b, t, o) and inputs (b, t, i) of a layer in float64, a constant 1 behind the inputs where their
    basis has one for a bias."""
    import torch

    part = factor.block(0, factor.count).oriented
    left, right = part.left[:, 0].double(), part.right[:, 0].double()
    constant = len(basis) > right.shape[-1]
    return left, torch.cat([right, torch.ones_like(right[..., :1])], 2) if constant else right
