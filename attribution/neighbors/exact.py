"""Unit vectors, and exact nearest neighbours by cosine similarity, one block of rows at a time."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

BLOCK_BYTES = 128 << 20  # of the similarity matrix, held at once
GROUP = 64  # columns whose maximum is looked at first: the k best are all in the k groups with the largest maxima


def unit(features: np.ndarray) -> np.ndarray:
    """The rows (n, d) float64 scaled to length 1; a row of zeros stays."""
    features = np.asarray(features, dtype=np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def largest(values: "Tensor", k: int) -> tuple["Tensor", "Tensor"]:
    """``torch.topk`` of the rows (b, n), many times faster for wide rows: first the groups of columns, then inside the
    best ``k`` of them."""
    b, n = values.shape
    groups = n // GROUP
    if groups <= 2 * k:
        best = values.topk(k, dim=1)
        return best.values, best.indices
    import torch

    even = values[:, : groups * GROUP].view(b, groups, GROUP)
    top = even.amax(2).topk(k, dim=1).indices  # (b, k) groups
    columns = (top[:, :, None] * GROUP + torch.arange(GROUP, device=values.device)).flatten(1)  # (b, k GROUP)
    rest = torch.arange(groups * GROUP, n, device=values.device).expand(b, -1)
    columns = torch.cat([columns, rest], dim=1)
    best = values.gather(1, columns).topk(k, dim=1)
    return best.values, columns.gather(1, best.indices)


def nearest(
    features: np.ndarray, k: int, *, device: str = "cpu", block: int = 0, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` most similar other rows of every row.

    ``features`` is (n, d) float; returns indices (n, k) int32 and cosine similarities (n, k) float32, most similar
    first, the row itself left out. ``k`` is cut to n - 1. A row of zeros has similarity 0 to everything. Costs n^2 d
    multiplications; never holds more than ``block`` rows of the similarity matrix (0: as many as fit in 128 MB).
    """
    import torch

    points = torch.as_tensor(np.array(features, dtype=np.float32), device=device)
    points /= points.norm(dim=1, keepdim=True).clamp_min(1e-12)  # (n, d)
    n = len(points)
    k = min(k, len(points) - 1)
    block = block or max(16, min(2048, BLOCK_BYTES // (4 * max(n, 1))))
    indices, similarities = [], []
    for start in range(0, n, block):
        similarity = points[start : start + block] @ points.T  # (block, n)
        own = torch.arange(start, min(start + block, n), device=points.device)
        similarity[own - start, own] = -torch.inf
        best, places = largest(similarity, k)
        indices.append(places.int().cpu())
        similarities.append(best.cpu())
        if progress is not None:
            progress.update(min(start + block, n), n, f"searching neighbours, {min(start + block, n):,} of {n:,}")
    return torch.cat(indices).numpy(), torch.cat(similarities).numpy()


def nearest_among(queries: np.ndarray, points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` rows of ``points`` (n, d) at the smallest Euclidean distance of every query (q, d): positions (q, k)
    int64 and squared distances (q, k) float32, nearest first. Costs q n d multiplications, in blocks of
    ``BLOCK_BYTES``."""
    import torch

    base = torch.as_tensor(np.array(points, dtype=np.float32))
    asked = torch.as_tensor(np.array(queries, dtype=np.float32))
    lengths = (base**2).sum(1)  # (n,)
    k = min(k, len(base))
    block = max(16, BLOCK_BYTES // (4 * max(len(base), 1)))
    places, distances = [], []
    for start in range(0, len(asked), block):
        part = asked[start : start + block]
        closeness = torch.addmm(-lengths[None, :], part, base.T, alpha=2.0)  # (b, n): |q|^2 minus the squared distance
        best, found = largest(closeness, k)
        places.append(found)
        distances.append(((part**2).sum(1, keepdim=True) - best).clamp_min(0))
    if not places:
        return np.zeros((0, k), dtype=np.int64), np.zeros((0, k), dtype=np.float32)
    return torch.cat(places).numpy(), torch.cat(distances).numpy()
