"""TrackStar: cosines of gradients from which the optimiser's scale and what all questions share are taken out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import register
from attribution.estimators._stored import STORED, store_of
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import measure_of
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import torch

    from attribution.gradients.capture import Loss
    from attribution.gradients.compress import Masked
    from attribution.gradients.factors import Factor
    from attribution.gradients.store import GradientStore

MOST_TASK = 512  # rows that stand for the task


@dataclass(frozen=True)
class TrackStarSettings(Settings):
    """What is taken out, and where compressed gradients are kept."""

    mixture: float = opt(
        0.9,
        "Share of the task's second moments in what is taken out; 0: the training set's alone, 1: the task's.",
        low=0.0,
        high=1.0,
    )
    store: bool = opt(False, STORED)


@register("trackstar")
class TrackStar(Estimator):
    """influence(i, q) = <phi_i, phi_q>, phi = R^-1/2 P (g / sqrt(V)) scaled to length 1.

    V are the gradients' second moments over the training set, as an optimiser like Adam keeps them: whole for small
    parameters, as a row times a column for the weights of layers (Adafactor's form). P is a random projection to
    ``dim`` numbers (GraSS's). R mixes the second moments of P (g / sqrt(V)) over the training set and over the task,
    each scaled to the same trace: the questions of a behaviour, else the validation rows (test rows where there are
    none, ``MOST_TASK`` at most). What all questions share (a template, a format) is large in the latter, and so is
    taken out. ``ridge`` times the mean eigenvalue is added to R. Without the unit lengths long and noisy rows lead.
    """

    title = "Corrected cosine (TrackStar)"
    family = "curvature"
    summary = (
        "How far the row and the query pull the model the same way, after what all questions have in common and the "
        "optimiser's own scale are taken out. Made for facts in large corpora."
    )
    formula = "⟨φᵢ, φ_q⟩,  φ = R^(−½) P (∇ℓ / √V) / ‖·‖"
    cost = "Two forward and backward passes over the training set, once; with store later questions cost none."
    source = "Chang et al., Scalable Influence and Fact Tracing for Large Language Model Pretraining, arXiv 2410.17413."
    cheaper = "cosine"
    kinds = ("text",)
    instead = "cosine or grass"
    Settings = TrackStarSettings
    settings: TrackStarSettings
    dim: int = 1024
    entries: int = 64
    ridge: float = 0.1

    def compression(self) -> dict[str, Any]:
        """What changes a compressed gradient."""
        return {"name": self.name, "dim": self.dim, "entries": self.entries, "seed": self.seed}

    def options(self) -> dict[str, Any]:
        own = {"mixture": self.settings.mixture, "ridge": self.ridge, **self.compression()}
        del own["name"]
        return own | ({"store": "bfloat16"} if self.settings.store else {})

    def query_bytes(self) -> int:
        return 8 * self.dim

    @cached_property
    def _map(self) -> "Masked":
        from attribution.gradients.compress import Masked

        return Masked(self.dim, self.seed, self.entries)

    @cached_property
    def _scales(self) -> "dict[str, torch.Tensor]":
        """1 / sqrt(V) by parameter: ``(p,)``, or of a layer's weight its two sides as NAME/left and NAME/right."""
        from attribution.gradients.second_moments import inverse_roots

        def fit() -> "dict[str, torch.Tensor]":
            trained = self.trained
            trained.count(3 * len(trained.rows))
            return inverse_roots(trained.engine().factors(x, y) for x, y in trained.batches(trained.rows))

        return self._beside.tensors("scales", fit) if self.settings.store else fit()

    @cached_property
    def _beside(self) -> "GradientStore":
        return store_of(self.trained, self.compression(), 0, self.features)

    @cached_property
    def stored(self) -> "GradientStore":
        """The training set's compressed gradients on disk."""
        return store_of(self.trained, self.compression(), self.dim, self.features)

    def features(self, x: "torch.Tensor", y: "torch.Tensor", measure: "Loss | None" = None) -> "torch.Tensor":
        """P (g / sqrt(V)) of samples (b, dim) float64; of a measure instead of the loss."""
        self.trained.count(3 * len(x))
        factors = self._scaled(self.trained.engine(-1, measure).factors(x, y))
        return self.trained.engine().compress_factors(x, y, factors, self._map).double()

    def _scaled(self, factors: "Iterator[tuple[int, int, str, Factor]]") -> "Iterator[tuple[int, int, str, Factor]]":
        from attribution.gradients.second_moments import scaled

        return ((start, stop, name, scaled(factor, name, self._scales)) for start, stop, name, factor in factors)

    @cached_property
    def _kept(self) -> "torch.Tensor":
        """The training set's compressed gradients by place in ``trained.rows`` (n, dim) float64."""
        import torch

        trained = self.trained
        if self.settings.store:
            return torch.cat([found.double() for _, found in self.stored.blocks(trained.batch_size)])
        return torch.cat([self.features(x, y).cpu() for x, y in trained.batches(trained.rows)])

    def _task_rows(self) -> np.ndarray:
        """The rows that stand for what is asked."""
        data = self.trained.dataset
        choices = (np.arange(len(data), data.end), *(data.rows(split) for split in ("val", "test", "train")))
        found = next(rows for rows in choices if len(rows))
        return found[:: -(-len(found) // MOST_TASK)]

    @cached_property
    def _turn(self) -> "torch.Tensor":
        """R^-1/2 (dim, dim)."""
        import torch

        task = torch.cat([self.features(x, y).cpu() for x, y in self.trained.batches(self._task_rows())])
        share = self.settings.mixture
        both = [(1 - share, self._kept), (share, task)]
        moments = [weight * part.T @ part / part.square().sum().clamp_min(1e-300) for weight, part in both]
        values, vectors = torch.linalg.eigh(moments[0] + moments[1])
        values = values.clamp_min(0) + self.ridge * values.mean()
        return (vectors / values.sqrt()) @ vectors.T

    def _units(self, features: "torch.Tensor") -> "torch.Tensor":
        import torch

        return torch.nn.functional.normalize(features.cpu() @ self._turn, dim=1, eps=1e-30)

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        self._directions = torch.stack([self._asked(query) for query in queries], 1)  # (dim, q)

    def _asked(self, query: Query) -> "torch.Tensor":
        """The weighted sum of the unit vectors of what is asked (dim,)."""
        import torch

        trained = self.trained
        measure = measure_of(trained, query.measure)
        rows = np.asarray(query.rows, dtype=np.int64)
        each = (measure.asked(trained, x, y) for x, y in trained.batches(rows))
        found = torch.cat([self.features(x, y, measure.per_sample(trained)) for x, y in each])
        return torch.from_numpy(measure.weights(trained, rows)) @ self._units(found)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        active = self.trained.rows
        places = np.searchsorted(active, rows).clip(max=len(active) - 1)
        known = (active[places] == rows).all()
        features = self._kept[places] if known else self.features(*self.trained.batch(rows))
        return ScoreBlock(self._units(features) @ self._directions)
