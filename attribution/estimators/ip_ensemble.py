"""Gradient dot products averaged over models of other seeds: what one training's chance adds, cancels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators._siblings import siblings
from attribution.estimators._tokens import token_dots
from attribution.estimators.base import Query, ScoreBlock
from attribution.estimators.ip import GradientDotProduct
from attribution.measures.query import query_gradients
from attribution.settings.options import NoSettings

if TYPE_CHECKING:
    import torch


@register("ip-ensemble")
class SeedEnsemble(GradientDotProduct):
    """influence(i, q) = mean over seeds s of <grad l_i(theta_s), grad m_q(theta_s)>, each at its last checkpoint.

    The seeds are this run and its siblings: finished runs of the same labels, network and recipe with another seed. The
    paper names an ensemble of models and not how they differ; seeds are our choice.
    """

    title = "Gradient dot product, several seeds"
    summary = (
        "The dot product averaged over models that were trained alike from other seeds. Steadier than one model's; it "
        "does not repair what dot products get wrong."
    )
    formula = "meanₛ ⟨∇ℓᵢ(θₛ), ∇ℓ_q(θₛ)⟩"
    cost = "One forward and backward pass over the training set per seed."
    source = "IP-ensemble of arXiv 2405.17490; its members are not described there."
    cheaper = "ip"
    needs = "at least two runs that differ by their seed alone"
    Settings = NoSettings  # type: ignore[assignment]

    def _members(self) -> list[Any]:
        if not hasattr(self, "_trained_models"):
            others = siblings(self.trained)
            if not others:
                seed = self.trained.run.config["seed"]
                raise UserError(
                    f"Run {self.trained.run.id} (seed {seed}) has no sibling: no other run with its labels, "
                    "network and recipe.",
                    "An ensemble averages over models that differ by their seed alone.",
                    f"Train some: `datablame train --seed {seed + 1}`, `datablame train --seed {seed + 2}`; or use ip.",
                )
            self._trained_models = [self.trained, *others]
        return self._trained_models

    def options(self) -> dict[str, Any]:
        return {"runs": [each.run.id for each in self._members()]}

    def notes(self) -> dict[str, Any]:
        return {"seeds": [each.run.config["seed"] for each in self._members()]}

    def query_bytes(self) -> int:
        return super().query_bytes() * len(self._members())

    def prepare(self, queries: Sequence[Query]) -> None:
        self._prepared = [query_gradients(each, queries) for each in self._members()]
        self._queries = self._prepared[0]

    def by_token(self, row: int) -> "torch.Tensor":
        each = zip(self._members(), self._prepared, strict=True)
        terms = [token_dots(trained, row, prepared).cpu() for trained, prepared in each]
        return sum(terms[1:], start=terms[0]) / len(terms)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        own = super().score(rows)
        x, y = self.trained.batch(rows)
        total = own.influence
        for trained, prepared in zip(self._members()[1:], self._prepared[1:], strict=True):
            total = total + trained.engine().dots(x, y, prepared).cpu()  # (b, q)
            trained.count(3 * len(rows))
        return ScoreBlock(total / len(self._prepared), own.cosine)
