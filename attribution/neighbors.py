"""Unit vectors, and exact nearest neighbours by cosine similarity, one block of rows at a time."""

import numpy as np


def unit(features: np.ndarray) -> np.ndarray:
    """The rows (n, d) float64 scaled to length 1; a row of zeros stays."""
    features = np.asarray(features, dtype=np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def nearest(features: np.ndarray, k: int, *, device: str = "cpu", block: int = 2048) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` most similar other rows of every row.

    ``features`` is (n, d) float; returns indices (n, k) int32 and cosine similarities (n, k) float32, most similar first, the row itself
    left out. ``k`` is cut to n - 1. A row of zeros has similarity 0 to everything. Costs n^2 d multiplications; never holds more than
    ``block`` rows of the similarity matrix.
    """
    import torch

    points = torch.as_tensor(np.ascontiguousarray(features, dtype=np.float32), device=device)
    points = points / points.norm(dim=1, keepdim=True).clamp_min(1e-12)  # (n, d)
    k = min(k, len(points) - 1)
    indices, similarities = [], []
    for start in range(0, len(points), block):
        similarity = points[start : start + block] @ points.T  # (block, n)
        own = torch.arange(start, min(start + block, len(points)), device=points.device)
        similarity[own - start, own] = -torch.inf
        best = similarity.topk(k, dim=1)
        indices.append(best.indices.int().cpu())
        similarities.append(best.values.cpu())
    return torch.cat(indices).numpy(), torch.cat(similarities).numpy()
