"""Second moments of per-sample gradients in a layer's eigenbasis, over several weighted sums of the outputs, in the
cheapest of three exact ways.

A sample's gradient in row k is ``sum_t left[k, t] outer right[t]`` over t positions; what goes in is the same in every
row. Wanted is the sum over rows and samples of its squared entries, turned by the eigenvectors of both sides:

``written``: write each gradient out and turn it, K o i (t + o + i) multiply-adds a sample;
``sides``: turn the inputs once and each row's left sides, then multiply them, t i^2 + K t o (o + i);
``pairs``: of the turned sides, products of two positions each: their left ones summed over the rows meet the right ones
in one matrix product, t i^2 + K t o^2 + o i t (t + 1) / 2, so that rows cost next to nothing.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from attribution.gradients.contract import blocks
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Outer

WRITTEN, SIDES, PAIRS = "written", "sides", "pairs"
_ELEMENTWISE = 8  # an entry that is squared and summed costs about this many multiply-adds of a matrix product
_NEAR_BYTES = 64 << 20  # of turned inputs at once


def way(sizes: tuple[int, int, int, int], rows: int) -> str:
    """The cheapest way for a layer of these sizes ``(1, t, o, i)`` and so many rows."""
    _, t, o, i = sizes
    turned = t * i * i + rows * t * o * o
    pairs = t * (t + 1) // 2
    costs = {
        WRITTEN: rows * o * i * (t + o + i + _ELEMENTWISE),
        SIDES: turned + rows * o * i * (t + _ELEMENTWISE),
        PAIRS: turned + pairs * (o * i + _ELEMENTWISE * (rows * o + i)),
    }
    return min(costs, key=lambda name: costs[name])


def by_sides(
    rows: Sequence[Outer | Convolution],
    turned_inputs: Callable[[Tensor], Tensor],
    outputs: Tensor,
    how: str,
    budget_bytes: int,
) -> Tensor:
    """Sum over rows and samples of the squared gradients in the eigenbasis ``(o, i)``, ``how`` being ``sides`` or
    ``pairs``.

    ``rows`` are the gradients of the same samples in each row; ``turned_inputs`` maps inputs ``(any, i)`` to the
    eigenbasis, ``outputs (o, o)`` are the eigenvectors of the other side.
    """
    _, t, o, i = rows[0].sizes
    pairs = t * (t + 1) // 2 if how == PAIRS else t
    each_bytes = rows[0].itemsize * (2 * t * i + pairs * i + pairs * o + len(rows) * t * o + (how == SIDES) * o * i)
    total = outputs.new_zeros(0)
    for start, stop in blocks(rows[0].count, min(budget_bytes, _NEAR_BYTES) // each_bytes):
        part = rows[0].block(start, stop)
        right = turned_inputs(part.right[:, 0].flatten(0, 1)).view(stop - start, t, -1)  # (b, t, i)
        basis = outputs.to(right.dtype)
        lefts = (_left(row, start, stop) @ basis for row in rows)  # each (b, t, o)
        found = _paired(lefts, right) if how == PAIRS else _multiplied(lefts, right)
        total = found if not len(total) else total + found
    return total.double()


def _left(row: Outer | Convolution, start: int, stop: int) -> Tensor:
    """Output gradients of a block of samples ``(b, t, o)``."""
    return row.left[start:stop, 0] if isinstance(row, Outer) else row.outputs(start, stop)


def _multiplied(lefts: Iterable[Tensor], right: Tensor) -> Tensor:
    return torch.stack([(left.mT @ right).square_().sum(0) for left in lefts]).sum(0)


def _paired(lefts: Iterable[Tensor], right: Tensor) -> Tensor:
    """Off the diagonal each pair stands for two; rounding may leave a little less than nothing."""
    first, second = torch.triu_indices(right.shape[1], right.shape[1], device=right.device)
    weights = torch.where(first == second, 1.0, 2.0).to(right.dtype)[:, None]
    meeting = right[:, first] * right[:, second] * weights  # (b, p, i)
    summed = torch.zeros((), dtype=right.dtype, device=right.device)
    for left in lefts:
        summed = summed + left[:, first] * left[:, second]  # (b, p, o)
    return (summed.flatten(0, 1).T @ meeting.flatten(0, 1)).clamp_min_(0)
