"""Per-sample gradients of one parameter, kept as the factors that a backward pass yields instead of as a matrix.

A weight's gradient for sample s is ``sum_t left[s, t] outer right[s, t]`` over the positions t where the layer was
applied (Goodfellow 2015, arXiv:1510.01799; Rochette et al. 2019, arXiv:1912.06015), so dots and norms follow from the
factors. Four kinds suffice: ``Dense`` (small parameters and the fallback), ``Outer`` (linear layers), ``Rows``
(embeddings) and ``Convolution`` (its own file).
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import final

import torch
from torch import Tensor


class Factor(ABC):
    """The gradients of one parameter of shape ``shape`` for ``count`` samples."""

    shape: tuple[int, ...]
    count: int

    @property
    def numel(self) -> int:
        """Entries of the parameter, p."""
        return int(torch.Size(self.shape).numel())

    @abstractmethod
    def block(self, start: int, stop: int) -> "Factor":
        """The samples ``start..stop-1`` only."""

    @abstractmethod
    def dense(self) -> Tensor:
        """Materialised gradients ``(count, p)``."""

    def written(self, start: int, stop: int) -> Tensor:
        """Gradients of a block of samples, written out ``(stop - start, p)``."""
        return self.block(start, stop).dense()

    @abstractmethod
    def owned(self) -> "Factor":
        """The same values in storage of their own, safe to keep after the pass."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes held."""


@final
class Dense(Factor):
    """Gradients written out: ``values`` is ``(b, p)``."""

    def __init__(self, values: Tensor, shape: tuple[int, ...]) -> None:
        self.values = values
        self.shape = tuple(shape)
        self.count = values.shape[0]

    def block(self, start: int, stop: int) -> "Dense":
        return Dense(self.values[start:stop], self.shape)

    def dense(self) -> Tensor:
        return self.values

    @property
    def columns(self) -> Tensor:
        """``(p, b)``, from now on with the samples of an entry side by side: a product with many gradients is up to
        twice as fast on a CPU."""
        if self.values.stride(0) != 1 < self.count:
            self.values = self.values.T.contiguous().T
        return self.values.T

    def owned(self) -> "Dense":
        return Dense(self.values.clone(memory_format=torch.contiguous_format), self.shape)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes


@final
class Outer(Factor):
    """Sums of outer products: ``left (b, h, t, o)``, ``right (b, h, t, i)`` with h groups and t positions; p = h * o *
    i. ``turned``: the left side are a layer's inputs, for a weight that is kept as (inputs, outputs)."""

    def __init__(self, left: Tensor, right: Tensor, shape: tuple[int, ...], turned: bool = False) -> None:
        self.turned = turned
        self.left = left
        self.right = right
        self.shape = tuple(shape)
        self.count = left.shape[0]

    @property
    def left_bytes(self) -> int:
        """Bytes of the left sides."""
        return self.left.nbytes

    @property
    def single(self) -> bool:
        """Whether each gradient is one outer product: one group, one position."""
        return self.left.shape[1] == self.left.shape[2] == 1

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return self.left.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers."""
        return self.left.dtype

    @property
    def device(self) -> torch.device:
        """Where the factors are."""
        return self.left.device

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Groups, positions, outputs and inputs per group: ``(h, t, o, i)``."""
        _, h, t, o = self.left.shape
        return h, t, o, self.right.shape[-1]

    @property
    def oriented(self) -> "Outer":
        """With the outputs' gradients left and the inputs right: that of the transposed weight where it is turned."""
        return Outer(self.right, self.left, self.shape[::-1]) if self.turned else self

    def block(self, start: int, stop: int) -> "Outer":
        return Outer(self.left[start:stop], self.right[start:stop], self.shape, self.turned)

    def narrowed(self, start: int, stop: int, outputs: Tensor, inputs: Tensor) -> "Outer":
        """A block of samples with these outputs and inputs of every group alone."""
        left = self.left[start:stop].index_select(-1, outputs)
        right = self.right[start:stop].index_select(-1, inputs)
        return Outer(left, right, (self.sizes[0] * len(outputs) * len(inputs),))

    def dense(self) -> Tensor:
        h, t, o, i = self.sizes
        if t == 1:
            return (self.left.transpose(-1, -2) * self.right).reshape(self.count, -1)  # (b, p)
        left = self.left.transpose(-1, -2).reshape(self.count * h, o, t)
        return torch.bmm(left, self.right.reshape(self.count * h, t, i)).reshape(self.count, -1)  # (b, p)

    def owned(self) -> "Outer":
        form = torch.contiguous_format
        return Outer(self.left.clone(memory_format=form), self.right.clone(memory_format=form), self.shape, self.turned)

    @property
    def nbytes(self) -> int:
        return self.left.nbytes + self.right.nbytes


@final
class Rows(Factor):
    """An embedding's gradients: for each pair of a sample and a row that it touched, one summed vector.

    ``samples (m,)`` and ``ids (m,)`` int64, ``values (m, d)``; every (sample, id) pair occurs once, ordered by sample.
    """

    def __init__(self, samples: Tensor, ids: Tensor, values: Tensor, count: int, shape: tuple[int, ...]) -> None:
        self.samples = samples
        self.ids = ids
        self.values = values
        self.count = count
        self.shape = tuple(shape)

    @classmethod
    def gather(cls, ids: Tensor, gradients: Tensor, shape: tuple[int, ...], padding: int | None) -> "Rows":
        """Sum the output gradients ``(b, t, d)`` of equal ids ``(b, t)`` within each sample; the padding row gets no
        gradient."""
        count = len(ids)
        rows = shape[0]
        keys = (torch.arange(count, device=ids.device)[:, None] * rows + ids).flatten()
        values = gradients.reshape(-1, shape[1])
        kept = (values != 0).any(1)  # padded positions are most of a short text
        if padding is not None:
            kept &= ids.flatten() != padding
        unique, inverse = torch.unique(keys[kept], return_inverse=True)
        summed = values.new_zeros(len(unique), shape[1]).index_add_(0, inverse, values[kept])
        return cls(unique // rows, unique % rows, summed, count, shape)

    def block(self, start: int, stop: int) -> "Rows":
        kept = (self.samples >= start) & (self.samples < stop)
        return Rows(self.samples[kept] - start, self.ids[kept], self.values[kept], stop - start, self.shape)

    def dense(self) -> Tensor:
        rows, width = self.shape
        full = self.values.new_zeros(self.count * rows, width)
        full[self.samples * rows + self.ids] = self.values
        return full.reshape(self.count, -1)  # (b, p)

    def owned(self) -> "Rows":
        return self

    @property
    def nbytes(self) -> int:
        return self.samples.nbytes + self.ids.nbytes + self.values.nbytes

    def entries(self) -> Tensor:
        """Where the values stand in the written-out gradient ``(m, d)``."""
        width = self.shape[1]
        return self.ids[:, None] * width + torch.arange(width, device=self.ids.device)

    @cached_property
    def by_row(self) -> tuple[Tensor, Tensor, Tensor]:
        """``(order (m,), first (rows,), many (rows,))``: entries sorted by row, where each row's entries begin and how
        many there are."""
        many = torch.bincount(self.ids, minlength=self.shape[0])
        return torch.argsort(self.ids), many.cumsum(0) - many, many

    def meetings(self, other: "Rows") -> tuple[Tensor, Tensor]:
        """Index pairs ``(mine (k,), theirs (k,))`` of all entries that touch the same row: all that two sparse
        gradients have in common."""
        order, first, many = other.by_row
        counts = many[self.ids]
        mine = torch.repeat_interleave(torch.arange(len(self.ids), device=self.ids.device), counts)
        within = torch.arange(len(mine), device=self.ids.device) - (counts.cumsum(0) - counts)[mine]
        return mine, order[first[self.ids[mine]] + within]


def concatenate(parts: list[Factor]) -> Factor:
    """The samples of all parts one after the other; outer products with fewer positions are padded with zeros, which is
    exact."""
    if len(parts) == 1:
        return parts[0]
    shape = parts[0].shape
    outers = [part for part in parts if isinstance(part, Outer)]
    if len(outers) == len(parts):
        longest = max(part.sizes[1] for part in outers)
        pads = [(0, 0, 0, longest - part.sizes[1]) for part in outers]
        sides = [
            torch.cat(
                [torch.nn.functional.pad(getattr(part, side), pad) for part, pad in zip(outers, pads, strict=True)]
            )
            for side in ("left", "right")
        ]
        return Outer(sides[0], sides[1], shape, outers[0].turned)
    rows = [part for part in parts if isinstance(part, Rows)]
    if len(rows) == len(parts):
        starts = [sum(part.count for part in rows[:index]) for index in range(len(rows))]
        samples = torch.cat([part.samples + start for part, start in zip(rows, starts, strict=True)])
        ids = torch.cat([part.ids for part in rows])
        values = torch.cat([part.values for part in rows])
        return Rows(samples, ids, values, sum(part.count for part in rows), shape)
    return Dense(torch.cat([part.dense().T for part in parts], 1).T, shape)  # as ``Dense.columns`` wants it
