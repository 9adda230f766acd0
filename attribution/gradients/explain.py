"""Says for each covered parameter how its gradients are had and contracted, and what that costs beside a forward
pass."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

from attribution.gradients.contract import MATERIALISE, PAIRS, ROWS, dot_costs, norm_costs, orders
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows
from attribution.gradients.probe import Plan, Route
from attribution.gradients.queries import keep

FORWARD_MODE, WITH_WEIGHT = "forward mode", "with weight"


@dataclass(frozen=True)
class Explanation:
    """One covered parameter.

    ``path`` is "closed form", "vmap" or "loop", ``reason`` says why it is not a closed form; ``dots`` and ``norms``
    name the contraction order (``contract.py``; forward mode; with weight: a bias that comes with its layer's weight),
    empty where not asked for; ``multiply_adds`` is its estimated cost for the batch, without forward and backward,
    ``forward`` what the layer itself costs in a forward pass (0 for embeddings and element-wise layers), ``held_bytes``
    the factors that are held at once: on a CPU, those of a block of the batch.
    """

    parameter: str
    layer: str
    shape: tuple[int, ...]
    path: str
    reason: str
    dots: str
    norms: str
    multiply_adds: float
    forward: float
    held_bytes: int

    def along(self) -> "Explanation":
        """By ``engine.along`` in forward mode: beside the layer's output its derivative, by input and by weight."""
        return replace(self, dots=FORWARD_MODE, multiply_adds=2 * self.forward, held_bytes=0)

    def with_weight(self) -> "Explanation":
        """A bias, had from the numbers that compare the weight."""
        return replace(
            self, dots=WITH_WEIGHT if self.dots else "", norms=WITH_WEIGHT if self.norms else "", multiply_adds=0.0
        )

    def times(self, blocks: float) -> "Explanation":
        """Of a batch that has so many blocks like this one."""
        return replace(self, multiply_adds=blocks * self.multiply_adds, forward=blocks * self.forward)


@final
class Explanations(list[Explanation]):
    """All covered parameters; ``str`` is a table."""

    @property
    def forward(self) -> float:
        """Multiply-adds of a forward pass over the batch, as far as these parameters take part."""
        return sum(row.forward for row in self)

    @property
    def share(self) -> float:
        """What comparing costs over what the forward pass costs; the backward pass to the layers' outputs is about one
        more."""
        return sum(row.multiply_adds for row in self) / max(1.0, self.forward)

    def __str__(self) -> str:
        head = ("parameter", "layer", "path", "dots", "norms", "multiply-adds", "held", "of forward")
        lines = [
            (
                row.parameter,
                row.layer,
                row.path,
                row.dots or "-",
                row.norms or "-",
                f"{row.multiply_adds:.3g}",
                f"{row.held_bytes / 2**20:.2f} MiB",
                f"{100 * row.multiply_adds / max(1.0, self.forward):.1f} %",
            )
            for row in self
        ]
        total = sum(row.held_bytes for row in self) / 2**20
        sums = (
            "all",
            "",
            "",
            "",
            "",
            f"{sum(row.multiply_adds for row in self):.3g}",
            f"{total:.2f} MiB",
            f"{100 * self.share:.1f} %",
        )
        table = [head, *lines, sums]
        widths = [max(len(line[column]) for line in table) for column in range(len(head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
        )


def explained(
    plan: Plan,
    shapes: Mapping[str, tuple[int, ...]],
    seen: Mapping[str, Factor],
    n_queries: int,
    norms: bool,
    written: bool,
) -> list[Explanation]:
    """The rows of all parameters, for a batch that gave the factors ``seen``; the request as in ``engine.explain``."""
    rows = {
        route.parameter: explanation(
            route, shapes[route.parameter], seen.get(route.parameter), n_queries, norms, written
        )
        for route in plan.routes
    }
    if n_queries == 1 and written and not norms and plan.plain:
        return [row.along() for row in rows.values()]
    for weight, bias in plan.biases.items():
        by_pairs = {rows[weight].dots, rows[weight].norms} <= {PAIRS, ""}
        if weight in seen and by_pairs and not (written and n_queries):
            rows[bias] = rows[bias].with_weight()
    return list(rows.values())


def explanation(
    route: Route, shape: tuple[int, ...], factor: Factor | None, n_queries: int, norms: bool, written: bool
) -> Explanation:
    """The row for one parameter, from the factor that one batch gave (None: the loss does not depend on it)."""
    about = (route.parameter, route.layer, shape, route.path, route.reason)
    if factor is None:
        return Explanation(*about[:4], "the loss does not depend on it", "", "", 0.0, 0.0, 0)
    b = factor.count
    q = n_queries
    dots, by_norm = MATERIALISE if q else "", MATERIALISE if norms else ""
    cost = float(b * factor.numel * (q + norms))
    forward = 0.0
    if isinstance(factor, Outer | Convolution):
        h, t, o, i = factor.sizes
        forward = float(b * h * t * o * i)
        query = None
        if q:
            one = keep(factor.block(0, 1), 1 << 30)
            query = _repeated(Dense(one.dense(), one.shape) if written else one, q)
        dots, by_norm = orders(factor, query, norms)
        positions = query.sizes[1] if isinstance(query, Outer) else None
        cost = dot_costs(factor.sizes, b, q, positions)[dots] if dots else 0.0
        cost += norm_costs(factor.sizes, b)[by_norm] if by_norm and dots != MATERIALISE else 0.0
    elif isinstance(factor, Rows):
        dots, by_norm = ROWS if q else "", ROWS if norms else ""
        cost = float(len(factor.ids) * factor.shape[1] * (q + norms))
    return Explanation(*about, dots, by_norm, cost, forward, factor.nbytes)


def _repeated(query: Factor, q: int) -> Factor:
    """A stand-in for q queries of the same form that takes no memory."""
    if isinstance(query, Outer):
        return Outer(query.left.expand(q, -1, -1, -1), query.right.expand(q, -1, -1, -1), query.shape)
    values = query.dense().expand(q, -1)
    return Dense(values, query.shape)
