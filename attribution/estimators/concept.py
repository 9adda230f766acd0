"""Concept Influence: who pushed the hidden states along a direction, instead of who made one answer likelier."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators._kronecker import KroneckerInfluence
from attribution.estimators._preconditioned import CurvatureSettings
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import weights_of
from attribution.settings.ranges import opt
from attribution.statistics.ranking import auroc

if TYPE_CHECKING:
    import torch


WITHOUT = 64  # training rows drawn to stand for texts without the concept, where nobody gave such
FOLDS = 5


@dataclass(frozen=True)
class ConceptSettings(CurvatureSettings):
    """How rows are compared with the direction."""

    by: str = opt(
        "gradient",
        "gradient: dot products with the gradient of the direction's activation; ekfac: these through EK-FAC's "
        "inverse; state: each row's own activation, without gradients.",
        choices=("gradient", "ekfac", "state"),
    )


@register("concept")
class ConceptInfluence(KroneckerInfluence):
    """influence(i, q) = -<grad l_i, H grad f_v>, f_v = mean over what is asked of <v, h(x)>, h a row's mean hidden
    state over its trained tokens, after the last layer.

    v is the difference of the mean states of the texts with the concept (questions of positive weight) and without it
    (negative weight, else ``WITHOUT`` training rows drawn by seed), scaled to length 1. Positive: training on the row
    makes the direction more active. H is 1, or with ``by`` = ekfac (1 / n) EK-FAC's damped inverse; ``state`` takes
    <v, h(i)> instead, the first-order stand-in. The notes say how well v separates texts that it was not made of, the
    AUC over ``FOLDS`` parts, and how well their length alone does: a direction that finds length is none.
    """

    title = "Direction of a concept"
    family = "gradient"
    corrected = True
    summary = (
        "How far training on the row pushes the model's hidden states towards what the texts asked about have in "
        "common. One gradient for a whole behaviour. Look at the notes: the direction must tell texts apart that it "
        "was not made of."
    )
    formula = "−⟨∇ℓᵢ, H ∇f_v⟩,  f_v = mean ⟨v, h(x)⟩"
    cost = "One forward and backward pass over the training set; by state none."
    source = "Concept Influence, arXiv 2602.14869."
    cheaper = "hidden-similarity"
    kinds = ("text",)
    instead = "cosine"
    unit = ""
    Settings = ConceptSettings
    settings: ConceptSettings

    def options(self) -> dict[str, Any]:
        own = {"by": self.settings.by, "seed": self.seed}
        return own | (super().options() if self.settings.by == "ekfac" else {})

    def notes(self) -> dict[str, Any]:
        more = super().notes() if self.settings.by == "ekfac" else {}
        return more | {"probe_auc": self._auc, "length_auc": self._length_auc}

    @cached_property
    def _drawn(self) -> np.ndarray:
        """Training rows that stand for texts without the concept."""
        rows = self.trained.rows
        return np.sort(np.random.default_rng(self.seed).permutation(rows)[:WITHOUT])

    def _sides(self, query: Query) -> tuple[np.ndarray, np.ndarray]:
        """Rows with the concept and without it."""
        rows = np.asarray(query.rows, dtype=np.int64)
        shares = weights_of(self.trained, query)
        if not (shares > 0).any():
            raise UserError(
                f"{query.name} asks about no text with the concept.",
                "A direction leads from texts without it to texts with it.",
                "Give answers that show it (unwanted).",
            )
        return rows[shares > 0], rows[shares < 0] if (shares < 0).any() else self._drawn

    def _states(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.trained.representation(rows), dtype=np.float64)

    def prepare(self, queries: Sequence[Query]) -> None:
        from attribution.gradients.queries import QueryGradients

        directions, slopes = [], []
        self._auc: dict[str, float] = {}
        self._length_auc: dict[str, float] = {}
        for query in queries:
            having, lacking = self._sides(query)
            directions.append(direction(self._states(having), self._states(lacking)))
            self._judge(query.name, having, lacking)
            if self.settings.by != "state":
                slopes.append(self._slope(having, directions[-1]))
        self._directions = np.stack(directions, 1)  # (d, q)
        if slopes:
            asked = QueryGradients.from_gradients(slopes)
            self._queries: QueryGradients = self.preconditioned(asked) if self.settings.by == "ekfac" else asked

    def _judge(self, name: str, having: np.ndarray, lacking: np.ndarray) -> None:
        """Note how well the direction, and length alone, tell the two sides apart."""
        if min(len(having), len(lacking)) < 2:
            return
        self._auc[name] = held_out(self._states(having), self._states(lacking))
        x, _ = self.trained.batch(np.concatenate([having, lacking]))
        lengths = (x[:, 1] == 1).sum(1).cpu().numpy()
        truth = np.arange(len(x)) < len(having)
        self._length_auc[name] = auroc(lengths, truth)

    def _slope(self, rows: np.ndarray, v: np.ndarray) -> "dict[str, torch.Tensor]":
        """Gradient of minus the mean activation over these rows, by parameter."""
        import torch

        from attribution.gradients.capture import evaluation
        from attribution.gradients.probe import covered_parameters
        from attribution.models.features import forward_features

        model = self.trained.model()
        parameters = covered_parameters(model)
        total = {name: torch.zeros_like(value) for name, value in parameters.items()}
        for x, _ in self.trained.batches(rows):
            with evaluation(model):
                states = forward_features(model, x)[1]
                active = -(states @ torch.as_tensor(v, dtype=states.dtype, device=states.device)).sum() / len(rows)
                found = torch.autograd.grad(active, list(parameters.values()), allow_unused=True)
            for name, slope in zip(parameters, found, strict=True):
                total[name] = total[name] if slope is None else total[name] + slope
            self.trained.count(3 * len(x))
        return total

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        if self.settings.by == "state":
            return ScoreBlock(torch.from_numpy(self._states(rows) @ self._directions))
        if self.settings.by == "ekfac":
            return super().score(rows)
        x, y = self.trained.batch(rows)
        self.trained.count(3 * len(rows))
        return ScoreBlock(self.trained.engine().dots(x, y, self._queries).cpu())

    def by_token(self, row: int) -> "torch.Tensor":
        if self.settings.by == "state":
            return Estimator.by_token(self, row)
        n = 1 if self.settings.by == "ekfac" else self.curvature.n
        return super().by_token(row) * n


def direction(having: np.ndarray, lacking: np.ndarray) -> np.ndarray:
    """From the mean of some states (n, d) to that of others, of length 1 (d,)."""
    found = having.mean(0) - lacking.mean(0)
    return np.asarray(found / max(float(np.linalg.norm(found)), 1e-30))


def held_out(having: np.ndarray, lacking: np.ndarray) -> float:
    """How well the direction between two sets of states tells apart states that it was not made of: mean AUC over parts
    of both."""
    parts = min(FOLDS, len(having), len(lacking))
    found = []
    for part in range(parts):
        out = [np.arange(len(side)) % parts == part for side in (having, lacking)]
        v = direction(having[~out[0]], lacking[~out[1]])
        scores = np.concatenate([having[out[0]] @ v, lacking[out[1]] @ v])
        found.append(auroc(scores, np.arange(len(scores)) < out[0].sum()))
    return float(np.mean(found))
