"""Gradients of queries, kept by parameter as factors where that is smaller and faster than a matrix."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from attribution.gradients.contract import blocks, contract
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, concatenate

# Of a weight of more than so many bytes, times the multiply-adds: measured to take .1 to .9 of the time with 50
# queries, up to 2.4 times with 200.
_MORE = ((1 << 20, 4.0), (1 << 18, 2.5))


@final
class QueryGradients:
    """Gradients of q queries: what every training sample is compared with.

    Build with ``engine.queries`` (one per sample), ``engine.group_query`` (one mean), ``QueryGradients.from_gradients``
    (any directions) or ``QueryGradients.stack``. ``parts`` maps a parameter's name to its factor; a parameter that is
    absent has gradient zero.
    """

    def __init__(
        self, parts: Mapping[str, Factor], count: int, budget_bytes: int = 512 << 20, *, of_samples: bool = False
    ) -> None:
        self.parts = dict(parts)
        self.count = count
        self.budget_bytes = budget_bytes
        self.of_samples = (
            of_samples  # each is one sample's own gradient, so a linear layer's weight part implies its bias part
        )

    def __len__(self) -> int:
        return self.count

    @classmethod
    def from_gradients(cls, gradients: Sequence[Mapping[str, Tensor]]) -> "QueryGradients":
        """From one dict per query, parameter name -> tensor of the parameter's shape (a mean gradient, an
        inverse-curvature product, ...)."""
        names = dict.fromkeys(name for each in gradients for name in each)
        parts: dict[str, Factor] = {}
        for name in names:
            like = next(each[name] for each in gradients if name in each)
            rows = [
                each[name].detach().reshape(-1) if name in each else like.new_zeros(like.numel()) for each in gradients
            ]
            parts[name] = Dense(torch.stack(rows), tuple(like.shape))
        return cls(parts, len(gradients))

    @classmethod
    def stack(cls, many: Sequence["QueryGradients"]) -> "QueryGradients":
        """All queries of ``many``, in order."""
        if len(many) == 1:
            return many[0]
        names = dict.fromkeys(name for each in many for name in each.parts)
        parts: dict[str, Factor] = {}
        for name in names:
            like = next(each.parts[name] for each in many if name in each.parts)
            parts[name] = concatenate([each.parts.get(name) or _zeros(like, each.count) for each in many])
        budget_bytes = max((each.budget_bytes for each in many), default=512 << 20)
        return cls(
            parts, sum(each.count for each in many), budget_bytes, of_samples=all(each.of_samples for each in many)
        )

    def take(self, start: int, stop: int) -> "QueryGradients":
        """Queries ``start..stop-1`` (views, no copy)."""
        stop = min(stop, self.count)
        parts = {name: part.block(start, stop) for name, part in self.parts.items()}
        return QueryGradients(parts, stop - start, self.budget_bytes, of_samples=self.of_samples)

    def only(self, names: Collection[str]) -> "QueryGradients":
        """The same queries over these parameters alone (views, no copy)."""
        parts = {name: part for name, part in self.parts.items() if name in names}
        return QueryGradients(parts, self.count, self.budget_bytes, of_samples=self.of_samples)

    def direction(self, index: int) -> dict[str, Tensor]:
        """The gradient of one query, parameter name -> tensor of the parameter's shape."""
        return {name: part.block(index, index + 1).dense().reshape(part.shape) for name, part in self.parts.items()}

    @cached_property
    def norms(self) -> Tensor:
        """L2 norms over all covered parameters ``(q,)``."""
        squared = [contract(part, None, self.budget_bytes)[1] for part in self.parts.values()] or [
            torch.zeros(self.count)
        ]
        return torch.stack([each for each in squared if each is not None]).sum(0).clamp_min(0).sqrt()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(part.nbytes for part in self.parts.values())


def _zeros(like: Factor, count: int) -> Factor:
    """No gradient for ``count`` queries."""
    return Dense(like.block(0, 1).dense().new_zeros(count, like.numel), like.shape)


def gathered(pieces: Mapping[int, Factor], count: int) -> Factor:
    """The gradients of ``count`` samples from pieces by their first sample, in order; samples without a piece have
    none."""
    like = next(iter(pieces.values()))
    whole: list[Factor] = []
    done = 0
    for start, piece in pieces.items():
        whole += [_zeros(like, start - done)] if start > done else []
        whole.append(piece)
        done = start + piece.count
    return concatenate(whole + ([_zeros(like, count - done)] if count > done else []))


def keep(factor: Factor, budget_bytes: int) -> Factor:
    """A factor in the form in which it is kept as a query: factors where comparing all pairs of positions beats the
    written-out product.

    Of a large weight (beyond a core's cache) also where it takes a few times more multiply-adds: these are quicker
    there than those of the written-out product, which wait for memory, and factors hold 5 to 16 times less.
    """
    if isinstance(factor, Outer | Convolution):
        _, t, o, i = factor.sizes
        more = next((more for least, more in _MORE if factor.itemsize * o * i > least), 1.0)
        if t * t * (o + i) > more * o * i:
            sample_bytes = factor.itemsize * (t * i + o * i) * factor.sizes[0]
            pieces = [factor.written(start, stop) for start, stop in blocks(factor.count, budget_bytes // sample_bytes)]
            return Dense(torch.cat(pieces) if len(pieces) > 1 else pieces[0], factor.shape)
    return factor.owned()
