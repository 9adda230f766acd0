"""Nearest rows of large tables: cells that the triangle inequality rules out are skipped, so close pairs are found for
certain."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.neighbors.exact import largest, nearest_among
from attribution.neighbors.means import means, squared_distances
from attribution.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SHARE = 0.03  # of all pairs that may be compared: it sets how far the search is certain
PROBES = 12  # cells searched per row at least
TRAINED = 32  # rows per cell that k-means looks at
CHECKED = 500  # rows searched exactly, too
ASKED = 32_768  # rows whose cells are listed at once
ROUNDING = 1e-5  # of squared lengths, ten times what float32 loses


@dataclass(frozen=True)
class Found:
    """The nearest rows of q queries: ``places`` (q, k) int64, nearest first, -1 where there were fewer; ``squared`` (q,
    k) float32, their squared distances. Each pair closer than ``certain`` was compared; ``recall`` is the share found
    of the true k nearest that are not the same point, for ``CHECKED`` queries."""

    places: np.ndarray
    squared: np.ndarray
    certain: float
    recall: float


@dataclass(frozen=True)
class _Cells:
    """The points (n, d) in the order of their cells, with the rows (n,) they were, where each of m cells ends, and the
    centres."""

    points: "Tensor"
    rows: "Tensor"
    ends: list[int]
    centres: "Tensor"  # (m, d)
    apart: "Tensor"  # (m, m), distances between the centres


def nearest_in_reach(
    queries: np.ndarray, points: np.ndarray, k: int, *, seed: int = 0, progress: Progress | None = None
) -> Found:
    """The ``k`` rows of ``points`` (n, d) nearest to every query (q, d), nearly: from the cells that could hold a close
    one.

    About 2 √n cells are placed by k-means. A point of the cell of c' is closer to c' than to a query's own centre c, so
    it is at least (|q - c'|² - |q - c|²) / (2 |c - c'|) away. Cells for which that is within ``certain`` are searched,
    and the ``PROBES`` nearest in any case. ``certain`` is the largest radius at which about ``SHARE`` of all pairs are
    compared, at most the median distance of a checked query to its nearest other point. Costs (2 √n + ``SHARE`` n) q d
    multiplications; holds the points and queries once more. Same input and seed, same output.
    """
    import torch

    work = progress or Progress()
    base, asked = (torch.as_tensor(np.array(rows, dtype=np.float32)) for rows in (points, queries))
    middle = base.mean(0)
    base -= middle
    asked -= middle  # short vectors lose less to rounding
    k = min(k, len(base))
    cells = _cells(base, seed)
    checked = torch.randperm(len(asked), generator=torch.Generator().manual_seed(seed + 1))[:CHECKED]
    true = torch.as_tensor(nearest_among(asked[checked].numpy(), base.numpy(), k)[1])  # (c, k)
    same = true <= ROUNDING * (asked[checked] ** 2).sum(1, keepdim=True)
    del base
    certain = _certain(cells, asked[checked], true[~same.all(1)], same[~same.all(1)])
    places = torch.full((len(asked), k), -1, dtype=torch.int64)
    squared = torch.full((len(asked), k), torch.inf)
    for start in range(0, len(asked), ASKED):
        _search(
            cells, asked[start : start + ASKED], certain, places[start : start + ASKED], squared[start : start + ASKED]
        )
        work.update(start, len(asked), f"comparing rows, {start:,} of {len(asked):,}")
    reached = squared[checked] <= true[:, -1:] * (1 + 1e-4) + ROUNDING
    wanted = int((~same).sum())
    recall = max(0.0, int(reached.sum()) - int(same.sum())) / wanted if wanted else 1.0
    return Found(places.numpy(), squared.numpy(), certain, min(1.0, recall))


def _cells(base: "Tensor", seed: int) -> _Cells:
    import torch

    centres = means(base, max(1, min(len(base), round(2 * len(base) ** 0.5))), TRAINED, seed)
    home = torch.cat([squared_distances(part, centres).argmin(1) for part in base.split(8192)])
    rows = torch.argsort(home, stable=True)
    ends = torch.bincount(home, minlength=len(centres)).cumsum(0).tolist()
    return _Cells(base[rows], rows, ends, centres, squared_distances(centres, centres).clamp_min(0).sqrt())


def _bounds(cells: _Cells, asked: "Tensor") -> tuple["Tensor", "Tensor"]:
    """How far (b, m) the points of each cell are from each query at least, and the squared distances (b, m) to the
    centres."""
    squared = squared_distances(asked, cells.centres)
    least, home = squared.min(1, keepdim=True)
    lengths = (cells.centres**2).sum(1)
    lost = ROUNDING * ((asked**2).sum(1, keepdim=True) + lengths + lengths[home])
    return (squared - least - lost) / (2 * cells.apart[home[:, 0]]).clamp_min(1e-12), squared


def _certain(cells: _Cells, asked: "Tensor", true: "Tensor", same: "Tensor") -> float:
    """The radius that ``SHARE`` of the pairs pays for, judged by some queries; ``true`` are squared distances, ``same``
    those that are 0."""
    import torch

    bounds = _bounds(cells, asked)[0].flatten()
    sizes = torch.tensor(cells.ends).diff(prepend=torch.zeros(1, dtype=torch.int64)).double().repeat(len(asked))
    order = bounds.argsort()
    spent = sizes[order].cumsum(0) <= SHARE * len(asked) * len(cells.points)
    paid = float(bounds[order][spent][-1]) if bool(spent.any()) else 0.0
    usual = float(torch.where(same, torch.inf, true).amin(1).median().sqrt()) if len(true) else 0.0
    return max(0.0, min(paid, usual))


def _search(cells: _Cells, asked: "Tensor", certain: float, places: "Tensor", squared: "Tensor") -> None:
    """Fill ``places`` and ``squared`` (b, k) for some queries (b, d): first from each one's own cell, so that the
    others seldom add."""
    import torch

    homes, others = [], []
    for part in asked.split(4096):
        bounds, distance = _bounds(cells, part)
        near = distance.topk(min(PROBES, len(cells.centres)), largest=False).indices
        others.append((bounds <= certain).scatter_(1, near, True).scatter_(1, near[:, :1], False))
        homes.append(near[:, 0])
    home = torch.cat(homes)  # (b,)
    other = torch.cat(others).T.contiguous()  # (m, b)
    _visit(cells, asked, lambda cell: home == cell, places, squared)
    _visit(cells, asked, other.__getitem__, places, squared)


def _visit(
    cells: _Cells, asked: "Tensor", members: "Callable[[int], Tensor]", places: "Tensor", squared: "Tensor"
) -> None:
    """Compare each cell with the queries (a mask (b,)) that ``members`` names for it."""
    import torch

    k = places.shape[1]
    lengths = (asked**2).sum(1)
    start = 0
    for cell, end in enumerate(cells.ends):
        inside = cells.points[start:end]
        first = start
        start = end
        if first == end:
            continue
        shorter = -(inside**2).sum(1)
        for rows in members(cell).nonzero()[:, 0].split(8192):
            # (b, members): |q|^2 minus the squared distance.
            closeness = torch.addmm(shorter, asked[rows], inside.T, alpha=2.0)
            better = (lengths[rows] - closeness.amax(1)).clamp_min(0) < squared[rows, -1]
            rows, closeness = rows[better], closeness[better]
            values, best = largest(closeness, min(k, len(inside)))
            found = (lengths[rows, None] - values).clamp_min(0)
            both = torch.cat([squared[rows], found], dim=1).sort(dim=1, stable=True)
            squared[rows] = both.values[:, :k]
            places[rows] = torch.cat([places[rows], cells.rows[first + best]], dim=1).gather(1, both.indices[:, :k])
