"""Random projections of per-sample gradients: short vectors whose inner products estimate those of the full gradients."""

import hashlib
from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor

from attribution.gradients.contract import blocks
from attribution.gradients.factors import Factor, Rows


@final
class Sketch:
    """A sparse Johnson-Lindenstrauss map of one parameter's p entries to ``dim`` numbers.

    Every entry gets a random sign and one of ``dim`` places, each place the same number of entries up to one (a count sketch with balanced
    buckets; Charikar et al. 2002, Weinberger et al. 2009, arXiv:0902.2206). Inner products are unbiased with variance about
    ``(|u|^2 |v|^2 + <u, v>^2) / dim``, the same as with a dense Gaussian matrix, at the cost of one pass over the gradient. The map depends
    on ``seed``, ``name``, p and ``dim`` alone, never on device or batch. Memory: 9 to 13 bytes an entry, no ``dim x p`` matrix.
    """

    def __init__(self, name: str, numel: int, dim: int, seed: int, device: torch.device) -> None:
        digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        self.dim, self.depth = dim, -(-numel // dim)
        slots = torch.randperm(self.depth * dim, generator=generator)[:numel]
        source = torch.full((self.depth * dim,), numel, dtype=torch.int32)  # entry `numel` is a zero
        source[slots] = torch.arange(numel, dtype=torch.int32)
        self._source = source.to(device)
        self._sign = (torch.randint(0, 2, (numel,), generator=generator, dtype=torch.int8) * 2 - 1).to(device)
        self._place = (slots % dim).to(torch.int32).to(device)

    def dense(self, values: Tensor) -> Tensor:
        """``(b, p)`` gradients to ``(b, dim)``."""
        signed = torch.nn.functional.pad(values * self._sign, (0, 1))  # (b, p + 1)
        return signed.index_select(1, self._source).reshape(len(values), self.depth, self.dim).sum(1)

    def rows(self, factor: Rows) -> Tensor:
        """Touched rows of an embedding to ``(b, dim)``, without the untouched ones."""
        width = factor.shape[1]
        entries = (factor.ids[:, None] * width + torch.arange(width, device=factor.ids.device)).flatten()
        places = factor.samples.repeat_interleave(width) * self.dim + self._place[entries].long()
        signed = factor.values.flatten() * self._sign[entries]
        return signed.new_zeros(factor.count * self.dim).index_add_(0, places, signed).reshape(factor.count, self.dim)


def project(factor: Factor, sketch: Sketch, budget_bytes: int) -> Tensor:
    """Projected gradients of one parameter ``(b, dim)``; full gradients exist for one block of samples at a time."""
    if isinstance(factor, Rows):
        return sketch.rows(factor)
    itemsize = 8
    pieces: Iterable[tuple[int, int]] = blocks(factor.count, budget_bytes // (4 * itemsize * factor.numel))
    return torch.cat([sketch.dense(factor.block(start, stop).dense()) for start, stop in pieces])
