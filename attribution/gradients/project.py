"""Random projections of per-sample gradients: short vectors whose inner products estimate those of the full
gradients."""

import hashlib
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from attribution.gradients.contract import at_hand, blocks
from attribution.gradients.factors import Factor, Outer, Rows

_PIECE_BYTES = 1 << 20  # pieces of this size stay near the core
_LARGE_BYTES = 256 << 20  # and elsewhere than on a CPU a piece costs calls


@final
class Sketch:
    """A sparse Johnson-Lindenstrauss map of one parameter's p entries to ``dim`` numbers.

    Every entry gets a random sign and one of ``dim`` places, each place the same number of entries up to one (a count
    sketch with balanced buckets; Charikar et al. 2002, Weinberger et al. 2009, arXiv:0902.2206). Inner products are
    unbiased with variance about ``(|u|^2 |v|^2 + <u, v>^2) / dim``, the same as with a dense Gaussian matrix, at the
    cost of one pass over the gradient. The map depends on ``seed``, ``name``, p and ``dim`` alone, never on device or
    batch. Memory: 10 bytes an entry, no ``dim x p`` matrix.
    """

    def __init__(self, name: str, numel: int, dim: int, seed: int, device: torch.device) -> None:
        digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        self.dim = dim
        self.depth = -(-numel // dim)
        slots = torch.randperm(self.depth * dim, generator=generator)[:numel]
        sign = torch.randint(0, 2, (numel,), generator=generator, dtype=torch.int8) * 2 - 1
        source, weight = (
            torch.zeros(self.depth * dim, dtype=torch.int32),
            torch.zeros(self.depth * dim, dtype=torch.int8),
        )
        source[slots] = torch.arange(numel, dtype=torch.int32)
        weight[slots] = sign  # an empty slot takes entry 0 zero times
        self._source = source.to(device)
        self._weight = weight.to(device)
        self._place = (slots % dim).to(torch.int32).to(device)
        self._sign = sign.to(device)

    def dense(self, values: Tensor) -> Tensor:
        """``(b, p)`` gradients to ``(b, dim)``."""
        entries = values.T.contiguous()  # (p, b): whole rows are taken, not single numbers
        return self._fold(len(values), values, lambda source: entries.index_select(0, source))

    def outer(self, factor: Outer) -> Tensor:
        """Gradients with one position to ``(b, dim)``: each entry is a product of two factors and is never stored."""
        h, _, o, i = factor.sizes
        left = factor.left.reshape(-1, h * o).T.contiguous()
        right = factor.right.reshape(-1, h * i).T.contiguous()

        def entries(source: Tensor) -> Tensor:
            columns = source // (o * i) * i + source % i
            return left.index_select(0, source // i) * right.index_select(0, columns)

        return self._fold(factor.count, factor.left, entries)

    def _fold(self, b: int, like: Tensor, entries: Callable[[Tensor], Tensor]) -> Tensor:
        """Sum the signed ``entries(source) (m, b)`` of each place, a piece of the slots at a time."""
        total = like.new_zeros(self.dim, b)
        piece_bytes = at_hand(like.device, _PIECE_BYTES, _LARGE_BYTES)
        for start, stop in blocks(self.depth, piece_bytes // (self.dim * b * like.itemsize)):
            span = slice(start * self.dim, stop * self.dim)
            total += (entries(self._source[span]) * self._weight[span, None]).reshape(stop - start, self.dim, b).sum(0)
        return total.T  # (b, dim)

    def rows(self, factor: Rows) -> Tensor:
        """Touched rows of an embedding to ``(b, dim)``, without the untouched ones."""
        samples = factor.samples.repeat_interleave(factor.shape[1])
        return self.scattered(samples, factor.entries().flatten(), factor.values.flatten(), factor.count)

    def scattered(self, samples: Tensor, entries: Tensor, values: Tensor, count: int) -> Tensor:
        """Single numbers ``values (m,)`` of ``count`` samples, at places ``entries (m,)`` of the gradient, to ``(count,
        dim)``."""
        places = samples * self.dim + self._place[entries].long()
        signed = values * self._sign[entries]
        return signed.new_zeros(count * self.dim).index_add_(0, places, signed).reshape(count, self.dim)


def project(factor: Factor, sketch: Sketch, budget_bytes: int) -> Tensor:
    """Projected gradients of one parameter ``(b, dim)``; full gradients exist for one block of samples at a time."""
    if isinstance(factor, Rows):
        return sketch.rows(factor)
    if isinstance(factor, Outer) and factor.sizes[1] == 1:
        return sketch.outer(factor)
    pieces = blocks(factor.count, budget_bytes // (4 * 8 * factor.numel))
    return torch.cat([sketch.dense(factor.written(start, stop)) for start, stop in pieces])
