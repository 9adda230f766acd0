"""Gradients of all covered parameters laid end to end, the form in which vectors meet a curvature matrix."""

from collections.abc import Iterator, Mapping
from typing import final

import torch
from torch import Tensor, nn

from attribution.gradients.factors import Dense
from attribution.gradients.queries import QueryGradients


@final
class Layout:
    """Where each parameter lies in a vector of all of them; ``size`` is their number P."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self.shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
        self.sizes = {name: parameter.numel() for name, parameter in parameters.items()}
        self.size = sum(self.sizes.values())
        first = next(iter(parameters.values()))
        self.dtype, self.device = first.dtype, first.device

    def spans(self) -> Iterator[tuple[str, int, int]]:
        """``(name, start, stop)`` of every parameter."""
        start = 0
        for name, size in self.sizes.items():
            yield name, start, start + size
            start += size

    def join(self, gradients: Mapping[str, Tensor], m: int = 0) -> Tensor:
        """Parameter name -> ``(m, *shape)`` laid end to end, ``(m, P)``; an absent parameter counts as zero (``m``: if
        all may be)."""
        m = m or len(next(iter(gradients.values())))
        zero = torch.zeros(m, 1, dtype=self.dtype, device=self.device)
        return torch.cat(
            [gradients[n].reshape(m, -1) if n in gradients else zero.expand(m, size) for n, size in self.sizes.items()],
            1,
        )

    def split(self, vectors: Tensor) -> dict[str, Tensor]:
        """Vectors ``(m, P)`` as parameter name -> ``(m, *shape)``."""
        return {name: vectors[:, start:stop].reshape(-1, *self.shapes[name]) for name, start, stop in self.spans()}

    def from_queries(self, queries: QueryGradients) -> Tensor:
        """Query gradients written out, ``(q, P)``."""
        return self.join({name: part.dense() for name, part in queries.parts.items()})

    def to_queries(self, vectors: Tensor) -> QueryGradients:
        """Vectors ``(q, P)`` as queries that ``engine.dots`` compares with."""
        parts = {name: Dense(vectors[:, start:stop], self.shapes[name]) for name, start, stop in self.spans()}
        return QueryGradients(parts, len(vectors))
