"""What the estimators on compressed gradients share: a curvature of the compressed gradients, and vectors that are
kept."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators._preconditioned import CurvatureSettings, curvature_of, stand_in, usual_ratio
from attribution.estimators._stored import STORED, store_of
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.gradients.store import GradientStore
from attribution.measures.query import measure_of
from attribution.settings.ranges import opt

if TYPE_CHECKING:
    import torch

    from attribution.gradients.capture import Loss
    from attribution.gradients.curvature import GaussNewton
    from attribution.gradients.factors import Factor


@dataclass(frozen=True)
class CompressedSettings(CurvatureSettings):
    """The damping of all curvature estimators, and where compressed gradients are kept."""

    store: bool = opt(False, STORED)


class Compressed(Estimator):
    """influence(i, q) = (1 / n) p_q^T (F + (l2 + damping) I)^-1 p_i, p the compressed gradient, F its Gauss-Newton
    matrix, in blocks.

    A subclass says how gradients are compressed and into which blocks F is cut. Damping: as everywhere here,
    ``damping_ratio`` times the mean eigenvalue of the whole curvature. The training set's vectors are kept in memory up
    to ``keep_bytes``; with ``store`` they, the map and F are kept on disk in the run's folder, and later questions read
    them: no pass over the training set. They are rounded to bf16 there (F is not).
    """

    family = "curvature"
    unit = "nats"
    Settings = CompressedSettings
    settings: CompressedSettings
    keep_bytes: int = 256 << 20

    @abstractmethod
    def compression(self) -> dict[str, Any]:
        """The settings that change a compressed gradient."""

    @abstractmethod
    def spans(self) -> Iterator[tuple[str, int, int]]:
        """``(name, start, stop)``: the blocks of F along a compressed gradient."""

    @abstractmethod
    def compressed(
        self, factors: "Iterable[tuple[int, int, str, Factor]]", x: "torch.Tensor", y: "torch.Tensor"
    ) -> "torch.Tensor":
        """Compressed gradients (b, w), from the factors of a batch as ``engine.factors`` gives them."""

    def features(self, x: "torch.Tensor", y: "torch.Tensor", measure: "Loss | None" = None) -> "torch.Tensor":
        """Compressed gradients of samples with these labels (b, w) float64; of a measure instead of the loss."""
        self.trained.count(3 * len(x))
        return self.compressed(self.trained.engine(-1, measure).factors(x, y), x, y).double()

    def asked(self, query: Query) -> "torch.Tensor":
        """The compressed gradient of what is asked (w,) float64."""
        import torch

        trained = self.trained
        measure = measure_of(trained, query.measure)
        rows = np.asarray(query.rows, dtype=np.int64)
        shares = torch.from_numpy(measure.weights(trained, rows)).to(trained.device)  # (v,)
        each = (measure.asked(trained, x, y) for x, y in trained.batches(rows))
        return shares @ torch.cat([self.features(x, y, measure.per_sample(trained)) for x, y in each])

    def fitted(self) -> "list[torch.Tensor]":
        """F (stop - start, stop - start) float64 of every span; one pass that yields the trace of the whole curvature
        as well."""
        import torch

        from attribution.gradients.contract import contract

        curvature = self.curvature
        budget_bytes = self.trained.engine().budget_bytes
        squares = 0.0
        spans = [slice(start, stop) for _, start, stop in self.spans()]
        sizes = [span.stop - span.start for span in spans]
        blocks = [torch.zeros(size, size, dtype=torch.float64, device=self.trained.device) for size in sizes]
        for positions in curvature.batches():
            x, y = self.trained.batch(self.trained.rows[positions])
            for factors in curvature.roots(positions, curvature.labels).rows():
                p = self.compressed([(0, len(x), name, factor) for name, factor in factors.items()], x, y)
                for block, span in zip(blocks, spans, strict=True):
                    block += p[:, span].T @ p[:, span]
                found = [contract(factor, None, budget_bytes)[1] for factor in factors.values()]
                squares += sum(float(square.double().sum()) for square in found if square is not None)
        curvature.keep_trace(squares / curvature.n)
        return [block / curvature.n for block in blocks]

    def options(self) -> dict[str, Any]:
        return (
            {"damping_ratio": self._ratio} | self.compression() | ({"store": "bfloat16"} if self.settings.store else {})
        )

    def notes(self) -> dict[str, Any]:
        return {
            "damping": self.curvature.damping,
            "l2": self.curvature.l2,
            "numbers per sample": self._width,
        } | stand_in(self.curvature)

    @property
    def _ratio(self) -> float:
        return self.settings.damping_ratio or usual_ratio(self.trained)

    def query_bytes(self) -> int:
        return 8 * self._width

    @cached_property
    def curvature(self) -> "GaussNewton":
        """The curvature whose damping and l2 are used."""
        return curvature_of(self.trained, self.seed, self._ratio)

    @cached_property
    def _width(self) -> int:
        return max(stop for _, _, stop in self.spans())

    def kept(self, name: str, make: "Callable[[], dict[str, torch.Tensor]]") -> "dict[str, torch.Tensor]":
        """Tensors that belong to the run: from the store if there is to be one, on this device."""
        if not self.settings.store:
            return make()
        return {key: value.to(self.trained.device) for key, value in self._beside.tensors(name, make).items()}

    @cached_property
    def _beside(self) -> "GradientStore":
        """The store without its vectors: what is kept beside them is needed before their width is known."""
        return store_of(self.trained, {"name": self.name, "seed": self.seed} | self.compression(), 0, self.features)

    @cached_property
    def stored(self) -> "GradientStore":
        """The training set's compressed gradients on disk."""
        return store_of(
            self.trained, {"name": self.name, "seed": self.seed} | self.compression(), self._width, self.features
        )

    @cached_property
    def _inverse(self) -> "list[tuple[int, int, torch.Tensor]]":
        """``(start, stop, Cholesky factor of F + (l2 + damping) I)`` of every block."""
        import torch

        def fit() -> dict[str, torch.Tensor]:
            blocks = {str(place): block for place, block in enumerate(self.fitted())}
            return blocks | {"trace": torch.tensor(self.curvature.trace, dtype=torch.float64)}

        found = self.kept("curvature", fit)
        self.curvature.keep_trace(float(found["trace"]))
        factors = []
        for place, (_, start, stop) in enumerate(self.spans()):
            block = found[str(place)]
            block.diagonal().add_(self.curvature.shift)
            factors.append((start, stop, torch.linalg.cholesky(block)))
        return factors

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        inverse = self._inverse
        asked = torch.stack([self.asked(query) for query in queries], dim=1)  # (w, q)
        parts = [torch.cholesky_solve(asked[start:stop], factor) for start, stop, factor in inverse]
        self._solved = torch.cat(parts) / self.curvature.n

    @cached_property
    def _kept(self) -> "torch.Tensor":
        """Compressed gradients by row of the data set; NaN where not computed yet. Empty when they would not fit
        ``keep_bytes``."""
        import torch

        fits = 8 * self._width * len(self.trained.dataset) <= self.keep_bytes
        shape = (len(self.trained.dataset) if fits else 0, self._width)
        return torch.full(shape, torch.nan, dtype=torch.float64, device=self.trained.device)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        if self.settings.store:
            return ScoreBlock((self.stored.vectors(rows).to(self.trained.device, torch.float64) @ self._solved).cpu())
        if not len(self._kept):
            return ScoreBlock((self.features(*self.trained.batch(rows)) @ self._solved).cpu())
        places = torch.as_tensor(rows, device=self.trained.device)
        if self._kept[places].isnan().any():
            self._kept[places] = self.features(*self.trained.batch(rows))
        return ScoreBlock((self._kept[places] @ self._solved).cpu())
