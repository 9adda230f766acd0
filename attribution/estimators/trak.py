"""TRAK: the model linearised, its gradients projected, and the resulting logistic regression's influence in closed
form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators._preconditioned import KEEP_BYTES
from attribution.estimators._stored import STORED, store_of
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.gradients.store import GradientStore
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import torch

    from attribution.training.trained import TrainedModel


@dataclass(frozen=True)
class TrakSettings(Settings):
    """Where projected gradients are kept."""

    store: bool = opt(False, STORED)


@register("trak")
class Trak(Estimator):
    """influence(i, q) = mean_m phi_m(q)' (Phi_m' Phi_m + ridge I)^-1 phi_m(i) * mean_m (1 - p_m(i)).

    phi is the gradient of the margin log(p / (1 - p)) of a sample's label, randomly projected to ``dim`` numbers, or
    whole when the model has no more parameters than that; Phi stacks those of the active training rows; m runs over the
    checkpoints of the run and of ``others``: runs of the same recipe with other seeds, which is what makes TRAK strong.
    A query of several rows gets the mean over them. Positive: training on i raises the query's margin, so it lowers its
    loss. ``relative_ridge`` is in units of the mean eigenvalue of Phi' Phi; without it the inverse does not exist when
    samples are fewer than ``dim``. Among 0.001 to 1 the largest was the most faithful on 1,000 digits: LDS .57 against
    .35 at 0.01, over five checkpoints of a small network, two draws.
    """

    title = "TRAK"
    family = "curvature"
    compared = 5
    summary = (
        "What the sample added to the query's margin in a linearised copy of the model, with similar samples sharing "
        "the credit. Averages over checkpoints; several runs make it better."
    )
    formula = "meanₘ φ_q'(Φ'Φ + λI)⁻¹φᵢ · meanₘ(1 − pᵢ),  φ = P'∇ log(p/(1−p))"
    cost = (
        "Two forward and backward passes with a projection over the training set per checkpoint; one where the "
        "projections fit 64 MB."
    )
    source = "Park et al., TRAK: Attributing Model Behavior at Scale, arXiv 2303.14186."
    cheaper = "ip"
    loss_only = True
    needs = "several checkpoints or runs (works with one, less well)"
    unit = "logits of margin"
    Settings = TrakSettings
    settings: TrakSettings
    dim = 512
    relative_ridge = 1.0

    def __init__(
        self,
        trained: "TrainedModel",
        seed: int = 0,
        settings: TrakSettings | None = None,
        others: Sequence["TrainedModel"] = (),
    ) -> None:
        super().__init__(trained, seed, settings)
        self.models = [(each, index) for each in (trained, *others) for index in range(len(each.weights))]
        self._factors: list[torch.Tensor] = []
        self._stores: dict[int, GradientStore] = {}
        self._kept: dict[
            int, torch.Tensor
        ] = {}  # phi and 1 - p of all training rows (n, d + 1) by model, where they fit in memory

    def options(self) -> dict[str, Any]:
        return {
            "dim": self.dim,
            "relative_ridge": self.relative_ridge,
            "seed": self.seed,
            "runs": [s.run.id for s, _ in self.models],
        } | ({"store": "bfloat16"} if self.settings.store else {})

    def query_bytes(self) -> int:
        return 8 * self.dim * len(self.models)

    def _features(self, model: int, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """phi (b, d) of one model in float64 on the CPU: the inverse needs the digits, and d is small."""
        import torch

        trained, index = self.models[model]
        engine = trained.engine(index, trained.task.log_odds)
        trained.count(3 * len(y))
        if sum(value.numel() for value in trained.parameters(index).values()) > self.dim:
            return engine.project(x, y, self.dim, self.seed + model).cpu().double()
        return torch.cat([part.flatten(1) for part in engine.gradients(x, y).values()], dim=1).cpu().double()

    def _doubt(self, model: int, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """1 - p of the labels, or what the task has for it, (b,) float64."""
        import torch

        trained, index = self.models[model]
        trained.count(len(y))
        with torch.no_grad():
            return trained.task.doubt(trained.model(index)(x), y).cpu().double()

    def _both(self, model: int, rows: np.ndarray) -> "tuple[torch.Tensor, torch.Tensor]":
        """phi (b, d) and 1 - p (b,) of training rows: computed, kept from before, or from the store where ``store`` is
        set."""
        if self.settings.store:
            found = self._stored(model).vectors(rows).double()
            return found[:, :-1], found[:, -1]
        if model in self._kept:
            places = np.searchsorted(self.trained.rows, rows).clip(max=len(self.trained.rows) - 1)
            if np.array_equal(self.trained.rows[places], rows):
                found = self._kept[model][places]
                return found[:, :-1], found[:, -1]
        x, y = self.trained.batch(rows)
        return self._features(model, x, y), self._doubt(model, x, y)

    def _stored(self, model: int) -> "GradientStore":
        """What one model has on disk: phi, and 1 - p as the last column. Rows of a store are those of this estimator's
        data."""
        import torch

        if model not in self._stores:
            trained, index = self.models[model]
            size = sum(value.numel() for value in trained.parameters(index).values())
            settings = {"name": "trak", "dim": self.dim, "seed": self.seed + model, "checkpoint": index}

            def features(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
                return torch.cat([self._features(model, x, y), self._doubt(model, x, y)[:, None]], 1)

            self._stores[model] = store_of(trained, settings, min(size, self.dim) + 1, features, index)
        return self._stores[model]

    def _prepare_factors(self) -> None:
        """Cholesky factors of the damped Phi' Phi (d, d), one per model."""
        import torch

        rows = self.trained.rows
        fits = (
            not self.settings.store and 8 * len(rows) * self.dim * len(self.models) <= KEEP_BYTES * self.trained.share
        )
        for model in range(len(self._factors), len(self.models)):
            total: Any = 0.0
            kept = []
            for start in range(0, len(rows), self.trained.batch_size):
                batch = rows[start : start + self.trained.batch_size]
                if fits or self.settings.store:
                    phi, doubt = self._both(model, batch)
                    kept += [torch.cat([phi, doubt[:, None]], 1)] if fits else []
                else:
                    phi = self._features(model, *self.trained.batch(batch))  # (b, d)
                total = total + phi.T @ phi
            if kept:
                self._kept[model] = torch.cat(kept)
            ridge = self.relative_ridge * total.diagonal().mean().clamp_min(1e-30)
            self._factors.append(torch.linalg.cholesky(total + ridge * torch.eye(len(total), dtype=total.dtype)))

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        self._prepare_factors()
        self._solved = []
        rows = [row for query in queries for row in query.rows]
        sizes = [len(query.rows) for query in queries]
        for model, factor in enumerate(self._factors):
            features = torch.cat([self._features(model, x, y) for x, y in self.trained.batches(rows)])
            means = [part.mean(0) for part in features.split(sizes)]
            self._solved.append(torch.cholesky_solve(torch.stack(means, dim=1), factor))  # (d, q)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        kernel, doubt = [], []
        for model in range(len(self.models)):
            phi, unsure = self._both(model, rows)
            kernel.append(phi @ self._solved[model])  # (b, q)
            doubt.append(unsure)
        return ScoreBlock(torch.stack(kernel).mean(0) * torch.stack(doubt).mean(0)[:, None])
