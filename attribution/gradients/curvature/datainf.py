"""DataInf: the inverse of a mean of rank-one matrices taken as the mean of their inverses, parameter by parameter."""

import torch
from torch import Tensor

from attribution.gradients.contract import blocks
from attribution.gradients.curvature.gauss_newton import GaussNewton
from attribution.gradients.factors import Factor, Rows


@torch.no_grad()
def datainf(curvature: GaussNewton, v: Tensor) -> Tensor:
    """``(C + damping I)^-1 v`` for ``v (m, P)``, approximated for each parameter tensor by itself as

        (1 / (n s)) sum_i E_k [v - (v . g_ik) / (s + |g_ik|^2) g_ik],    s = l2 + damping

    with g_ik the gradients whose mean over k and i is G (``Task.spread``): for classes those for each label as the
    model expects it. The swap of mean and inverse is exact for one sample and errs more, the more samples share a
    direction. Cost: a forward pass over the training set and a backward pass for each k, per block of queries. Source:
    Kwon et al. 2024, arXiv 2310.00902, eq. 5; theirs takes the data's labels (``labels="data"``) and a damping per
    layer.
    """
    shift, layout = curvature.shift, curvature.layout
    spans = {name: (start, stop) for name, start, stop in layout.spans()}
    taken = torch.zeros_like(v)
    for pull, weights in curvature.terms():
        for k, factors in enumerate(pull.rows()):
            for name, factor in factors.items():
                start, stop = spans[name]
                _subtract(
                    taken[:, start:stop], v[:, start:stop], factor, weights[k], shift, curvature.engine.budget_bytes
                )
    return (v - taken / curvature.n) / shift


def _subtract(taken: Tensor, v: Tensor, factor: Factor, weights: Tensor, shift: float, budget_bytes: int) -> None:
    """Add the rank-one terms of one batch of gradients to ``taken (m, p)``."""
    if isinstance(factor, Rows):  # an embedding: touch only the rows that occur
        grid = v.reshape(len(v), *factor.shape)
        squared = v.new_zeros(factor.count).index_add_(0, factor.samples, factor.values.square().sum(1))
        for query, target in zip(grid, taken.reshape(grid.shape), strict=True):
            dots = v.new_zeros(factor.count).index_add_(0, factor.samples, (query[factor.ids] * factor.values).sum(1))
            amount = weights * dots / (shift + squared)  # (b,)
            target.index_add_(0, factor.ids, amount[factor.samples, None] * factor.values)
        return
    for start, stop in blocks(factor.count, budget_bytes // (2 * factor.numel * v.itemsize)):
        g = factor.written(start, stop)  # (b, p)
        amount = weights[start:stop] / (shift + g.square().sum(1)) * (v @ g.T)  # (m, b)
        taken += amount @ g
