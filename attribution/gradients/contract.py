"""Dots and norms of per-sample gradients from their factors, in the cheapest order and in blocks that fit a memory
budget.

For a layer with h groups, t positions, o outputs and i inputs, b samples and q queries there are four exact orders:
``pairs``: compare left with left and right with right for all pairs of positions, b q h t t' (o + i) multiply-adds;
``materialise``: write the b gradients out and take one matrix product with the queries, b h o i (t + q);
``direction``: push the inputs through each query as if it were the layer's weight, b t q h o i, best for one or two
queries; ``sides``: for one position, multiply the queries by the longer side of all samples, then by the other, b q o i
and nothing written out.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows

PAIRS = "pairs"
MATERIALISE = "materialise"
DIRECTION = "direction"
SIDES = "sides"
ROWS = "rows"
_ELEMENTWISE = 4  # an elementwise pass costs about this many multiply-adds of a matrix product per entry
_LONG = 1 << 16  # entries that one sum may have
_CACHE_BYTES = 4 << 20  # on a CPU, blocks of this size keep patches and gradients near the core


def at_hand(device: torch.device, near_bytes: int, budget_bytes: int) -> int:
    """Bytes to work on at once: on a CPU what stays near the core, elsewhere, where calls are dear and memory is there,
    what may be had."""
    return min(near_bytes, budget_bytes) if device.type == "cpu" else budget_bytes


def blocks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """``(start, stop)`` pairs that cover ``range(total)`` in steps of ``size`` (at least 1)."""
    size = max(1, size)
    for start in range(0, total, size):
        yield start, min(total, start + size)


def dot_costs(
    sizes: tuple[int, int, int, int], b: int, q: int, query_positions: int | None, parts: int = 1
) -> dict[str, float]:
    """Multiply-adds of each order; ``query_positions`` is t' when the queries are kept as factors, None when written
    out. Factors are written out anew for each of the ``parts`` that the samples are taken in."""
    h, t, o, i = sizes
    build = parts * q * h * query_positions * o * i if query_positions else 0
    costs: dict[str, float] = {
        MATERIALISE: b * h * o * i * (t + _ELEMENTWISE + q) + build,
        DIRECTION: b * h * t * q * o * (i + _ELEMENTWISE) + build,
    }
    if query_positions:
        costs[PAIRS] = b * q * h * t * query_positions * (o + i + _ELEMENTWISE)
    elif h == t == 1 < q:
        costs[SIDES] = b * q * (o * i + min(o, i))
    return costs


def norm_costs(sizes: tuple[int, int, int, int], b: int) -> dict[str, float]:
    """Multiply-adds of squared norms by pairs of positions and by writing the gradients out."""
    h, t, o, i = sizes
    return {PAIRS: b * h * t * t * (o + i + _ELEMENTWISE), MATERIALISE: b * h * o * i * (t + _ELEMENTWISE)}


def cheapest(costs: dict[str, float]) -> str:
    """The name of the smallest cost."""
    return min(costs, key=lambda name: costs[name])


def contract(
    train: Factor, query: Factor | None, budget_bytes: int, norms: bool = True, bias: bool = False
) -> tuple[Tensor | None, Tensor | None]:
    """Dots with every query and squared norms of one parameter's per-sample gradients.

    Returns ``(dots (b, q) or None without queries, squared norms (b,) or None if not asked for)``; temporaries stay
    near ``budget_bytes``. ``bias``: those of the layer's bias are to be counted in, allowed where ``with_bias`` holds.
    """
    if isinstance(train, Rows):
        return _rows(train, query, budget_bytes, norms)
    if isinstance(train, Outer | Convolution):
        return _outer(train, query, budget_bytes, norms, bias)
    values = train.dense()
    dots = None if query is None else _against_dense(values, query, budget_bytes)
    return dots, torch.linalg.vector_norm(values, dim=1).square_() if norms else None


def with_bias(train: Factor, query: Factor | None, norms: bool) -> bool:
    """Whether the layer's bias can be had with its weight, nearly for free: a bias is the weight of one more input that
    is always 1, so where positions are compared the products of the inputs grow by 1."""
    return isinstance(train, Outer) and set(orders(train, query, norms)) <= {PAIRS, ""}


def _against_dense(values: Tensor, query: Factor, budget_bytes: int) -> Tensor:
    """``(b, p)`` gradients times queries, written out block by block where they are factors."""
    if isinstance(query, Dense):
        return _long_product(values, query.columns)  # (b, q)
    size = budget_bytes // (query.numel * values.itemsize)
    return torch.cat([values @ query.block(start, stop).dense().T for start, stop in blocks(query.count, size)], 1)


def _long_product(rows: Tensor, columns: Tensor) -> Tensor:
    """``rows @ columns``; on a CPU in pieces, since one sum over millions of entries loses three digits in float32."""
    p = columns.shape[0]
    if p <= _LONG or rows.device.type != "cpu":
        return rows @ columns
    total = rows[:, :_LONG] @ columns[:_LONG]
    for start, stop in blocks(p - _LONG, _LONG):
        total += rows[:, start + _LONG : stop + _LONG] @ columns[start + _LONG : stop + _LONG]
    return total


def _outer(
    train: Outer | Convolution, query: Factor | None, budget_bytes: int, norms: bool, bias: bool
) -> tuple[Tensor | None, Tensor | None]:
    query = Dense(query.dense(), query.shape) if isinstance(query, Rows) else query
    order, by_norm = orders(train, query, norms)
    if isinstance(train, Outer) and train.single and _small(order, by_norm, query):
        compared = None if query is None else _pairs(train, query, bias) if order == PAIRS else _direction(train, query)
        return compared, _norms(train, bias) if norms else None
    dots, squared = [], []
    for start, stop in blocks(train.count, _sample_block(train, query, order, by_norm, budget_bytes)):
        full, part = _block(train, start, stop, order, by_norm)
        if query is not None and order == MATERIALISE:
            dots.append(_against_dense(full, query, budget_bytes))
        elif query is not None and isinstance(train, Convolution) and order == DIRECTION:
            dots.append(train.along(start, stop, query.dense()))
        elif query is not None:
            dots.append(_by_factors(part, query, order, budget_bytes, bias))
        if norms:  # one pass over what is written out, where squares would be written out as well
            whole = MATERIALISE in (order, by_norm)
            squared.append(torch.linalg.vector_norm(full, dim=1).square_() if whole else _norms(part, bias))
    return _joined(dots, 0) if query is not None else None, _joined(squared, 0) if norms else None


def _block(train: Outer | Convolution, start: int, stop: int, order: str, by_norm: str) -> tuple[Any, Any]:
    """A block's gradients written out ``(b, p)`` and as sides of positions, each where an order asks for it."""
    full = train.written(start, stop) if MATERIALISE in (order, by_norm) else None
    sided = order == SIDES or (order == DIRECTION and isinstance(train, Outer))
    return full, train.block(start, stop) if sided or PAIRS in (order, by_norm) else None


def _small(order: str, by_norm: str, query: Factor | None) -> bool:
    """Whether samples of one position need no temporaries beyond the size of the result and of the inputs."""
    return by_norm != MATERIALISE and (
        order in (PAIRS, "") or (order == DIRECTION and query is not None and query.count == 1)
    )


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    """``torch.cat`` that does not copy a single part."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def orders(train: Outer | Convolution, query: Factor | None, norms: bool) -> tuple[str, str]:
    """The chosen orders for dots and for norms; empty where not asked for. Norms come free where the dots write the
    gradients out."""
    if query is None:
        return _chosen(train.sizes, train.count, None, None, norms, 1)
    positions = query.sizes[1] if isinstance(query, Outer) else None
    return _chosen(train.sizes, train.count, query.count, positions, norms, _parts(train) if positions else 1)


def _parts(train: Outer | Convolution) -> int:
    """In how many parts the samples are taken where their gradients are written out."""
    near_bytes = at_hand(train.device, _CACHE_BYTES, 1 << 60) if isinstance(train, Convolution) else 1 << 60
    return -(-train.count // max(1, near_bytes // (train.itemsize * train.numel)))


@lru_cache(maxsize=1024)  # asked again for every batch
def _chosen(
    sizes: tuple[int, int, int, int], b: int, q: int | None, positions: int | None, norms: bool, parts: int
) -> tuple[str, str]:
    order = cheapest(dot_costs(sizes, b, q, positions, parts)) if q is not None else ""
    if not norms or order == MATERIALISE:
        return order, order if norms else ""
    return order, cheapest(norm_costs(sizes, b))


def _pair_bytes(train: Outer | Convolution, query: Factor | None, order: str) -> int:
    """Temporary bytes for one sample and one query."""
    _, t, o, i = train.sizes
    if order == PAIRS and isinstance(query, Outer):
        return 2 * train.itemsize * t * query.sizes[1]
    if order == SIDES:
        return train.itemsize * min(o, i)
    return train.itemsize * (2 * t * o if order == DIRECTION else 1)


def _sample_block(train: Outer | Convolution, query: Factor | None, order: str, by_norm: str, budget_bytes: int) -> int:
    """Samples taken at once."""
    h, t, o, i = train.sizes
    entries = h * t * i if isinstance(train, Convolution) else 0
    if MATERIALISE in (order, by_norm):
        entries += h * o * i
    elif by_norm == PAIRS and t > 1:
        entries += 2 * h * t * t
    queries = 0 if query is None else query.count if order == SIDES else min(query.count, 64)
    limit = at_hand(train.device, _CACHE_BYTES, budget_bytes) if isinstance(train, Convolution) else budget_bytes
    return limit // max(1, train.itemsize * entries + queries * _pair_bytes(train, query, order))


def _by_factors(part: Outer, query: Factor, order: str, budget_bytes: int, bias: bool) -> Tensor:
    """Dots ``(b, q)`` without writing the samples' gradients out, in blocks of queries."""
    if order == SIDES:
        return _sides(part, query)
    size = budget_bytes // (part.count * _pair_bytes(part, query, order))
    pieces = [query] if size >= query.count else [query.block(start, stop) for start, stop in blocks(query.count, size)]
    return _joined([_pairs(part, piece, bias) if order == PAIRS else _direction(part, piece) for piece in pieces], 1)


def _pairs(part: Outer, query: Factor, bias: bool) -> Tensor:
    """Dots by comparing all pairs of positions ``(b, q)``."""
    assert isinstance(query, Outer)
    h, t, o, i = part.sizes
    b = part.count
    q = query.count
    s = query.sizes[1]
    if part.single and s == 1:
        right = part.right.view(b, i) @ query.right.view(q, i).T
        return (part.left.view(b, o) @ query.left.view(q, o).T).mul_(right.add_(1) if bias else right)
    total = part.left.new_zeros(b, q)
    for group in range(h):
        left = part.left[:, group].reshape(b * t, o) @ query.left[:, group].reshape(q * s, o).T  # (b t, q s)
        right = part.right[:, group].reshape(b * t, i) @ query.right[:, group].reshape(q * s, i).T
        left *= right.add_(1) if bias else right
        total += left.reshape(b, t, q, s).sum((1, 3))
    return total


def _sides(part: Outer, query: Factor) -> Tensor:
    """Dots ``(b, q)`` of samples with one position: the longer side goes through one large product, the shorter through
    small ones."""
    assert isinstance(query, Dense)
    _, _, o, i = part.sizes
    left = part.left.reshape(-1, o)
    right = part.right.reshape(-1, i)
    weights = query.columns.unflatten(0, (o, i))  # (o, i, q)
    if o >= i:
        return torch.bmm(right[:, None], (left @ weights.flatten(1)).view(len(left), i, -1))[:, 0]
    pushed = torch.bmm(right.expand(o, -1, -1), weights)  # (o, b, q)
    return torch.bmm(left[:, None], pushed.transpose(0, 1))[:, 0]


def _direction(part: Outer, query: Factor) -> Tensor:
    """Dots by pushing inputs through the queries as weights ``(b, q)``."""
    h, t, o, i = part.sizes
    b, q = part.count, query.count
    weight = query.dense().reshape(q, h, o, i)
    if part.single and q == 1:
        return torch.linalg.vecdot(part.right.view(b, i) @ weight.view(o, i).T, part.left.view(b, o))[:, None]
    total = part.left.new_zeros(b, q)
    for group in range(h):
        pushed = part.right[:, group].reshape(b * t, i) @ weight[:, group].reshape(q * o, i).T  # (b t, q o)
        total += (pushed.reshape(b, t, q, o) * part.left[:, group][:, :, None]).sum((1, 3))
    return total


def _norms(part: Outer, bias: bool) -> Tensor:
    """Squared norms from pairs of positions ``(b,)``; with one position |left|^2 |right|^2."""
    h, t, o, i = part.sizes
    if t == 1:
        left, right = (
            torch.linalg.vecdot(part.left, part.left),
            torch.linalg.vecdot(part.right, part.right),
        )  # (b, h, 1)
        products = left.mul_(right.add_(1) if bias else right)
        return products.view(part.count) if h == 1 else products.sum((1, 2))
    left = part.left.reshape(-1, t, o)
    right = part.right.reshape(-1, t, i)
    inputs = torch.bmm(right, right.mT)  # (b h, t, t)
    gram = torch.bmm(left, left.mT).mul_(inputs.add_(1) if bias else inputs)
    return gram.reshape(part.count, -1).sum(1)


def _rows(train: Rows, query: Factor | None, budget_bytes: int, norms: bool) -> tuple[Tensor | None, Tensor | None]:
    squared = (
        train.values.new_zeros(train.count).index_add_(0, train.samples, train.values.square().sum(1))
        if norms
        else None
    )
    if query is None:
        return None, squared
    if isinstance(query, Rows):
        return _meeting_rows(train, query, budget_bytes), squared
    rows_bytes = train.values.itemsize * train.shape[1]
    parts = []
    for start, stop in blocks(query.count, budget_bytes // (2 * rows_bytes * train.shape[0])):
        weight = query.block(start, stop).dense().reshape(stop - start, *train.shape).transpose(0, 1)  # (rows, q, d)
        total = train.values.new_zeros(train.count, stop - start)
        for first, last in blocks(len(train.ids), budget_bytes // (2 * rows_bytes * (stop - start))):
            compared = torch.bmm(weight[train.ids[first:last]], train.values[first:last, :, None])[..., 0]  # (m, q)
            total.index_add_(0, train.samples[first:last], compared)
        parts.append(total)
    return torch.cat(parts, 1), squared


def _meeting_rows(train: Rows, query: Rows, budget_bytes: int) -> Tensor:
    """Dots of two sparse gradients ``(b, q)``: only entries that touch the same row meet."""
    mine, theirs = train.meetings(query)
    places = train.samples[mine] * query.count + query.samples[theirs]
    total = train.values.new_zeros(train.count * query.count)
    for start, stop in blocks(len(mine), budget_bytes // (3 * train.values.itemsize * train.shape[1])):
        products = train.values[mine[start:stop]] * query.values[theirs[start:stop]]
        total.index_add_(0, places[start:stop], products.sum(1))
    return total.reshape(train.count, query.count)
