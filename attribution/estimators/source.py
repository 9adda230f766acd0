"""SOURCE: the influence of a sample through the whole training, one stretch per checkpoint, each unrolled in closed
form."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators._preconditioned import curvature_of, stand_in
from attribution.estimators._tokens import token_dots
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import query_gradients

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature import GaussNewton
    from attribution.gradients.curvature.kronecker import Kronecker


@register("source")
class Source(Estimator):
    """influence(i, q) = g_q^T sum_k (prod over m > k of exp(-t_m C_m)) (1 / n) (I - exp(-t_k C_k)) C_k^-1 g_i(k).

    Stretch k ends at checkpoint k. t_k is the sum of its learning rates over 1 - momentum: how long gradient descent
    ran there. C_k is the Gauss-Newton matrix at the checkpoint by EK-FAC plus the recipe's L2 term, g_i(k) the sample's
    gradient there, g_q the query's at the end. A stretch that is short against 1 / C_k adds t_k / n times a dot
    product, as TracIn does; a long one adds (1/n) C_k^-1, as the influence function does; what was learned early is
    forgotten as later stretches contract it. t_k replaces the damping.

    The authors average several checkpoints per segment and use few segments; here every checkpoint kept is its own
    segment, so nothing is averaged. With SGD trained here only: how long loaded weights or AdamW moved along plain
    gradients is not known.
    """

    title = "Through the training (SOURCE)"
    family = "training"
    summary = (
        "How much the query's loss fell through the steps taken on this sample, counting that later training undoes "
        "part of what earlier steps did. Between TracIn and the influence function; needs no damping."
    )
    formula = "∇ℓ_qᵀ Σₖ (Π_{m>k} e^{−tₘCₘ}) (1/n)(I − e^{−tₖCₖ}) Cₖ⁻¹ ∇ℓᵢ(θₖ)"
    cost = "EK-FAC at every checkpoint, then one forward and backward pass over the training set per checkpoint."
    source = "Bae et al., Training Data Attribution via Approximate Unrolled Differentiation, arXiv 2405.12186."
    cheaper = "tracin"
    needs = "a model trained here with SGD; weights with closed-form gradients, others are left out"
    known_only = True
    unit = "nats"

    def options(self) -> dict[str, Any]:
        self._check()
        return {"segments": "checkpoints"} | ({"seed": self.seed} if self._curvatures[-1].by_chance else {})

    def notes(self) -> dict[str, Any]:
        return {"stretches": self._times} | stand_in(self._curvatures[-1])

    def query_bytes(self) -> int:
        return self.trained.parameter_bytes() * (len(self.trained.weights) + 4)

    def _check(self) -> None:
        run = self.trained.run
        recipe = run.train_config
        if run.config["source"] != "trained" or not recipe.plain:
            how = recipe.optimizer + (" and a moving average of the weights" if recipe.ema else "")
            told = f"with {how}" if run.config["source"] == "trained" else "elsewhere"
            raise UserError(
                f"Run {run.id} was trained {told}.",
                "SOURCE needs to know how far plain gradient steps went between the checkpoints, which only SGD "
                "here records.",
                "Use ekfac or trak, or train with --optimizer sgd and no --ema.",
            )

    @cached_property
    def _n(self) -> int:
        """Samples that were trained on."""
        return int(self.trained.run.config["n_train"])

    @cached_property
    def _times(self) -> list[float]:
        """Learning rate times steps over 1 - momentum of every stretch, oldest first: TracInCP's weights times n."""
        return [weight * self._n for weight in self.trained.weights]

    @cached_property
    def _curvatures(self) -> "list[GaussNewton]":
        """At every checkpoint, oldest first."""
        return [curvature_of(self.trained, self.seed, 0.0, index) for index in range(len(self._times))]

    @cached_property
    def factors(self) -> "list[Kronecker]":
        """EK-FAC at every checkpoint, oldest first."""
        from attribution.gradients.curvature import kronecker_factors

        self._check()
        return [kronecker_factors(curvature, corrected=True) for curvature in self._curvatures]

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        layout = self.factors[-1].curvature.layout
        vectors = layout.from_queries(query_gradients(self.trained, queries)).double()  # (q, P)
        self._queries = []
        for factor, time in reversed(list(zip(self.factors, self._times, strict=True))):
            l2 = factor.curvature.l2

            def learned(values: "torch.Tensor", l2: float = l2, time: float = time) -> "torch.Tensor":
                """(1 - exp(-t c)) / c, which is t where c is 0."""
                c = values + l2
                return torch.where(
                    c * time < 1e-12, torch.full_like(c, time), -torch.expm1(-time * c) / c.clamp_min(1e-300)
                )

            def kept(values: "torch.Tensor", l2: float = l2, time: float = time) -> "torch.Tensor":
                return torch.exp(-time * (values + l2))

            self._queries.append(layout.to_queries(factor.apply(vectors, learned).to(layout.dtype)))
            vectors = factor.apply(vectors, kept)
        self._queries.reverse()

    def score(self, rows: np.ndarray) -> ScoreBlock:
        x, y = self.trained.batch(rows)
        terms = [
            self.trained.engine(index).dots(x, y, queries) for index, queries in enumerate(self._queries)
        ]  # (b, q) each
        self.trained.count(3 * len(rows) * len(terms))
        return ScoreBlock((sum(terms[1:], start=terms[0]) / self._n).cpu())

    def by_token(self, row: int) -> "torch.Tensor":
        terms = [token_dots(self.trained, row, queries, index).cpu() for index, queries in enumerate(self._queries)]
        return sum(terms[1:], start=terms[0]) / self._n
