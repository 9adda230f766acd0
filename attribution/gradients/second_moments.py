"""Second moments of per-sample gradients, entry by entry or as a row times a column, and gradients divided by their
roots."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows

FLOOR = 1e-4
Factors = Iterable[tuple[int, int, str, Factor]]


def inverse_roots(batches: Iterable[Factors]) -> dict[str, Tensor]:
    """1 / sqrt(V), V the sum over all samples of the squared gradient, by parameter ``(p,)`` float64.

    ``FLOOR`` times the parameter's mean is added: what has no gradient but rounding (keys' biases) must not count.

    Of a weight with an output and an input side only the sums along both are kept, ``NAME/left (h, o)`` and
    ``NAME/right (h, i)``: V is then their product over the sum of all, as in Adafactor (Shazeer and Stern 2018,
    arXiv:1804.04235), so that the two sides of a gradient can be scaled each for itself.
    """
    sums: dict[str, Tensor] = {}
    for factors in batches:
        for _, _, name, factor in factors:
            for key, value in _sums(name, factor).items():
                sums[key] = sums[key] + value if key in sums else value
    roots = {key: (value + FLOOR * value.mean()).clamp_min(1e-300).rsqrt() for key, value in sums.items()}
    for key in [key for key in sums if key.endswith("/left")]:
        roots[key] *= sums[key].sum(1, keepdim=True).sqrt()
    return roots


def _sums(name: str, factor: Factor) -> dict[str, Tensor]:
    if isinstance(factor, Rows):
        squares = factor.values.new_zeros(factor.shape, dtype=torch.float64)
        return {name: squares.index_add_(0, factor.ids, factor.values.double().square()).flatten()}
    squares = factor.dense().double().square().sum(0)
    if not isinstance(factor, Outer):
        return {name: squares}
    h, _, o, i = factor.sizes
    by_side = squares.view(h, o, i)
    return {f"{name}/left": by_side.sum(2), f"{name}/right": by_side.sum(1)}


def scaled(factor: Factor, name: str, scales: Mapping[str, Tensor]) -> Factor:
    """The gradients times ``inverse_roots`` of their parameter, in the same form."""
    if isinstance(factor, Outer):
        left, right = (scales[f"{name}/{side}"].to(factor.left)[:, None] for side in ("left", "right"))
        return Outer(factor.left * left, factor.right * right, factor.shape, factor.turned)
    scale = scales[name].to(factor.values if isinstance(factor, Rows | Dense) else factor.dense())
    if isinstance(factor, Rows):
        values = factor.values * scale.view(factor.shape)[factor.ids]
        return Rows(factor.samples, factor.ids, values, factor.count, factor.shape)
    assert not isinstance(factor, Convolution)  # of texts there are none
    return Dense(factor.dense() * scale, factor.shape)
