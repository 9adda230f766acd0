"""Says for each covered parameter how its gradients are had and contracted, and what that costs."""

from dataclasses import dataclass

from attribution.gradients.contract import MATERIALISE, ROWS, dot_costs, norm_costs, orders
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows
from attribution.gradients.probe import Route
from attribution.gradients.queries import keep


@dataclass(frozen=True)
class Explanation:
    """One covered parameter.

    ``path`` is "closed form", "vmap" or "loop", ``reason`` says why it is not a closed form; ``dots`` and ``norms`` name the contraction
    order (``contract.py``); ``multiply_adds`` is its estimated cost for the batch, dots and norms together, without forward and backward.
    """

    parameter: str
    layer: str
    shape: tuple[int, ...]
    path: str
    reason: str
    dots: str
    norms: str
    multiply_adds: float


def explanation(route: Route, shape: tuple[int, ...], factor: Factor | None, n_queries: int) -> Explanation:
    """The row for one parameter, from the factor that one batch gave (None: the loss does not depend on it)."""
    if factor is None:
        return Explanation(route.parameter, route.layer, shape, route.path, "the loss does not depend on it", "", "", 0.0)
    b, q = factor.count, n_queries
    dots, norms, cost = MATERIALISE, MATERIALISE, float(b * factor.numel * (q + 1))
    if isinstance(factor, Outer | Convolution):
        query = keep(factor.block(0, 1), 1 << 30)
        many = _repeated(query, q)
        dots, norms = orders(factor, many, True)
        positions = query.sizes[1] if isinstance(query, Outer) else None
        cost = dot_costs(factor.sizes, b, q, positions)[dots]
        cost += 0 if dots == MATERIALISE else norm_costs(factor.sizes, b)[norms]
    elif isinstance(factor, Rows):
        dots, norms, cost = ROWS, ROWS, float(len(factor.ids) * factor.shape[1] * (q + 1))
    return Explanation(route.parameter, route.layer, shape, route.path, route.reason, dots, norms, cost)


def _repeated(query: Factor, q: int) -> Factor:
    """A stand-in for q queries of the same form that takes no memory."""
    if isinstance(query, Outer):
        return Outer(query.left.expand(q, -1, -1, -1), query.right.expand(q, -1, -1, -1), query.shape)
    values = query.dense().expand(q, -1)
    return Dense(values, query.shape)
