"""Forward-INF with its query step preconditioned by the curvature: forward passes over the data, faithful to
leave-one-out."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators._preconditioned import Preconditioned
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.estimators.influence_cg import ConjugateGradientInfluence, SolveSettings
from attribution.measures.query import query_gradients
from attribution.settings.ranges import opt

if TYPE_CHECKING:
    import torch


SINGLE_STEP = 1e-3  # where the device has no double precision: shorter steps drown in rounding


@dataclass(frozen=True)
class SolvedSettings(SolveSettings):
    """The damping of all curvature estimators, and how the step is solved for and taken."""

    solver: str = opt("cg", "How the step is solved for: cg or ekfac.", choices=("cg", "ekfac"))
    step: float = opt(
        1e-5,
        "Length of the step in parameter space, where the device has double precision; short, so that few units cross "
        "their kink on the way.",
        above=0.0,
        high=1000.0,
    )


@register("forward-inf-preconditioned")
class PreconditionedForwardInfluence(ConjugateGradientInfluence):
    """influence(i, q) = [l_i(theta + a s) - l_i(theta - a s)] / (2 a n) with s = (C + damping I)^-1 g_q by conjugate
    gradients or EK-FAC.

    To first order this is the influence function: unlearning the query the way that training on it would have moved the
    weights raises the loss of the samples that taught it. ``a`` is such that a s has length ``step`` in parameter
    space. The solve reaches far along flat directions, so the step has to be short to stay linear (0.2, the length of
    plain Forward-INF, is too long on a small network); short steps are small differences of losses, so the losses are
    computed in float64 where the device can.
    """

    title = "Forward-INF (preconditioned)"
    family = "forward"
    summary = (
        "Unlearns the query the way training learned it, then watches which training samples get worse with it. As "
        "faithful as the influence function, and needs only forward passes over the data once the query is solved."
    )
    formula = "[ℓᵢ(θ + a s) − ℓᵢ(θ − a s)] / (2an),  s = (C + λI)⁻¹ ∇ℓ_q"
    cost = (
        "One solve by conjugate gradients per query (up to 100 passes), then two forward passes over the "
        "training set per query."
    )
    source = "After The Mirrored Influence Hypothesis, arXiv 2402.08922, with the step of arXiv 1703.04730."
    cheaper = "forward-inf"
    Settings = SolvedSettings
    settings: SolvedSettings

    def options(self) -> dict[str, Any]:
        asked = self.settings
        return super().options() | {"step": asked.step} | ({"solver": asked.solver} if asked.solver != "cg" else {})

    def notes(self) -> dict[str, Any]:
        return super().notes() if self.settings.solver == "cg" else Preconditioned.notes(self)

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        return super().solve(gradients) if self.settings.solver == "cg" else self._kronecker.solve(gradients)

    @cached_property
    def _model(self) -> "torch.nn.Module":
        """A copy of the model in the precision of the read-out."""
        import torch

        model = copy.deepcopy(self.trained.model())
        return model if self.trained.device.type == "mps" else model.to(torch.float64)

    def prepare(self, queries: Sequence[Query]) -> None:
        layout = self.curvature.layout
        directions = self.solve(layout.from_queries(query_gradients(self.trained, queries)))  # (q, P)
        self._lengths = directions.norm(dim=1).tolist()
        self._directions = layout.split(directions)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        x, y = self.trained.batch(rows)
        if x.is_floating_point():
            x = x.to(next(self._model.parameters()).dtype)
        columns = [self._column(x, y, index, length) for index, length in enumerate(self._lengths)]
        self.trained.count(2 * len(rows) * len(columns))
        return ScoreBlock(torch.stack(columns, dim=1).to(self.curvature.layout.dtype).cpu())

    def _column(self, x: "torch.Tensor", y: "torch.Tensor", index: int, length: float) -> "torch.Tensor":
        """Influences of a batch on one query (b,)."""
        import torch
        from torch.func import functional_call

        double = next(self._model.parameters()).dtype == torch.float64
        reach = self.settings.step if double else SINGLE_STEP
        # A query without gradient moves nothing: all influences are zero.
        amount = reach / length if length > 0 else 0.0
        own = dict(self._model.named_parameters())
        sides = []
        with torch.no_grad():
            for sign in (1, -1):
                moved = {
                    name: own[name] + sign * amount * step[index].to(own[name].dtype)
                    for name, step in self._directions.items()
                }
                sides.append(self.trained.task.loss(functional_call(self._model, moved, (x,)), y))
        return (sides[0] - sides[1]) * (length / (2 * reach * self.curvature.n))

    def by_token(self, row: int) -> "torch.Tensor":
        return Estimator.by_token(self, row)  # differences of losses are read off, no gradients
