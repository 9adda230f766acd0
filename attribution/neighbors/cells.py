"""Nearest neighbours of a million rows: search only the cells of the space that lie near a row, and measure what that
misses."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.neighbors.exact import largest
from attribution.neighbors.means import means
from attribution.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

EXACT_ROWS = 300_000  # up to here all pairs are compared
PROBES = 12  # cells searched per row
TRAINED = 64  # rows per cell that k-means looks at
CHECKED = 500  # rows searched exactly, too


def nearest_in_cells(
    features: np.ndarray,
    k: int,
    *,
    probes: int = PROBES,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """The ``k`` most similar other rows of every row, nearly: those in the ``probes`` cells whose centres are most
    similar to it.

    ``features`` is (n, d) float; returns indices (n, k) int32, cosine similarities (n, k) float32, most similar first,
    and the recall: the share of the true neighbours found for ``CHECKED`` rows drawn by ``seed``. About √n cells are
    placed by k-means on the directions. Where the cells hold fewer than ``k`` others, the row itself fills up, with
    similarity -1. Costs n √n d (1 + ``probes``) multiplications. Same input and seed, same output.
    """
    import torch

    work = progress or Progress()
    points = torch.as_tensor(np.array(features, dtype=np.float32), device=device)
    points /= points.norm(dim=1, keepdim=True).clamp_min(1e-12)  # (n, d)
    n = len(points)
    k = min(k, len(points) - 1)
    centres = means(points, max(1, round(n**0.5)), TRAINED, seed, directions=True)  # (m, d)
    probes = min(probes, len(centres))
    asked = torch.cat([largest(part @ centres.T, probes)[1].int() for part in points.split(8192)])  # (n, probes)
    home = torch.argsort(asked[:, 0], stable=True)
    ends = torch.bincount(asked[:, 0], minlength=len(centres)).cumsum(0)
    who = torch.argsort(asked.flatten(), stable=True) // probes  # rows by the cell that they ask
    asked_ends = torch.bincount(asked.flatten(), minlength=len(centres)).cumsum(0)
    indices = torch.arange(n, dtype=torch.int32, device=points.device)[:, None].repeat(1, k)
    similarities = torch.full((n, k), -1.0, device=points.device)
    for cell in range(len(centres)):
        inside = home[(ends[cell - 1] if cell else 0) : ends[cell]]
        if not len(inside):
            continue
        for rows in who[(asked_ends[cell - 1] if cell else 0) : asked_ends[cell]].split(8192):
            similarity = points[rows] @ points[inside].T  # (b, members)
            own = torch.nonzero(asked[rows, 0] == cell).flatten()  # the only rows that could find themselves here
            similarity[own, torch.searchsorted(inside, rows[own])] = -torch.inf
            values, places = largest(similarity, min(k, len(inside)))
            both = torch.cat([similarities[rows], values], dim=1).sort(dim=1, descending=True, stable=True)
            similarities[rows] = both.values[:, :k]
            indices[rows] = torch.cat([indices[rows], inside[places].int()], dim=1).gather(1, both.indices[:, :k])
        if cell % 16 == 0:
            work.update(cell, len(centres), f"searching neighbours, {cell:,} of {len(centres):,} cells")
    return indices.cpu().numpy(), similarities.cpu().numpy(), _recall(points, indices, k, seed)


def _recall(points: "Tensor", indices: "Tensor", k: int, seed: int) -> float:
    import torch

    rows = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed + 1))[:CHECKED].to(points.device)
    found = []
    for part in rows.split(32):
        similarity = points[part] @ points.T
        similarity[torch.arange(len(part), device=part.device), part] = -torch.inf
        kth = similarity.topk(k, dim=1).values[:, -1:]
        true = similarity.gather(1, indices[part].long()) >= kth - 1e-6
        found.append(true.float().mean(1))
    return float(torch.cat(found).mean())
