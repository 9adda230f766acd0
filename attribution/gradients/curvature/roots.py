"""The square root of the Gauss-Newton matrix as rows in layer factors, and products with it that never write the rows
of a linear layer out."""

from collections.abc import Callable, Mapping
from typing import final

import torch
from torch import Tensor

from attribution.gradients.contract import contract
from attribution.gradients.factors import Dense, Rows
from attribution.gradients.pullback import Pullback, Shared

# Rows' products with the vectors (b, m, r), and what adds the rows times such amounts.
Met = tuple[Tensor, Callable[[Tensor], None]]


@final
class RowProducts:
    """Sums over samples and rows r of ``<r, v> r`` for m vectors v at once, gathered batch by batch.

    ``vectors``: parameter name -> ``(m, *shape)``. ``totals`` has the same form (an untouched parameter is absent) and
    ``squares`` is the sum of the rows' squared norms. A linear layer with one position meets the vectors through its
    inputs, which all rows of a sample share: b m o i multiply-adds instead of b r m o i; everything else is written out
    for one batch, r b times its size.
    """

    def __init__(self, vectors: Mapping[str, Tensor], budget_bytes: int) -> None:
        self.vectors = {name: vector.contiguous() for name, vector in vectors.items()}
        self.budget_bytes = budget_bytes
        self.totals: dict[str, Tensor] = {}
        self.squares = 0.0
        self._room = next(iter(self.vectors.values())).new_empty(0)

    def add(self, pull: Pullback) -> None:
        """All rows of one batch."""
        written: dict[str, list[Tensor]] = {}
        sparse: dict[str, list[Rows]] = {}
        for factors in pull:
            for name, factor in factors.items():
                if isinstance(factor, Rows):
                    sparse.setdefault(name, []).append(factor)
                else:
                    written.setdefault(name, []).append(factor.written(0, factor.count))
        every = [self._shared(layer) for layer in pull.shared]
        every += [self._written(name, parts) for name, parts in written.items()]
        every += [self._sparse(name, parts) for name, parts in sparse.items()]
        if every:
            amounts = torch.stack([dots for dots, _ in every]).sum(0)  # <row, vector> (b, m, r)
            for _, give in every:
                give(amounts)

    def _shared(self, layer: Shared) -> Met:
        """A linear layer with one position: all rows of a sample share its inputs."""
        weight = self.vectors[layer.weight]  # (m, o, i)
        lefts = layer.lefts  # (r, b, o)
        inputs = layer.inputs  # (b, i)
        m, o, i = weight.shape
        b = len(inputs)
        bias = None if layer.bias is None else self.vectors[layer.bias]  # (m, o)
        left = lefts.permute(1, 2, 0).contiguous()  # (b, o, r)
        lengths = inputs.square().sum(1)  # (b,)
        self.squares += float(left.square().sum((1, 2)) @ (lengths if bias is None else lengths + 1))
        room = self._scratch(b * m * o)
        torch.mm(inputs, weight.view(m * o, i).T, out=room.view(b, m * o))
        if bias is not None:
            room.view(b, m * o).add_(bias.view(m * o))
        dots = torch.bmm(room.view(b, m, o), left)

        def give(amounts: Tensor) -> None:
            moved = torch.bmm(amounts, lefts.transpose(0, 1), out=self._scratch(b * m * o).view(b, m, o)).flatten(
                1
            )  # (b, m o)
            self._total(layer.weight).view(m * o, i).addmm_(moved.T, inputs)
            if layer.bias is not None:
                self._total(layer.bias).view(m * o).addmv_(moved.T, torch.ones_like(lengths))

        return dots, give

    def _scratch(self, size: int) -> Tensor:
        """Numbers to write over, the same memory every time: fresh memory costs more than what is computed into it."""
        if len(self._room) < size:
            self._room = self._room.new_empty(size)
        return self._room[:size]

    def _written(self, name: str, parts: list[Tensor]) -> Met:
        """Rows written out, ``(b, p)`` for each k."""
        vector = self.vectors[name]
        rows = torch.stack(parts, 1)  # (b, r, p)
        b, r, p = rows.shape
        self.squares += float(rows.square().sum())
        dots = rows.reshape(b * r, p) @ vector.reshape(len(vector), p).T

        def give(amounts: Tensor) -> None:
            self._total(name).view(-1, p).addmm_(amounts.transpose(1, 2).reshape(b * r, -1).T, rows.reshape(b * r, p))

        return dots.reshape(b, r, -1).transpose(1, 2), give

    def _sparse(self, name: str, parts: list[Rows]) -> Met:
        """An embedding: only the touched rows."""
        vector = self.vectors[name]
        columns = []
        for part in parts:
            dots, squares = contract(part, Dense(vector.reshape(len(vector), -1), part.shape), self.budget_bytes)
            assert dots is not None
            assert squares is not None
            columns.append(dots)
            self.squares += float(squares.sum())

        def give(amounts: Tensor) -> None:
            for k, part in enumerate(parts):
                weighted = amounts[part.samples, :, k][:, :, None] * part.values[:, None]  # (e, m, d)
                total = weighted.new_zeros(part.shape[0], *weighted.shape[1:]).index_add_(0, part.ids, weighted)
                self._total(name).add_(total.transpose(0, 1).reshape(vector.shape))

        return torch.stack(columns, 2), give

    def _total(self, name: str) -> Tensor:
        """Where the sums of a parameter are gathered."""
        if name not in self.totals:
            self.totals[name] = torch.zeros_like(self.vectors[name])
        return self.totals[name]
